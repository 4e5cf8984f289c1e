"""The requests and results of the Quantemplate hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
)
from airflow_provider_dataops.hooks.quantemplate import choose_output
from airflow_provider_dataops.platforms.quantemplate.model import Execution, Output
from tests.unit.fakes import reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
    from tests.unit.hooks.worker import Worker

TOKEN = reply(body={"access_token": "t0ken", "expires_in": 300})
CSV = "Name;Prämie\nÅsa;1\n".encode()


def listed(*outputs: dict[str, str], run_id: str = "e-7") -> Any:
    return reply(body=[{"id": run_id, "runNumber": 7, "status": "Succeeded", "outputs": list(outputs)}])


def paths(worker: Worker) -> list[str]:
    """Return the requests to the API, without the token request."""
    base = "https://fabric.prod.quantemplate.com/external/v1/organisations/"
    return [f"{sent.method} {sent.url.removeprefix(base)}" for sent in worker.wire.sent[1:]]


class TestUpload:
    def test_sends_the_file_and_returns_its_size(self, worker: Worker, tmp_path: Path) -> None:
        file = tmp_path / "claims.csv"
        file.write_bytes(CSV)
        worker.wire.expect(TOKEN, reply())
        sent = worker.quantemplate().upload_dataset(source=str(file), dataset_id="d-1", trace_id="dag/run")
        assert sent == len(CSV)
        assert paths(worker) == ["POST c-1/datasets/d-1"]
        assert worker.wire.sent[1].body == CSV
        assert worker.wire.sent[1].headers["X-QT-Trace-Id"] == "dag/run"

    def test_uses_the_organisation_of_the_call(self, worker: Worker, tmp_path: Path) -> None:
        file = tmp_path / "claims.csv"
        file.write_bytes(CSV)
        worker.wire.expect(TOKEN, reply())
        worker.quantemplate().upload_dataset(source=str(file), dataset_id="d", organisation_id="c-9")
        assert paths(worker) == ["POST c-9/datasets/d"]

    @pytest.mark.parametrize("content", [None, b""])
    def test_of_an_empty_or_missing_file_fails_before_a_token_is_requested(
        self, worker: Worker, tmp_path: Path, content: bytes | None
    ) -> None:
        file = tmp_path / "claims.csv"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InvalidArgumentError, match=r"source .*claims\.csv"):
            worker.quantemplate().upload_dataset(source=str(file), dataset_id="d-1")
        assert not worker.wire.sent


class TestDownload:
    def test_writes_a_dataset_to_a_file(self, worker: Worker, tmp_path: Path) -> None:
        file = tmp_path / "new" / "out.csv"
        worker.wire.expect(TOKEN, reply(503), reply(body=CSV))
        hook = worker.quantemplate()
        assert hook.download_dataset(dataset_id="d-1", destination=str(file), version=0) == len(CSV)
        assert file.read_bytes() == CSV
        assert paths(worker) == ["GET c-1/datasets/d-1?version=0"] * 2

    def test_of_an_output_by_its_id_sends_one_request(self, worker: Worker, tmp_path: Path) -> None:
        worker.wire.expect(TOKEN, reply(body=CSV))
        worker.quantemplate().download_output(
            pipeline_id="p-1", execution_id="e-7", output_id="o-1", destination=str(tmp_path / "o.csv")
        )
        assert paths(worker) == ["GET c-1/pipelines/p-1/executions/e-7/outputs/o-1"]

    def test_finds_an_output_by_its_name(self, worker: Worker, tmp_path: Path) -> None:
        found = listed({"id": "o-1", "name": "A"}, {"id": "o-2", "name": "Stage 1: clean"})
        worker.wire.expect(TOKEN, found, reply(body=CSV))
        worker.quantemplate().download_output(
            pipeline_id="p-1",
            execution_id="e-7",
            output_name="Stage 1: clean",
            destination=str(tmp_path / "o.csv"),
        )
        assert paths(worker)[1] == "GET c-1/pipelines/p-1/executions/e-7/outputs/o-2"

    def test_does_not_use_a_file_name_from_the_server(self, worker: Worker, tmp_path: Path) -> None:
        disposition = {"Content-Disposition": 'attachment; filename="../../evil.csv"'}
        found = listed({"id": "o-1", "name": "../../evil.csv"})
        worker.wire.expect(TOKEN, found, reply(body=CSV, headers=disposition))
        file = tmp_path / "deep" / "er" / "mine.csv"
        worker.quantemplate().download_output(pipeline_id="p-1", execution_id="e-7", destination=str(file))
        assert [p for p in tmp_path.rglob("*") if p.is_file()] == [file]

    def test_without_content_writes_an_empty_file(self, worker: Worker, tmp_path: Path) -> None:
        file = tmp_path / "out.csv"
        cut_off = reply(body=b"a,b", headers={"Content-Length": "8"})
        worker.wire.expect(TOKEN, cut_off, reply(204))
        assert worker.quantemplate().download_dataset(dataset_id="d-1", destination=str(file)) == 0
        assert file.read_bytes() == b""

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (reply(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), MalformedReplyError),
            (reply(201), MalformedReplyError),
            (reply(500), ServerError),
        ],
    )
    def test_keeps_the_old_file_if_it_fails(
        self, worker: Worker, tmp_path: Path, answer: Any, error: type[Exception]
    ) -> None:
        file = tmp_path / "out.csv"
        file.write_bytes(b"old")
        worker.clock.chance = 0.99
        worker.wire.expect(TOKEN, *[answer] * 20)
        with pytest.raises(error):
            worker.quantemplate().download_dataset(dataset_id="d-1", destination=str(file))
        assert file.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [file]


class TestExecutions:
    def test_an_unlisted_execution_raises_not_found(self, worker: Worker) -> None:
        worker.wire.expect(TOKEN, listed(run_id="e-8"))
        with pytest.raises(NotFoundError, match=r"Quantemplate: get execution e-7 failed: .*p-1"):
            worker.quantemplate().get_execution(pipeline_id="p-1", execution_id="e-7")

    def test_a_start_without_a_response_is_not_repeated(self, worker: Worker) -> None:
        worker.wire.expect(TOKEN, reply(502))
        with pytest.raises(ServerError):
            worker.quantemplate().execute_pipeline(pipeline_id="p-1")

    def test_one_token_is_used_for_many_calls(self, worker: Worker) -> None:
        worker.wire.expect(TOKEN, listed(), listed())
        hook = worker.quantemplate()
        assert [e.id for e in hook.list_executions(pipeline_id="p-1")] == ["e-7"]
        assert hook.get_execution(pipeline_id="p-1", execution_id="e-7").state is RunState.SUCCEEDED
        assert paths(worker) == ["GET c-1/pipelines/p-1/executions"] * 2


@pytest.mark.parametrize(
    "call",
    [
        lambda hook, path: hook.upload_dataset(source=path, dataset_id=""),
        lambda hook, path: hook.upload_dataset(source="", dataset_id="d"),
        lambda hook, path: hook.download_dataset(dataset_id=" ", destination=path),
        lambda hook, path: hook.download_dataset(dataset_id="d", destination=""),
        lambda hook, path: hook.download_dataset(dataset_id="d", destination=path, version=-1),
        lambda hook, path: hook.download_dataset(dataset_id="d", destination=path, version="3"),
        lambda hook, path: hook.download_dataset(dataset_id="d", destination=path, version=True),
        lambda hook, path: hook.download_dataset(dataset_id="..", destination=path),
        lambda hook, path: hook.execute_pipeline(pipeline_id=None),
        lambda hook, path: hook.list_executions(pipeline_id=""),
        lambda hook, path: hook.get_execution(pipeline_id="p", execution_id=""),
        lambda hook, path: hook.get_execution(pipeline_id="", execution_id="e"),
        lambda hook, path: hook.download_output(pipeline_id="p", execution_id="", destination=path),
        lambda hook, path: hook.download_output(pipeline_id="p", execution_id="e", destination=path + "/"),
        lambda hook, path: hook.download_output(
            pipeline_id="p", execution_id="e", destination=path, output_id="o", output_name="n"
        ),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(
    worker: Worker, tmp_path: Path, call: Callable[[QuantemplateHook, str], Any]
) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(CSV)
    with pytest.raises(InvalidArgumentError):
        call(worker.quantemplate(), str(file))
    assert not worker.wire.sent
    assert file.read_bytes() == CSV


def test_a_call_without_an_organisation_fails_before_a_request_is_sent(worker: Worker) -> None:
    worker.connect("quantemplate_default", extra=None)
    with pytest.raises(InvalidArgumentError, match="organisation_id"):
        worker.quantemplate().execute_pipeline(pipeline_id="p-1")
    assert not worker.wire.sent


def test_a_connection_without_a_secret_fails_before_a_request_is_sent(worker: Worker) -> None:
    worker.connect("quantemplate_default", password=None)
    with pytest.raises(ConnectionSettingsError, match=r"'quantemplate_default'.*client secret"):
        worker.quantemplate().execute_pipeline(pipeline_id="p-1")
    assert not worker.wire.sent


class TestChooseOutput:
    def execution(self, *names: str) -> Execution:
        outputs = tuple(Output(f"o-{n}", name) for n, name in enumerate(names))
        return Execution(
            id="e-7", run_number=7, status="Succeeded", state=RunState.SUCCEEDED, outputs=outputs
        )

    def test_returns_the_only_output_without_a_name(self) -> None:
        assert choose_output(self.execution("only"), None).id == "o-0"

    def test_compares_the_whole_name(self) -> None:
        assert choose_output(self.execution("a", "a b", ""), "a b").id == "o-1"

    @pytest.mark.parametrize(
        ("names", "wanted", "words"),
        [
            ((), None, "0 outputs .*give output_id or output_name.*: \\[\\]"),
            (("a", "b"), None, "2 outputs .*\\['a', 'b'\\]"),
            (("a", "b"), "c", "0 outputs named 'c'.*\\['a', 'b'\\]"),
            (("a b", "c"), "a", "0 outputs named 'a'"),
            (("a", "a"), "a", "2 outputs named 'a'"),
        ],
    )
    def test_lists_the_outputs_if_no_single_one_matches(
        self, names: tuple[str, ...], wanted: str | None, words: str
    ) -> None:
        with pytest.raises(InvalidArgumentError, match=f"execution e-7 \\(Succeeded\\) has {words}"):
            choose_output(self.execution(*names), wanted)
