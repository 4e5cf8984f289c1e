"""Start, reset and stop of a sandbox, also while requests and computations are active."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import requests

from dataops_sandbox import ManualClock, Sandbox
from tests.integration.sandbox.clients import PATIENCE, QuantemplateClient, TamrClient, head, open_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

JOBS = "/tamr/api/v1beta1/jobs"
DATASET = "/quantemplate/external/v1/organisations/c-sandbox/datasets/d-claims"
SOON = 2.0
"""Seconds within which a sandbox must stop. On an idle machine it takes a tenth of this."""


class TestStop:
    def hang(self, sandbox: Sandbox, connection: socket.socket) -> None:
        sandbox.add_fault("hang")
        connection.sendall(head("GET", JOBS, X_API_KEY="apk_sandbox"))
        sandbox.wait_for(lambda journal: journal.count())

    def be_slow(self, sandbox: Sandbox, connection: socket.socket) -> None:
        sandbox.add_fault("slow", delay=600)
        connection.sendall(head("GET", JOBS, X_API_KEY="apk_sandbox"))
        sandbox.wait_for(lambda journal: journal.count())

    def never_read_a_huge_response(self, sandbox: Sandbox, connection: socket.socket) -> None:
        sandbox.add_fault("huge")
        connection.sendall(head("GET", JOBS, X_API_KEY="apk_sandbox"))
        connection.recv(1)

    def stall_an_upload(self, sandbox: Sandbox, connection: socket.socket) -> None:
        with QuantemplateClient(sandbox) as client:
            connection.sendall(head("POST", DATASET, Content_Length=1000, **client.headers) + b"a")
        sandbox.wait_for(lambda journal: journal.count(operation="upload_dataset"))

    def never_read_a_download(self, sandbox: Sandbox, connection: socket.socket) -> None:
        with QuantemplateClient(sandbox) as client:
            client.upload(b"a" * 30_000_000)
            connection.sendall(head("GET", DATASET, **client.headers))
        connection.recv(1)

    def be_idle(self, sandbox: Sandbox, connection: socket.socket) -> None:
        connection.sendall(head("GET", JOBS, X_API_KEY="apk_sandbox"))
        connection.recv(1000)

    def send_half_a_head(self, sandbox: Sandbox, connection: socket.socket) -> None:
        connection.sendall(b"GET /tamr/api HTTP/1.1\r\nHo")

    @pytest.mark.parametrize(
        "occupy",
        [
            hang,
            be_slow,
            never_read_a_huge_response,
            stall_an_upload,
            never_read_a_download,
            be_idle,
            send_half_a_head,
        ],
    )
    def test_does_not_wait_for_clients(self, occupy: Callable[[Any, Sandbox, socket.socket], None]) -> None:
        sandbox = Sandbox().start()
        with open_socket(sandbox) as connection:
            occupy(self, sandbox, connection)
            began = time.monotonic()
            sandbox.close()
            took = time.monotonic() - began

        assert took < SOON
        with pytest.raises(ConnectionRefusedError):
            open_socket(sandbox)

    def test_does_not_wait_for_a_long_computation(self) -> None:
        sandbox = Sandbox().start()
        with QuantemplateClient(sandbox) as client:
            client.upload(b"a,b\n" * 8_000_000)
            client.execute()
            began = time.monotonic()
            sandbox.close()
            assert time.monotonic() - began < SOON
            # The next sandbox does not wait for the computation of the closed one.
            with Sandbox(run_seconds=0) as other, QuantemplateClient(other) as next_client:
                next_client.upload(b"a\n" * 100_000)
                next_client.execute()
                other.wait_for(lambda _: other.runs()[0].finished, timeout=SOON)

    def test_other_requests_do_not_wait_for_a_long_computation(self) -> None:
        with Sandbox(run_seconds=0) as sandbox, QuantemplateClient(sandbox) as client:
            client.upload(b"a,b\n" * 4_000_000)
            client.execute()
            client.upload(b"a\n1\n", "d-3")

            [short] = client.executions("p-auto")
            assert short["status"] == "Succeeded"
            assert client.executions()[0]["status"] == "Started"

    def test_second_stop_does_nothing(self) -> None:
        sandbox = Sandbox().start()
        sandbox.close()
        sandbox.close()

    def test_nothing_is_left_behind(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        threads = set(threading.enumerate())
        with Sandbox() as sandbox, QuantemplateClient(sandbox) as client:
            client.upload(b"a" * 100_000)
            assert list(tmp_path.rglob("tmp*"))

        assert list(tmp_path.iterdir()) == []
        assert not [thread for thread in set(threading.enumerate()) - threads if "sandbox" in thread.name]


class TestStart:
    def test_raises_if_the_port_is_taken(self, sandbox: Sandbox) -> None:
        with pytest.raises(OSError, match="address already in use"):
            Sandbox(port=urlsplit(sandbox.url).port or 0).start()

    def test_raises_if_the_port_is_invalid(self) -> None:
        with pytest.raises(OverflowError):
            Sandbox(port=70_000).start()

    def test_second_start_raises(self, sandbox: Sandbox) -> None:
        with pytest.raises(RuntimeError, match="was started before"):
            sandbox.start()

    def test_listens_only_on_this_machine(self, sandbox: Sandbox) -> None:
        assert sandbox.url.startswith("http://127.0.0.1:")

    def test_can_serve_from_a_running_loop(self) -> None:
        async def ask() -> int:
            async with Sandbox().serving() as sandbox, aiohttp.ClientSession() as session:
                url = sandbox.tamr.base_url + "/api/v1beta1/jobs"
                async with session.get(url, headers={"X-API-KEY": "apk_sandbox"}) as response:
                    return response.status

        assert asyncio.run(ask()) == 200


class TestReset:
    def test_restores_the_initial_state(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.tamr.configure(slots=1, api_key="apk_other", filters="refused", run_seconds=1)
        sandbox.quantemplate.configure(client_secret="other", token_lifetime=1)
        sandbox.tamr.add_source("src_new")
        sandbox.tamr.script(hold=True)
        sandbox.quantemplate.script(outcome="Failed")
        sandbox.add_fault("status")
        sandbox.tamr.start({"load": {"sourceId": "src_new"}})
        sandbox.quantemplate.upload("d-claims", b"a\n1\n")
        sandbox.quantemplate.start("p-claims")

        sandbox.reset()

        assert (sandbox.runs(), sandbox.faults, len(sandbox.journal)) == ([], [], 0)
        settings = sandbox.tamr.settings
        assert (settings.slots, settings.filters, settings.run_seconds) == (5, "obeyed", 10)
        assert (settings.api_key, sandbox.quantemplate.settings.token_lifetime) == ("apk_sandbox", 300)
        quantemplate.log_in()
        assert quantemplate.dataset().status_code == 204
        assert tamr.create()["status"]["state"] == "PENDING"
        assert (
            tamr.send("POST", "/jobs", json={"configuration": {"load": {"sourceId": "src_new"}}}).status_code
            == 404
        )

    def test_ids_are_never_used_again(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient
    ) -> None:
        before = {tamr.create()["jobId"], quantemplate.execute()["id"]}
        sandbox.reset()
        quantemplate.log_in()

        assert before.isdisjoint({tamr.create()["jobId"], quantemplate.execute()["id"]})

    def test_earlier_token_is_expired_and_its_use_is_not_refused(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.reset()

        assert quantemplate.dataset().text == "the access token has expired"
        assert sandbox.journal.refusals() == []

    def test_download_under_way_is_finished(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        data = b"0123456789" * 2_000_000
        quantemplate.upload(data)
        with quantemplate.send(
            "GET", DATASET.removeprefix("/quantemplate/external/v1"), stream=True
        ) as response:
            first = response.raw.read(10)
            sandbox.reset()
            gc.collect()
            assert first + response.raw.read() == data


class TestTime:
    """A test can move time, with any clock."""

    @pytest.fixture(params=["real", "manual"])
    def sandbox(self, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
        clock: Any = ManualClock() if request.param == "manual" else time.monotonic
        with Sandbox(clock=clock, run_seconds=3600) as serving:
            yield serving

    def test_advance_moves_runs_at_once(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient
    ) -> None:
        quantemplate.upload(b"a\n1\n")
        job_id, execution = tamr.create()["jobId"], quantemplate.execute()["id"]
        assert tamr.state(job_id) == "PENDING"

        sandbox.advance(2 * 3600)

        assert tamr.state(job_id) == "DONE"
        assert {run.run_id: run.finished for run in sandbox.runs()} == {execution: True, job_id: True}

    def test_advance_makes_tokens_expire(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        sandbox.advance(3600)

        assert quantemplate.dataset().text == "the access token has expired"

    def test_responses_show_the_new_time(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        def date() -> float:
            return parsedate_to_datetime(tamr.send("GET", "/jobs").headers["Date"]).timestamp()

        before = date()
        sandbox.advance(86_400)

        assert date() - before == pytest.approx(86_400, abs=PATIENCE)

    def test_wait_for_notices_advance_at_once(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        tamr.create()
        results = []

        def finished(_: object) -> bool:
            results.append(sandbox.runs()[0].finished)
            if len(results) == 1:
                threading.Thread(target=sandbox.advance, args=(2 * 3600,)).start()
            return results[-1]

        sandbox.wait_for(finished)
        assert results[0] is False

    def test_reset_restores_the_real_time(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        before = parsedate_to_datetime(tamr.send("GET", "/jobs").headers["Date"])
        sandbox.advance(86_400)
        sandbox.reset()
        after = parsedate_to_datetime(tamr.send("GET", "/jobs").headers["Date"])
        assert (after - before).total_seconds() < PATIENCE

    def test_all_moves_together_are_limited(self, sandbox: Sandbox) -> None:
        year = 365 * 86_400
        sandbox.advance(6 * year)
        with pytest.raises(ValueError, match="seconds"):
            sandbox.advance(6 * year)

    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1"])
    def test_cannot_move_backward(self, sandbox: Sandbox, seconds: Any) -> None:
        with pytest.raises(ValueError, match="seconds"):
            sandbox.advance(seconds)
        with pytest.raises(ValueError, match="seconds"):
            ManualClock().advance(seconds)


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


class TestFiles:
    @pytest.fixture
    def sandbox(self, spool: Path) -> Iterator[Sandbox]:
        with Sandbox(clock=ManualClock()) as serving:
            yield serving

    def files(self, spool: Path) -> int:
        gc.collect()
        return sum(1 for path in spool.rglob("*") if path.is_file())

    def test_refused_and_broken_uploads_leave_no_file(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, spool: Path
    ) -> None:
        path = "/organisations/c-sandbox/datasets/d-none"
        assert quantemplate.send("POST", path, data=b"a" * 1_000_000).status_code == 404
        with open_socket(sandbox) as connection:
            request = head("POST", DATASET, Content_Length=1_000_000, **quantemplate.headers)
            connection.sendall(request + b"a" * 500_000)
        sandbox.wait_for(lambda journal: journal.entries()[-1].outcome == "client_gone")

        assert self.files(spool) == 0

    def test_reset_removes_all_files(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, spool: Path
    ) -> None:
        quantemplate.upload(b"a\n" * 500_000)
        quantemplate.execute()
        sandbox.wait_for(lambda _: sandbox.quantemplate.run(sandbox.runs()[0].run_id).work.done())
        assert self.files(spool) == 2
        sandbox.reset()
        # The worker releases its last input a moment later.
        sandbox.wait_for(lambda _: self.files(spool) == 0)

    def test_failed_computation_leaves_no_file(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, spool: Path
    ) -> None:
        quantemplate.upload(b"a\n" * 500_000 + b"\xff")
        quantemplate.execute()
        sandbox.wait_for(lambda _: sandbox.quantemplate.run(sandbox.runs()[0].run_id).work.done())

        assert self.files(spool) == 1


def test_many_threads_can_use_one_sandbox(sandbox: Sandbox, clock: ManualClock) -> None:
    """Clients upload, run, poll and stop, while the test scripts, moves time and reads."""
    sandbox.tamr.configure(slots=1000)
    done = threading.Event()

    def use_quantemplate(number: int) -> None:
        with QuantemplateClient(sandbox) as client:
            for round_ in range(8):
                client.upload(f"who\n{number}-{round_}\n".encode(), f"d-{number}")
                run_id = client.execute(f"own-{number}")["id"]
                assert run_id in {run["id"] for run in client.executions(f"own-{number}")}
                sandbox.quantemplate.finish(run_id)
                [run] = [run for run in client.executions(f"own-{number}") if run["id"] == run_id]
                output = client.output(run_id, run["outputs"][0]["id"], f"own-{number}")
                assert output.text == f"WHO,ROW_NUMBER\n{number}-{round_},1\n"

    def use_tamr() -> None:
        with TamrClient(sandbox) as client:
            for _ in range(12):
                job_id = client.create()["jobId"]
                client.stop(job_id)
                client.listed(filter="status.state != DONE", pageSize=30)
                assert client.state(job_id) in ("STOPPING", "DONE")

    def use_methods() -> None:
        while not done.wait(0.001):
            clock.advance(0.001)
            sandbox.tamr.script(times=1, stopping=0.01)
            sandbox.runs()
            sandbox.journal.refusals()

    for number in (1, 2):
        sandbox.quantemplate.add_pipeline(f"own-{number}", f"d-{number}")
        sandbox.quantemplate.script(f"own-{number}", hold=True)
    with ThreadPoolExecutor(5) as pool:
        using_methods = pool.submit(use_methods)
        try:
            users = [pool.submit(use_quantemplate, number) for number in (1, 2)]
            users += [pool.submit(use_tamr) for _ in range(2)]
            for user in users:
                user.result(PATIENCE * 2)
        finally:
            done.set()
        using_methods.result(PATIENCE)

    assert sandbox.journal.refusals() == []
    assert [entry for entry in sandbox.journal if entry.outcome != "answered"] == []
    numbers = [run.detail["run_number"] for run in sandbox.runs() if run.resource == "own-1"]
    assert numbers == list(range(1, 9))


def test_two_sandboxes_share_no_state(sandbox: Sandbox, tamr: TamrClient) -> None:
    with Sandbox() as other, TamrClient(other) as client:
        tamr.create()
        assert client.listed() == []
        assert requests.get(other.url + "/_sandbox/journal", timeout=PATIENCE).json()["matching"] == 1
