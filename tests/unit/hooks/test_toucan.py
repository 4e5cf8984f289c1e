"""The requests and results of the Toucan hook."""

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
ACCEPTED = reply(body={"operation_id": "op-1"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text(f"of {name}")
    return tmp_path


def sent_names(worker: Worker) -> list[str]:
    """Return the names of the files that were sent, in alphabetical order."""
    return sorted(
        name
        for name in ("a.csv", "b.csv", "c.csv")
        for s in worker.wire.sent
        if f"of {name}".encode() in s.body
    )


class TestUpload:
    def test_sends_one_file_with_another_name(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(ACCEPTED)
        source = str(folder / "a.csv")
        uploaded = worker.toucan().upload_data_source(source=source, filename="sales.csv", small_app="x y")
        assert uploaded == [Uploaded(source, "sales.csv", "op-1")]
        (sent,) = worker.wire.sent
        assert sent.url == APP.replace("/app", "/x%20y/data/sources?validation=false")
        assert b'{"filename": "sales.csv"}' in sent.body
        assert sent.options["timeout"][1] == 600.0

    def test_sends_one_request_for_each_file_of_a_folder(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(reply(), reply(), reply())
        uploaded = worker.toucan().upload_data_source(source=str(folder), upload_mode="dropzone")
        assert [(u.filename, u.operation_id) for u in uploaded] == [
            ("a.csv", ""),
            ("b.csv", ""),
            ("c.csv", ""),
        ]
        assert sent_names(worker) == ["a.csv", "b.csv", "c.csv"]
        ids = {s.body.partition(b'name="dzuuid"')[2][:40] for s in worker.wire.sent}
        assert len(ids) == 3

    def test_sends_the_whole_file_again_after_an_outage(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(reply(503), ACCEPTED)
        worker.toucan().upload_data_source(source=str(folder / "a.csv"))
        assert sent_names(worker) == ["a.csv", "a.csv"]

    def test_reports_every_failure_at_the_end(self, worker: Worker, folder: Path) -> None:
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

    def test_reports_the_uploaded_files_after_a_failure(self, worker: Worker, folder: Path) -> None:
        (folder / "c.csv").unlink()
        worker.wire.expect(reply(409, "busy"), ACCEPTED)
        with pytest.raises(UploadError, match=r"1 of 2 files were not uploaded: .*a\.csv: .*busy") as caught:
            worker.toucan().upload_data_source(source=f"{folder}/*.csv")
        assert caught.value.uploaded == [str(folder / "b.csv")]
        assert not caught.value.permanent

    def test_does_not_send_rejected_credentials_with_each_file(self, worker: Worker, folder: Path) -> None:
        worker.wire.expect(reply(401, "no"))
        with pytest.raises(UploadError, match="not sent, because Toucan refused the credentials") as caught:
            worker.toucan().upload_data_source(source=str(folder))
        assert len(worker.wire.sent) == 1
        assert caught.value.permanent

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"filename": "x.csv"}, "filename 'x.csv' needs a source of exactly one file; source matches 3"),
            ({"filename": ""}, "filename"),
            ({"source": "/nowhere/*.csv"}, "matches no file"),
            ({"source": ""}, "source"),
            ({"validation": None}, "validation"),
            ({"stage": "prod"}, "stage"),
            ({"upload_mode": "x"}, "upload_mode"),
        ],
    )
    def test_with_invalid_arguments_sends_nothing(
        self, worker: Worker, folder: Path, arguments: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            worker.toucan().upload_data_source(**{"source": str(folder), **arguments})
        assert not worker.wire.sent

    def test_of_two_files_with_the_same_name_fails(self, worker: Worker, folder: Path) -> None:
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
def test_each_method_sends_its_request(
    worker: Worker, call: Callable[[ToucanHook], Any], path: str, body: dict[str, Any]
) -> None:
    worker.wire.expect(ACCEPTED)
    accepted = call(worker.toucan())
    assert (accepted.operation_id, accepted.answer) == ("op-1", {"operation_id": "op-1"})
    (sent,) = worker.wire.sent
    assert (sent.url, json.loads(sent.body)) == (APP + path, body)
    # Toucan may respond to a partial run only at its end. It responds to the others at once.
    assert sent.options["timeout"][1] == (30.0 if "operations" in path else 900.0)


def test_a_submission_without_a_response_is_not_repeated(worker: Worker) -> None:
    worker.wire.expect(reply(503))
    with pytest.raises(Exception, match="HTTP 503"):
        worker.toucan().populate()
    assert len(worker.wire.sent) == 1


def test_a_status_request_is_repeated_after_a_short_outage(worker: Worker) -> None:
    worker.wire.expect(reply(502), reply(body={"status": "successful", "x": 1}))
    operation = worker.toucan().get_operation("op-1")
    assert (operation.state, operation.answer) == (RunState.SUCCEEDED, {"status": "successful", "x": 1})


def test_configuration_and_small_apps_are_read(worker: Worker) -> None:
    worker.wire.expect(reply(body={"DATA_SOURCES": []}), reply(body=[{"id": "app"}]))
    hook = worker.toucan()
    assert hook.get_etl_config() == {"DATA_SOURCES": []}
    assert [app.id for app in hook.list_small_apps()] == ["app"]
    assert [s.url for s in worker.wire.sent] == [f"{APP}/config/etl", APP.replace("/app", "/small-apps")]


def test_the_test_button_sends_rejected_credentials_once(worker: Worker) -> None:
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
def test_invalid_arguments_fail_before_a_request_is_sent(
    worker: Worker, call: Callable[[ToucanHook], Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        call(worker.toucan())
    assert not worker.wire.sent


def test_an_unknown_selector_raises_a_type_error(worker: Worker) -> None:
    with pytest.raises(TypeError, match="output_domain"):
        worker.toucan().populate(output_domain=["o"])  # type: ignore[call-arg]
    assert not worker.wire.sent


def test_an_error_contains_the_operation_that_failed(worker: Worker) -> None:
    worker.wire.expect(reply(401, {"statusCode": 401, "message": "no access"}))
    with pytest.raises(
        AuthenticationError, match=r"Toucan: populate and release failed: HTTP 401: no access"
    ):
        worker.toucan().populate(release=True)
