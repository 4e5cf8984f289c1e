"""The methods of the hooks, against a sandbox over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    BadRequestError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UploadError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.bench.base import Bench

    Calls = tuple[Callable[[], object], ...]

CSV = "id,name\n1,Zoë ✓\n2,Łukasz\n".encode()


class TestTamr:
    def test_each_kind_of_job_is_created(self, tamr: Bench) -> None:
        hook = tamr.hook()
        jobs = [
            hook.load_source("src_orders"),
            hook.update_data_product("dp_customers"),
            hook.run_workflow("flow_sor"),
            hook.publish("dest_golden", "dp_customers"),
            hook.publish("dest_realtime"),
        ]
        assert [job.configuration for job in jobs] == [
            {"load": {"sourceId": "src_orders"}},
            {"update": {"dataProductId": "dp_customers"}},
            {"update": {"workflowId": "flow_sor"}},
            {"publish": {"destinationId": "dest_golden", "dataProductId": "dp_customers"}},
            {"publish": {"destinationId": "dest_realtime"}},
        ]
        assert [run.run_id for run in tamr.sandbox.runs()] == [job.job_id for job in jobs]
        assert tamr.sandbox.journal.refusals() == []

    def test_a_rejected_job_is_reported_and_not_sent_again_if_all_slots_are_taken(self, tamr: Bench) -> None:
        hook = tamr.hook()
        for _ in range(5):
            tamr.start()
        with pytest.raises(
            RateLimitedError, match="HTTP 429 Too Many Requests: 5 jobs are running, and only 5"
        ):
            hook.load_source("src_orders")
        assert len(tamr.requests("create_job")) == 1

    def test_a_list_reads_all_pages_unless_max_pages_is_set(self, tamr: Bench) -> None:
        hook, ids = tamr.hook(), [tamr.start() for _ in range(65)]
        assert sorted(job.job_id for job in hook.list_jobs()) == sorted(ids)
        assert len(tamr.requests("list_jobs")) == 3
        assert [job.job_id for job in hook.list_jobs(max_pages=1)] == ids[:-31:-1]

    def test_a_list_contains_only_the_jobs_that_match_its_arguments(self, tamr: Bench) -> None:
        ended, active, other = tamr.start(), tamr.start(), tamr.start("src_suppliers")
        tamr.finish(ended)
        hook = tamr.hook()
        found = hook.list_jobs(source_id="src_orders", filter="status.state != DONE")
        assert [job.job_id for job in found] == [active]
        assert [job.job_id for job in hook.list_jobs(source_id="src_suppliers")] == [other]
        with pytest.raises(BadRequestError, match="list jobs failed: HTTP 400"):
            hook.list_jobs(filter="no such field = 1")

    def test_stop_job_stops_a_job(self, tamr: Bench) -> None:
        hook = tamr.hook()
        job_id = hook.load_source("src_orders").job_id
        hook.stop_job(job_id)
        tamr.sandbox.wait_for(lambda _: tamr.store.run(job_id).finished_at)
        job = hook.get_job(job_id)
        assert (job.status, job.state, job.reason) == ("DONE", RunState.CANCELLED, "STOPPED_BY_USER")

    def test_stop_job_does_not_change_a_job_that_has_ended(self, tamr: Bench) -> None:
        hook, job_id = tamr.hook(), tamr.start()
        tamr.finish(job_id)
        before = hook.get_job(job_id)
        hook.stop_job(job_id)
        assert hook.get_job(job_id) == before
        assert before.state is RunState.SUCCEEDED

    def test_a_job_in_state_done_with_an_error_has_failed(self, tamr: Bench) -> None:
        job_id = tamr.start()
        tamr.store.finish(job_id, {"reason": "SOURCE_UNAVAILABLE", "message": "no such bucket"})
        job = tamr.hook().get_job(job_id)
        assert (job.status, job.state) == ("DONE", RunState.FAILED)
        assert job.snapshot().message == "SOURCE_UNAVAILABLE: no such bucket"

    def test_an_unknown_id_raises_an_error_with_the_id(self, tamr: Bench) -> None:
        with pytest.raises(
            NotFoundError, match="get job job_x failed: HTTP 404 Not Found: job job_x not found"
        ):
            tamr.hook().get_job("job_x")

    def test_invalid_arguments_raise_an_error_before_any_request(self, tamr: Bench) -> None:
        hook = tamr.hook()
        calls: Calls = (
            lambda: hook.get_job(" "),
            lambda: hook.stop_job(""),
            lambda: hook.load_source(""),
            lambda: hook.publish("", "dp"),
            lambda: hook.create_job({}),
            lambda: hook.create_job({"load": {"sourceId": "a"}, "update": {"workflowId": "b"}}),
        )
        for call in calls:
            with pytest.raises(InvalidArgumentError):
                call()
        assert tamr.requests() == []


class TestQuantemplate:
    def test_a_file_is_uploaded_processed_and_downloaded(self, quantemplate: Bench, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes(CSV)
        hook = quantemplate.hook()
        assert hook.upload_dataset(source=str(tmp_path / "in.csv"), dataset_id="d-claims") == len(CSV)
        started = hook.execute_pipeline(pipeline_id="p-claims")
        assert started.state is RunState.RUNNING
        quantemplate.finish(started.id)
        ended = hook.get_execution(pipeline_id="p-claims", execution_id=started.id)
        assert (ended.state, [output.name for output in ended.outputs]) == (RunState.SUCCEEDED, ["Cleansed"])
        where = tmp_path / "new" / "folder" / "out.csv"
        size = hook.download_output(pipeline_id="p-claims", execution_id=started.id, destination=str(where))
        assert size == where.stat().st_size
        assert "Łukasz" in where.read_text()
        assert [path.name for path in where.parent.iterdir()] == ["out.csv"]
        assert quantemplate.sandbox.journal.refusals() == []
        assert len(quantemplate.requests("get_token")) == 1

    def test_each_version_of_a_dataset_is_downloaded_unchanged(
        self, quantemplate: Bench, tmp_path: Path
    ) -> None:
        hook = quantemplate.hook()
        for version in (b"one\n", b"two\n"):
            (tmp_path / "in").write_bytes(version)
            hook.upload_dataset(source=str(tmp_path / "in"), dataset_id="d-1")
        hook.download_dataset(dataset_id="d-1", destination=str(tmp_path / "latest"))
        hook.download_dataset(dataset_id="d-1", destination=str(tmp_path / "first"), version=1)
        assert (tmp_path / "latest").read_bytes() == b"two\n"
        assert (tmp_path / "first").read_bytes() == b"one\n"

    def test_one_of_many_outputs_is_chosen_by_name(self, quantemplate: Bench, tmp_path: Path) -> None:
        hook, run_id = quantemplate.hook(), quantemplate.start("p-two")
        quantemplate.finish(run_id)
        where = {"pipeline_id": "p-two", "execution_id": run_id, "destination": str(tmp_path / "x")}
        with pytest.raises(InvalidArgumentError, match=r"has 2 outputs \(give output_id or output_name\)"):
            hook.download_output(**where)
        with pytest.raises(InvalidArgumentError, match="not both"):
            hook.download_output(**where, output_id="o", output_name="n")
        assert not (tmp_path / "x").exists()
        assert hook.download_output(**where, output_name="Rejected: for review") > 0

    def test_executions_are_listed_and_a_missing_one_raises_an_error(self, quantemplate: Bench) -> None:
        ids = {quantemplate.start() for _ in range(3)}
        hook = quantemplate.hook()
        assert {execution.id for execution in hook.list_executions(pipeline_id="p-1")} == ids
        with pytest.raises(NotFoundError, match="execution e-x is not in the list of pipeline p-1"):
            hook.get_execution(pipeline_id="p-1", execution_id="e-x")

    def test_an_error_quotes_the_server_if_a_resource_is_not_shared(
        self, quantemplate: Bench, tmp_path: Path
    ) -> None:
        (tmp_path / "in").write_bytes(CSV)
        hook = quantemplate.hook()
        with pytest.raises(
            PermissionDeniedError, match="dataset d-unshared is not shared with this API user"
        ):
            hook.upload_dataset(source=str(tmp_path / "in"), dataset_id="d-unshared")
        with pytest.raises(PermissionDeniedError, match="pipeline p-unshared is not shared"):
            hook.execute_pipeline(pipeline_id="p-unshared")

    @pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "html", "status"])
    def test_a_broken_download_starts_again(self, quantemplate: Bench, tmp_path: Path, kind: str) -> None:
        content = CSV * 20_000
        quantemplate.store.upload("d-1", content)
        quantemplate.fault(kind, operation="download_dataset", times=2)
        quantemplate.hook().download_dataset(dataset_id="d-1", destination=str(tmp_path / "x"))
        assert (tmp_path / "x").read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    @pytest.mark.parametrize("kind", ["truncated", "html", "reset_after"])
    def test_a_download_that_never_succeeds_keeps_the_old_file(
        self, quantemplate: Bench, tmp_path: Path, kind: str
    ) -> None:
        (tmp_path / "x").write_bytes(b"old")
        quantemplate.fault(kind, operation="download_dataset")
        with pytest.raises(Exception, match="Quantemplate: download dataset d-claims failed"):
            quantemplate.hook().download_dataset(dataset_id="d-claims", destination=str(tmp_path / "x"))
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]

    @pytest.mark.parametrize("options", [{"kind": "status"}, {"kind": "reset_before", "size": 100_000}])
    def test_a_broken_upload_is_sent_again_completely(
        self, quantemplate: Bench, tmp_path: Path, options: dict[str, Any]
    ) -> None:
        content = CSV * 20_000
        (tmp_path / "in").write_bytes(content)
        quantemplate.fault(operation="upload_dataset", times=2, **options)
        quantemplate.hook().upload_dataset(source=str(tmp_path / "in"), dataset_id="d-1")
        assert [version.size for version in quantemplate.store.datasets["d-1"].versions] == [len(content)]

    def test_invalid_arguments_raise_an_error_before_any_request(
        self, quantemplate: Bench, tmp_path: Path
    ) -> None:
        (tmp_path / "empty").write_bytes(b"")
        hook = quantemplate.hook()
        calls: Calls = (
            lambda: hook.upload_dataset(source=str(tmp_path / "missing"), dataset_id="d-1"),
            lambda: hook.upload_dataset(source=str(tmp_path / "empty"), dataset_id="d-1"),
            lambda: hook.upload_dataset(source=str(tmp_path), dataset_id="d-1"),
            lambda: hook.execute_pipeline(pipeline_id=""),
            lambda: hook.download_dataset(dataset_id="d-1", destination=str(tmp_path)),
            lambda: hook.download_dataset(dataset_id="d-1", destination="x", version=-1),
        )
        for call in calls:
            with pytest.raises(InvalidArgumentError):
                call()
        assert quantemplate.requests() == []


class TestToucan:
    @pytest.mark.parametrize("auth_type", ["basic", "login", "bearer"])
    def test_files_are_uploaded_and_operations_run(
        self, toucan: Bench, tmp_path: Path, auth_type: str
    ) -> None:
        toucan.connections.set(toucan.conn_id, toucan.store.connection(auth_type))
        hook = toucan.hook()
        filename = hook.get_etl_config()["DATA_SOURCES"][0]["file"]
        (tmp_path / "local é.csv").write_bytes(CSV)
        for mode in ("plain", "dropzone"):
            [uploaded] = hook.upload_data_source(
                source=str(tmp_path / "*.csv"), filename=filename, upload_mode=mode
            )
            assert uploaded.operation_id
        work = [
            hook.run_operations(),
            hook.preprocess(input_domains=["referential"], asynchronous=True),
            hook.populate(input_domains=["referential"], release=True),
        ]
        operation_id = work[0].operation_id
        assert hook.get_operation(operation_id).state is RunState.RUNNING
        toucan.finish(operation_id)
        assert hook.get_operation(operation_id).state is RunState.SUCCEEDED
        assert toucan.sandbox.journal.refusals() == []
        assert len(toucan.requests("login")) == (1 if auth_type == "login" else 0)

    def test_a_wrong_password_is_sent_only_once(self, toucan: Bench, tmp_path: Path) -> None:
        for n in range(9):
            (tmp_path / f"{n}.csv").write_bytes(CSV)
        toucan.connect(password="wrong")
        with pytest.raises(UploadError, match="not sent, because Toucan refused the credentials"):
            toucan.hook().upload_data_source(source=str(tmp_path))
        assert len(toucan.requests()) == 1


class TestTheTestButton:
    """``test_connection``, which the Test button of the UI calls."""

    def test_shows_that_the_credentials_are_accepted(self, bench: Bench) -> None:
        works, message = bench.hook().test_connection()
        assert works
        assert bench.test_message in message

    def test_shows_that_the_credentials_are_rejected_without_the_text_of_the_server(
        self, bench: Bench
    ) -> None:
        bench.use_wrong_secret("wrong")
        works, message = bench.hook().test_connection()
        assert not works
        assert message.startswith(f"{bench.platform}: ")
        assert "HTTP 401: the credentials are not accepted" in message
        assert "invalid" not in message.replace("not valid", "")

    def test_does_not_show_the_text_of_another_host(self, bench: Bench) -> None:
        bench.fault("html", status=403, body="internal secret page")
        works, message = bench.hook().test_connection()
        assert not works
        assert "internal secret page" not in message
