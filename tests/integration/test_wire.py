"""The requests that both drivers really send, as the sandbox's journal shows them."""

from __future__ import annotations

import base64
import hashlib
import socketserver
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import PermissionDeniedError
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.transport.aio import AsyncDriver
from tests.integration.bench.toucan import SMALL_APP
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_dataops.lifecycle.events import RunEvent
    from tests.integration.bench.base import Bench

ORG = "c-sandbox"
IOWA = "000099_iowa_liquor_prepare_pda_DEV"

#: Exchanges that both drivers can run.
EXCHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "create job": ("tamr", lambda api: api.create_job({"load": {"sourceId": "src_orders"}})),
    "list jobs": ("tamr", lambda api: api.list_jobs(filter="status.state != DONE")),
    "list jobs of a source": ("tamr", lambda api: api.list_jobs(source_id="src a/b&c=d")),
    "list executions": ("quantemplate", lambda api: api.list_executions(ORG, "p-1")),
    "search": ("trac", lambda api: api.search("JOB", {"all": [["a", "IN", ["x", "é"]], ["b", ">=", 1]]})),
    "platform info": ("trac", lambda api: api.platform_info()),
    "list small apps": ("toucan", lambda api: api.list_small_apps()),
    "run operations": ("toucan", lambda api: api.submit(SMALL_APP, toucan_work.run_operations())),
    "populate and release": (
        "toucan",
        lambda api: api.submit(SMALL_APP, toucan_work.populate(input_domains=["é"], release=True)),
    ),
    "launch job": (
        "tailer",
        lambda api: api.launch_job(api.configuration(IOWA, "table-to-table"), execution_date="2026-11-20"),
    ),
    "list runs": ("tailer", lambda api: api.get_last_status(api.configuration(IOWA, "gbq-to-gbq"), limit=2)),
    "reset workflow": (
        "tailer",
        lambda api: api.reset_workflow(api.configuration("000099-iowa-liquor-load-pda", "workflow")),
    ),
    "execute pipeline": ("quantemplate", lambda api: api.execute_pipeline(ORG, "p-1", trace_id="dag/task")),
}


async def _mask_nothing(secret: str) -> None:
    pass


def run_in_triggerer(bench: Bench, make: Callable[[Any], Any]) -> None:
    """Run one exchange as a triggerer does."""
    hook = bench.hook()
    api = type(hook).api_from(bench.connections.get(bench.conn_id))

    async def main() -> None:
        driver = AsyncDriver(api, register_secret=_mask_nothing)
        await driver.open()
        try:
            await driver.run(make(api))
        finally:
            await driver.close()

    run(main())


def seen(entry: Any) -> dict[str, Any]:
    """Return everything that a server sees of a request, without the access token."""
    headers = sorted((name.lower(), value) for name, value in entry.headers)
    shown = [(n, "Bearer …" if n == "authorization" else v) for n, v in headers]
    return {"line": (entry.method, entry.path), "headers": shown, "body": entry.body}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_both_drivers_send_the_same_request(exchange: str, request: pytest.FixtureRequest) -> None:
    name, make = EXCHANGES[exchange]
    bench: Bench = request.getfixturevalue(name)
    hook = bench.hook()
    hook.run(make(hook.api))
    from_worker = [seen(entry) for entry in bench.requests()]
    bench.sandbox.journal.clear()
    run_in_triggerer(bench, make)
    assert [seen(entry) for entry in bench.requests()] == from_worker
    assert bench.sandbox.journal.refusals() == []


@pytest.fixture
def odd_server() -> Iterator[str]:
    """Run a server whose only response is an error with a head in Latin-1, and yield its URL."""

    class Refusing(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 403 Gesperrt f\xfcr alle\r\nX-N: \xfc\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


class TestAReasonPhraseInLatin1:
    """If a trigger's event had a text that cannot be encoded, Airflow's triggerer would end."""

    def test_on_a_worker(self, tamr: Bench, odd_server: str) -> None:
        tamr.add_to_connection(host=odd_server)
        with pytest.raises(PermissionDeniedError, match="HTTP 403 Gesperrt für alle"):
            tamr.hook().get_job("j-1")

    def test_in_a_triggerer(self, tamr: Bench, odd_server: str) -> None:
        tamr.add_to_connection(host=odd_server)
        event: RunEvent = run(tamr.event_of(tamr.trigger("j-1")))
        assert "HTTP 403 Gesperrt für alle" in event.message
        assert event.message.encode()


class TestTheRequests:
    def test_create_job_sends_compact_json_with_a_content_length(self, tamr: Bench) -> None:
        tamr.submit(tamr.hook())
        [entry] = tamr.requests()
        host = tamr.sandbox.url.removeprefix("http://")
        assert (entry.method, entry.path) == ("POST", "/tamr/api/v1beta1/jobs")
        assert entry.body == b'{"configuration":{"load":{"sourceId":"src_orders"}}}'
        assert (
            dict(entry.headers).items()
            >= {
                "Host": host,
                "X-API-KEY": "apk_sandbox",
                "User-Agent": "airflow-provider-dataops",
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Content-Length": "52",
            }.items()
        )
        assert entry.header("Transfer-Encoding") is None

    def test_stop_job_sends_a_path_with_a_colon(self, tamr: Bench) -> None:
        job_id = tamr.start()
        tamr.hook().stop_job(job_id)
        [entry] = tamr.requests()
        assert (entry.method, entry.path, entry.body) == (
            "POST",
            f"/tamr/api/v1beta1/jobs/{job_id}:stop",
            b"{}",
        )

    def test_a_filter_is_percent_encoded(self, tamr: Bench) -> None:
        tamr.hook().list_jobs(filter="status.state != DONE")
        [entry] = tamr.requests()
        assert entry.query == "pageSize=30&filter=status.state%20%21%3D%20DONE"

    def test_an_id_with_a_slash_stays_one_segment(self, tamr: Bench) -> None:
        with pytest.raises(Exception, match="HTTP 404"):
            tamr.hook().get_job("a/b:stop?x=1#y é")
        [entry] = tamr.requests()
        assert entry.path == "/tamr/api/v1beta1/jobs/a%2Fb%3Astop%3Fx%3D1%23y%20%C3%A9"

    def test_the_request_for_a_token_has_the_credentials_only_in_its_form(self, quantemplate: Bench) -> None:
        quantemplate.look(quantemplate.hook(), quantemplate.start())
        token, listing = quantemplate.requests()
        assert token.body == (
            b"grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret"
        )
        assert token.header("Content-Type") == "application/x-www-form-urlencoded"
        assert token.header("Authorization") is None
        assert (listing.header("Authorization") or "").startswith("Bearer sandbox.")

    def test_execute_pipeline_sends_no_body_and_no_content_type(self, quantemplate: Bench) -> None:
        quantemplate.submit(quantemplate.hook())
        entry = quantemplate.requests("execute_pipeline")[0]
        assert entry.path == f"/quantemplate/external/v1/organisations/{ORG}/pipelines/p-1/executions"
        assert (entry.body, entry.header("Content-Type"), entry.header("Content-Length")) == (b"", None, "0")

    def test_upload_dataset_sends_only_the_file_with_a_content_length(
        self, quantemplate: Bench, tmp_path: Path
    ) -> None:
        content = "id,name\n1,Zoë ✓\n".encode() * 100_000
        (tmp_path / "claims é.csv").write_bytes(content)
        sent = quantemplate.hook().upload_dataset(source=str(tmp_path / "claims é.csv"), dataset_id="d-1")
        entry = quantemplate.requests("upload_dataset")[0]
        assert sent == len(content)
        assert entry.header("Content-Length") == str(len(content))
        assert entry.header("Transfer-Encoding") is None
        assert entry.header("Content-Type") == "application/octet-stream"
        assert entry.body_sha256 == hashlib.sha256(content).hexdigest()

    def test_release_is_a_query_parameter_without_a_value(self, toucan: Bench) -> None:
        toucan.hook().populate(input_domains=["referential"], release=True)
        run_in_triggerer(toucan, EXCHANGES["populate and release"][1])
        assert [entry.query for entry in toucan.requests("populate")] == ["stage=staging&release"] * 2
        assert toucan.sandbox.journal.refusals() == []

    def test_a_download_is_not_compressed(self, quantemplate: Bench, tmp_path: Path) -> None:
        quantemplate.hook().download_dataset(dataset_id="d-claims", destination=str(tmp_path / "x.csv"))
        assert quantemplate.requests("download_dataset")[0].header("Accept-Encoding") == "identity"
        assert (tmp_path / "x.csv").read_bytes() == b"id,amount\n1,2\n"


@pytest.fixture
def _netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login planted password planted\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))


@pytest.mark.usefixtures("_netrc")
class TestTheNetrcFile:
    def test_is_not_used_on_a_worker(self, bench: Bench) -> None:
        bench.look(bench.hook(), bench.start())
        planted = base64.b64encode(b"planted:planted").decode()
        assert all(planted not in (entry.header("Authorization") or "") for entry in bench.requests())

    def test_is_not_used_in_a_triggerer(self, quantemplate: Bench) -> None:
        run_in_triggerer(quantemplate, lambda api: api.list_executions(ORG, "p-1"))
        assert all("Basic" not in (entry.header("Authorization") or "") for entry in quantemplate.requests())


def test_cookies_are_not_kept(bench: Bench) -> None:
    run_id, hook = bench.start(), bench.hook()
    headers = {"Set-Cookie": "session=1; Path=/"}
    bench.fault("status", operation=bench.status_operation, status=503, headers=headers, times=1)
    bench.look(hook, run_id)
    bench.look(hook, run_id)
    assert all(entry.header("Cookie") is None for entry in bench.requests())


def test_a_worker_uses_one_connection_for_all_its_requests(tamr: Bench) -> None:
    job_id, hook = tamr.start(), tamr.hook()
    for _ in range(5):
        hook.get_job(job_id)
    assert len({entry.peer for entry in tamr.requests()}) == 1


def test_each_request_has_the_headers_of_the_connection(bench: Bench) -> None:
    bench.connect(auth_headers={"X-Gateway": "planted"})
    bench.look(bench.hook(), bench.start())
    entries = [entry for entry in bench.requests() if entry.operation != "get_token"]
    assert [entry.header("X-Gateway") for entry in entries] == ["planted"]
