"""What the Toucan hook does for a task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    UploadError,
)
from airflow_provider_dataops.hooks.toucan import Uploaded
from tests.unit.fakes import reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_dataops.hooks.toucan import ToucanHook
    from tests.unit.hooks.worker import Worker

APP = "https://api-demo.toucantoco.com/app"
TAKEN = reply(body={"operation_id": "op-1"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text(f"of {name}")
    return tmp_path


def sent_names(worker: Worker) -> list[str]:
    """Return the files that were sent, in order of their names."""
    return sorted(
        name
        for name in ("a.csv", "b.csv", "c.csv")
        for s in worker.wire.sent
        if f"of {name}".encode() in s.body
    )


class TestUpload:
    def test_of_one_file_under_another_name(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(TAKEN)
        source = str(folder / "a.csv")
        told = worker.toucan().upload_data_source(source=source, filename="sales.csv", small_app="x y")
        assert told == [Uploaded(source, "sales.csv", "op-1")]
        (sent,) = worker.wire.sent
        assert sent.url == APP.replace("/app", "/x%20y/data/sources?validation=false")
        assert b'{"filename": "sales.csv"}' in sent.body
        assert sent.options["timeout"][1] == 600.0

    def test_of_a_folder_is_a_request_a_file(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(reply(), reply(), reply())
        told = worker.toucan().upload_data_source(source=str(folder), upload_mode="dropzone")
        assert [(u.filename, u.operation_id) for u in told] == [("a.csv", ""), ("b.csv", ""), ("c.csv", "")]
        assert sent_names(worker) == ["a.csv", "b.csv", "c.csv"]
        ids = {s.body.partition(b'name="dzuuid"')[2][:40] for s in worker.wire.sent}
        assert len(ids) == 3

    def test_is_repeated_whole_after_an_outage(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(reply(503), TAKEN)
        worker.toucan().upload_data_source(source=str(folder / "a.csv"))
        assert sent_names(worker) == ["a.csv", "a.csv"]

    def test_names_every_failure_at_the_end(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(
            reply(400, "unknown data source"), reply(413, "too large"), reply(413, "too large")
        )
        with pytest.raises(UploadError) as caught:
            worker.toucan().upload_data_source(source=str(folder))
        assert len(worker.wire.sent) == 3
        assert list(caught.value.failures) == [str(folder / n) for n in ("a.csv", "b.csv", "c.csv")]
        assert isinstance(caught.value.failures[str(folder / "a.csv")], BadRequestError)
        assert str(caught.value).startswith("3 of 3 files were not uploaded: ")
        assert caught.value.permanent

    def test_tells_what_was_uploaded_all_the_same(self, worker: Worker, folder: Path) -> None:
        (folder / "c.csv").unlink()
        worker.wire.expect(reply(409, "busy"), TAKEN)
        with pytest.raises(UploadError, match=r"1 of 2 files were not uploaded: .*a\.csv: .*busy") as caught:
            worker.toucan().upload_data_source(source=f"{folder}/*.csv")
        assert caught.value.uploaded == [str(folder / "b.csv")]
        assert not caught.value.permanent

    def test_does_not_send_refused_credentials_with_each_file(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(reply(401, "no"))
        with pytest.raises(UploadError, match="not sent, because Toucan refused the credentials") as caught:
            worker.toucan().upload_data_source(source=str(folder))
        assert len(worker.wire.sent) == 1
        assert caught.value.permanent

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"filename": "x.csv"}, "filename 'x.csv' needs exactly one file; source matches 3"),
            ({"filename": ""}, "filename"),
            ({"source": "/nowhere/*.csv"}, "matches no file"),
            ({"source": ""}, "source"),
            ({"validation": None}, "validation"),
            ({"stage": "prod"}, "stage"),
            ({"upload_mode": "x"}, "upload_mode"),
        ],
    )
    def test_that_makes_no_sense_sends_nothing(
        self, worker: Worker, folder: Path, arguments: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            worker.toucan().upload_data_source(**{"source": str(folder), **arguments})
        assert not worker.wire.sent

    def test_of_two_files_of_one_name_is_refused(self, worker: Worker, folder: Path) -> None:
        (folder / "more").mkdir()
        (folder / "more" / "a.csv").write_text("another")
        with pytest.raises(InvalidArgumentError, match="two files with the same name"):
            worker.toucan().upload_data_source(source=f"{folder}/**/*.csv")
        assert not worker.wire.sent


@pytest.mark.parametrize(
    ("call", "path", "body"),
    [
        (
            lambda hook: hook.run_operations(operations=["release"], origin=None, output_domains=["o"]),
            "/operations?stage=staging",
            {"operations": ["release"], "output_domains": ["o"]},
        ),
        (
            lambda hook: hook.preprocess(functions=["f"], stage=None, asynchronous=False),
            "/data/preprocess",
            {"functions": ["f"], "async": False},
        ),
        (
            lambda hook: hook.populate(input_domains=["i"], extra_selector={"x": 1}, release=True),
            "/populate?stage=staging&release",
            {"input_domains": ["i"], "x": 1},
        ),
    ],
)
def test_each_kind_of_work(
    worker: Worker, call: Callable[[ToucanHook], Any], path: str, body: dict[str, Any]
) -> None:
    worker.wire.expect(TAKEN)
    accepted = call(worker.toucan())
    assert (accepted.operation_id, accepted.answer) == ("op-1", {"operation_id": "op-1"})
    (sent,) = worker.wire.sent
    assert (sent.url, json.loads(sent.body)) == (APP + path, body)
    # A partial run may be answered at its end; the others answer at once.
    assert sent.options["timeout"][1] == (30.0 if "operations" in path else 900.0)


def test_a_submission_without_an_answer_is_not_repeated(worker: Worker) -> None:
    worker.wire.expect(reply(503))
    with pytest.raises(Exception, match="HTTP 503"):
        worker.toucan().populate()
    assert len(worker.wire.sent) == 1


def test_looking_bears_a_short_outage(worker: Worker) -> None:
    worker.wire.expect(reply(502), reply(body={"status": "successful", "x": 1}))
    told = worker.toucan().get_operation("op-1")
    assert (told.state, told.answer) == (RunState.SUCCEEDED, {"status": "successful", "x": 1})


def test_configuration_and_small_apps_are_read(worker: Worker) -> None:
    worker.wire.expect(reply(body={"DATA_SOURCES": []}), reply(body=[{"id": "app"}]))
    hook = worker.toucan()
    assert hook.get_etl_config() == {"DATA_SOURCES": []}
    assert [app.id for app in hook.list_small_apps()] == ["app"]
    assert [s.url for s in worker.wire.sent] == [f"{APP}/config/etl", APP.replace("/app", "/small-apps")]


def test_the_test_button_sends_refused_credentials_once(worker: Worker) -> None:
    worker.wire.expect(reply(401, "Bad username pl4nted"))
    good, message = worker.toucan().test_connection()
    assert (good, message) == (False, "Toucan: list small apps: HTTP 401: the credentials are not accepted")
    assert len(worker.wire.sent) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda hook: hook.run_operations(operations=[]),
        lambda hook: hook.preprocess(input_domains="referential"),
        lambda hook: hook.populate(release=1),
        lambda hook: hook.get_operation(" "),
        lambda hook: hook.get_operation(".."),
        lambda hook: hook.get_etl_config(stage="x"),
    ],
)
def test_bad_arguments_fail_before_anything_is_sent(
    worker: Worker, call: Callable[[ToucanHook], Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        call(worker.toucan())
    assert not worker.wire.sent


def test_an_unknown_selector_is_refused(worker: Worker) -> None:
    with pytest.raises(TypeError, match="output_domain"):
        worker.toucan().populate(output_domain=["o"])  # type: ignore[call-arg]
    assert not worker.wire.sent


def test_errors_name_what_failed(worker: Worker) -> None:
    worker.wire.expect(reply(401, {"statusCode": 401, "message": "no access"}))
    with pytest.raises(
        AuthenticationError, match=r"Toucan: populate and release failed: HTTP 401: no access"
    ):
        worker.toucan().populate(release=True)
