"""Every kind of fault: what the client receives, and whether the platform has acted."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dataops_sandbox.faults import KINDS
from tests.integration.sandbox.clients import (
    PATIENCE,
    Client,
    QuantemplateClient,
    TamrClient,
    head,
    open_socket,
)
from tests.integration.sandbox.tailer_client import JOB, TABLE, TailerClient, sign
from tests.integration.sandbox.toucan_client import APP, ToucanClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dataops_sandbox import ManualClock, Sandbox
    from dataops_sandbox.journal import Entry, Journal

CREATE = {"json": {"configuration": {"load": {"sourceId": "src_orders"}}}}


def last(sandbox: Sandbox) -> Entry:
    """Return the newest entry of the journal."""
    return sandbox.journal.entries()[-1]


def arrived(operation: str, count: int = 1) -> Callable[[Journal], bool]:
    """Return a predicate that is true when ``count`` requests for an operation have arrived."""
    return lambda journal: journal.count(operation=operation) >= count


@pytest.fixture
def background() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Return a function that runs another function in a thread."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


class TestStatus:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 599])
    def test_has_the_error_format_of_the_platform(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient, status: int
    ) -> None:
        sandbox.add_fault("status", status=status)

        job = tamr.send("POST", "/jobs", **CREATE)
        listing = quantemplate.send("GET", "/organisations/c-sandbox/pipelines/p-claims/executions")

        assert (job.status_code, job.json()["statusCode"]) == (status, status)
        assert listing.status_code == status
        assert listing.headers["Content-Type"].startswith(
            "application/json" if status == 404 else "text/plain"
        )
        assert sandbox.runs() == []
        assert (last(sandbox).fault, last(sandbox).status, last(sandbox).processed) == (
            "status",
            status,
            False,
        )

    def test_can_have_its_own_headers_and_body(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault(
            "status", status=429, headers={"Retry-After": "7"}, body="<h1>Slow</h1>", content_type="text/html"
        )

        response = tamr.send("GET", "/jobs")

        assert (response.status_code, response.text) == (429, "<h1>Slow</h1>")
        assert response.headers["Retry-After"] == "7"
        assert response.headers["Content-Type"] == "text/html"

    def test_can_hide_that_the_platform_acted(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault("status", status=503, processed=True, times=1)

        assert tamr.send("POST", "/jobs", **CREATE).status_code == 503
        assert len(sandbox.runs()) == 1
        assert last(sandbox).processed

    def test_can_be_204_without_content(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        sandbox.add_fault("status", status=204, operation="execute_pipeline")

        response = quantemplate.send("POST", "/organisations/c-sandbox/pipelines/p-claims/executions")

        assert (response.status_code, response.content) == (204, b"")


class TestReset:
    def test_can_come_before_the_request_is_processed(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault("reset_before", times=1)

        # The error message depends on how much of the body was already sent.
        with pytest.raises(requests.ConnectionError):
            tamr.send("POST", "/jobs", **CREATE)

        entry = last(sandbox)
        assert (entry.outcome, entry.status, entry.processed, entry.body_size) == ("reset", None, False, None)
        assert sandbox.runs() == []

    def test_can_come_after_the_request_was_processed(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault("reset_after", times=1)

        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            tamr.send("POST", "/jobs", **CREATE)

        assert (last(sandbox).outcome, last(sandbox).processed) == ("reset", True)
        assert len(sandbox.runs()) == 1

    @pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
    def test_is_a_tcp_reset_and_not_a_normal_close(
        self, sandbox: Sandbox, tamr: TamrClient, kind: str
    ) -> None:
        sandbox.add_fault(kind)
        with open_socket(sandbox) as connection:
            connection.sendall(head("GET", "/tamr/api/v1beta1/jobs", **tamr.headers))
            with pytest.raises(ConnectionResetError):
                connection.recv(1)

    def test_can_come_in_the_middle_of_an_upload(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.add_fault("reset_before", size=100_000, times=1)

        with pytest.raises(requests.ConnectionError):
            quantemplate.upload(b"a" * 20_000_000)

        assert last(sandbox).outcome == "reset"
        assert quantemplate.dataset().status_code == 204


class TestHang:
    def test_release_answers_hanging_requests_and_keeps_the_fault(
        self, sandbox: Sandbox, tamr: TamrClient, background: Any
    ) -> None:
        fault = sandbox.add_fault("hang")
        for round_ in (1, 2):
            answer = background(lambda: tamr.send("POST", "/jobs", **CREATE))
            sandbox.wait_for(arrived("create_job", round_))
            sandbox.release()
            assert answer.result(PATIENCE).status_code == 200
        assert fault.hits == 2
        assert len(sandbox.runs()) == 2

    def test_release_also_works_before_the_request_is_complete(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        """The journal has a request as soon as its headers have arrived, before its body."""
        sandbox.add_fault("hang")
        with open_socket(sandbox) as connection:
            path = "/quantemplate/external/v1/organisations/c-sandbox/datasets/d-claims"
            connection.sendall(head("POST", path, Content_Length=4, **quantemplate.headers))
            sandbox.wait_for(arrived("upload_dataset"))
            sandbox.release()
            connection.sendall(b"a\n1\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")

    def test_clear_faults_disarms_and_answers_hanging_requests(
        self, sandbox: Sandbox, tamr: TamrClient, background: Any
    ) -> None:
        sandbox.add_fault("hang")
        answer = background(lambda: tamr.send("GET", "/jobs"))
        sandbox.wait_for(arrived("list_jobs"))
        sandbox.clear_faults()

        assert answer.result(PATIENCE).status_code == 200
        assert tamr.send("GET", "/jobs").status_code == 200

    def test_journal_shows_that_the_client_disconnected_unprocessed(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        sandbox.add_fault("hang")
        with pytest.raises(requests.ReadTimeout):
            tamr.send("POST", "/jobs", timeout=0.05, **CREATE)
        tamr.session.close()
        sandbox.wait_for(lambda journal: journal.entries()[-1].outcome == "client_gone")

        assert sandbox.runs() == []

    def test_can_hang_after_the_platform_acted(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault("hang", processed=True)
        with pytest.raises(requests.ReadTimeout):
            tamr.send("POST", "/jobs", timeout=0.05, **CREATE)

        assert len(sandbox.runs()) == 1


class TestSlow:
    def test_answer_comes_after_the_delay_in_real_time(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault("slow", delay=0.1)
        began = time.monotonic()

        assert tamr.send("POST", "/jobs", **CREATE).status_code == 200
        assert time.monotonic() - began >= 0.1
        assert len(sandbox.runs()) == 1

    def test_job_is_created_even_if_the_client_does_not_wait(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        sandbox.add_fault("slow", delay=600)
        with pytest.raises(requests.ReadTimeout):
            tamr.send("POST", "/jobs", timeout=0.05, **CREATE)
        tamr.session.close()
        sandbox.wait_for(lambda journal: journal.entries()[-1].outcome == "client_gone")

        assert len(sandbox.runs()) == 1

    def test_release_ends_the_delay(self, sandbox: Sandbox, tamr: TamrClient, background: Any) -> None:
        sandbox.add_fault("slow", delay=600)
        answer = background(lambda: tamr.send("GET", "/jobs"))
        sandbox.wait_for(arrived("list_jobs"))
        sandbox.release()

        assert answer.result(PATIENCE).status_code == 200


@pytest.mark.parametrize("options", [{"kind": "hang"}, {"kind": "slow", "delay": 600}])
def test_reset_of_the_sandbox_drops_waiting_requests(
    sandbox: Sandbox, tamr: TamrClient, background: Any, options: dict[str, Any]
) -> None:
    sandbox.add_fault(**options)
    answer = background(lambda: tamr.send("GET", "/jobs"))
    sandbox.wait_for(arrived("list_jobs"))
    sandbox.reset()

    assert isinstance(answer.exception(PATIENCE), requests.ConnectionError)
    assert tamr.send("GET", "/jobs").status_code == 200


class TestBrokenResponses:
    def test_truncated_sends_less_than_its_content_length(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        data = b"0123456789" * 50_000
        quantemplate.upload(data)
        sandbox.add_fault("truncated", operation="download_dataset", size=300_000)
        path = "/quantemplate/external/v1/organisations/c-sandbox/datasets/d-claims"
        with open_socket(sandbox) as connection:
            connection.sendall(head("GET", path, **quantemplate.headers))
            with connection.makefile("rb") as stream:
                answer = stream.read()

        lines, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Length: 500000" in lines
        assert body == data[:300_000]

    def test_truncated_json_is_incomplete_but_the_job_exists(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        sandbox.add_fault("truncated", times=1)

        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            tamr.send("POST", "/jobs", **CREATE)

        assert len(sandbox.runs()) == 1

    def test_truncated_also_works_for_an_empty_body(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.add_fault("truncated", operation="upload_dataset")

        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            quantemplate.upload(b"a\n1\n")

    def test_malformed_json_has_status_200_and_the_job_exists(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        sandbox.add_fault("malformed_json")

        response = tamr.send("POST", "/jobs", **CREATE)

        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
        with pytest.raises(requests.exceptions.JSONDecodeError):
            response.json()
        assert len(sandbox.runs()) == 1

    @pytest.mark.parametrize("status", [200, 502])
    def test_html_replaces_the_response_by_a_page(
        self, sandbox: Sandbox, tamr: TamrClient, status: int
    ) -> None:
        sandbox.add_fault("html", status=status, body="<p>gateway</p>")

        response = tamr.send("POST", "/jobs", **CREATE)

        assert (response.status_code, response.text) == (status, "<p>gateway</p>")
        assert response.headers["Content-Type"].startswith("text/html")
        assert sandbox.runs() == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_points_to_another_host(self, sandbox: Sandbox, tamr: TamrClient, status: int) -> None:
        sandbox.add_fault("redirect", status=status, location="https://elsewhere.invalid/x")

        response = tamr.send("POST", "/jobs", **CREATE)

        assert (response.status_code, response.headers["Location"]) == (status, "https://elsewhere.invalid/x")
        assert sandbox.runs() == []

    def test_huge_has_a_content_length_if_it_has_a_size(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.add_fault("huge", size=300_000)

        response = tamr.send("GET", "/jobs")

        assert response.headers["Content-Length"] == "300000"
        assert response.content == b" " * 300_000

    def test_huge_without_a_size_ends_when_the_client_disconnects(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        sandbox.add_fault("huge")

        with tamr.send("GET", "/jobs", stream=True) as response:
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert len(response.raw.read(5_000_000)) == 5_000_000
        tamr.session.close()

        sandbox.wait_for(lambda journal: journal.entries()[-1].outcome == "client_gone")

    def test_unknown_state_is_in_every_run_until_the_fault_is_cleared(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        quantemplate.upload(b"a\n1\n")
        job_id, run_id = tamr.create()["jobId"], quantemplate.execute()["id"]
        clock.advance(20)
        sandbox.add_fault("unknown_state", state="RECONSIDERING")

        assert tamr.state(job_id) == "RECONSIDERING"
        assert tamr.ok("GET", "/jobs")["jobs"][0]["status"]["state"] == "RECONSIDERING"
        assert [run["status"] for run in quantemplate.executions()] == ["RECONSIDERING"]
        assert quantemplate.execute()["status"] == "RECONSIDERING"
        assert quantemplate.dataset().content == b"a\n1\n"
        sandbox.clear_faults()
        assert tamr.state(job_id) == "DONE"
        assert {run["id"]: run["status"] for run in quantemplate.executions()}[run_id] == "Succeeded"


class TestExpiredToken:
    def test_causes_a_401_and_the_next_login_works(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.add_fault("expired_token", times=1)
        path = "/organisations/c-sandbox/pipelines/p-claims/executions"

        assert quantemplate.send("GET", path).text == "the access token has expired"
        # The token stays invalid for all later requests.
        assert quantemplate.send("GET", path).status_code == 401
        quantemplate.log_in()
        assert quantemplate.send("GET", path).status_code == 200

    def test_does_not_hit_logins_and_platforms_without_tokens(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient
    ) -> None:
        fault = sandbox.add_fault("expired_token")

        quantemplate.log_in()
        assert tamr.send("GET", "/jobs").status_code == 200
        assert fault.hits == 0

    def test_cannot_be_armed_for_a_platform_without_tokens(self, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match="no tokens"):
            sandbox.add_fault("expired_token", platform="tamr")


# A request of each platform that starts a run.
SUBMITS: list[Any] = [
    pytest.param("tamr", "/jobs", CREATE["json"], id="tamr"),
    pytest.param(
        "quantemplate", "/organisations/c-sandbox/pipelines/p-claims/executions", None, id="quantemplate"
    ),
    pytest.param("toucan", f"{APP}/operations?stage=staging", {"operations": ["release"]}, id="toucan"),
    pytest.param("tailer", "/v1/dag/launch", {"action": "launch_job", **TABLE}, id="tailer"),
]


@pytest.mark.parametrize(("platform", "path", "body"), SUBMITS)
class TestEveryPlatform:
    @pytest.fixture
    def client(self, request: pytest.FixtureRequest, platform: str) -> Client:
        found: Client = request.getfixturevalue(platform)
        return found

    @pytest.mark.parametrize(("processed", "runs"), [(False, 0), (True, 1)])
    def test_status_can_hide_that_a_run_was_started(
        self,
        sandbox: Sandbox,
        client: Client,
        platform: str,
        path: str,
        body: Any,
        processed: bool,
        runs: int,
    ) -> None:
        sandbox.add_fault("status", platform=platform, status=503, processed=processed, times=1)

        assert client.send("POST", path, json=body).status_code == 503
        assert len(sandbox.runs()) == runs
        assert (last(sandbox).platform, last(sandbox).fault) == (platform, "status")
        assert client.send("POST", path, json=body).status_code == 200

    @pytest.mark.parametrize(("kind", "runs"), [("reset_before", 0), ("reset_after", 1), ("truncated", 1)])
    def test_response_can_get_lost(
        self, sandbox: Sandbox, client: Client, platform: str, path: str, body: Any, kind: str, runs: int
    ) -> None:
        sandbox.add_fault(kind, platform=platform, times=1)

        with pytest.raises(requests.RequestException):
            client.send("POST", path, json=body)
        assert [run.platform for run in sandbox.runs()] == [platform] * runs

    @pytest.mark.parametrize("kind", ["malformed_json", "html", "redirect"])
    def test_response_can_be_broken(
        self, sandbox: Sandbox, client: Client, platform: str, path: str, body: Any, kind: str
    ) -> None:
        sandbox.add_fault(kind, platform=platform, times=1)

        with pytest.raises(requests.exceptions.JSONDecodeError):
            client.send("POST", path, json=body).json()
        assert client.ok("POST", path, json=body)


class TestTokensOfOtherPlatforms:
    def test_toucan_login_returns_a_new_token(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.with_token(toucan.log_in().json()["token"])
        fault = sandbox.add_fault("expired_token", platform="toucan", times=1)
        renewed = toucan.log_in().json()["token"]
        assert fault.hits == 0

        assert [toucan.send("GET", f"{APP}/config").status_code for _ in range(2)] == [401, 401]
        assert toucan.with_token(renewed).send("GET", f"{APP}/config").status_code == 401
        toucan.with_token(toucan.log_in().json()["token"])
        assert toucan.send("GET", f"{APP}/config").status_code == 200

    def test_tailer_service_account_signs_a_new_token(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        tailer.use(sign(tailer.key, sandbox.url))
        sandbox.add_fault("expired_token", platform="tailer", times=1)
        body = {"action": "get_last_status", **TABLE}

        assert tailer.send("POST", "/v1/dag/status", json=body).status_code == 401
        tailer.use(sign(tailer.key, sandbox.url))
        assert tailer.ok("POST", "/v1/dag/status", json=body) == {"results": []}

    def test_tailer_google_endpoints_return_a_new_token(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        fault = sandbox.add_fault("expired_token", platform="tailer")
        credentials = {"email": "user@tailer.example", "password": "sandbox-password"}
        url = f"{sandbox.tailer.sign_in_url}?key=sandbox-web-key"
        answer = requests.post(url, json={**credentials, "returnSecureToken": True}, timeout=PATIENCE)
        form = {"grant_type": "refresh_token", "refresh_token": answer.json()["refreshToken"]}
        url = f"{sandbox.tailer.refresh_url}?key=sandbox-web-key"

        assert requests.post(url, data=form, timeout=PATIENCE).status_code == 200
        assert fault.hits == 0


def test_unknown_state_works_on_toucan_and_tailer(
    sandbox: Sandbox, toucan: ToucanClient, tailer: TailerClient, clock: ManualClock
) -> None:
    operation, run = toucan.run(), tailer.launch()
    clock.advance(20)
    sandbox.add_fault("unknown_state", state="RECONSIDERING")

    assert toucan.status(operation) == "RECONSIDERING"
    assert tailer.status(run) == "RECONSIDERING"
    assert tailer.ask("get_last_status", **TABLE, job_id=JOB)[0]["status"] == "RECONSIDERING"
    assert toucan.ok("GET", f"{APP}/config/etl")["DATA_SOURCES"]
    sandbox.clear_faults()
    assert (toucan.status(operation), tailer.status(run)) == ("successful", "SUCCESS")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
def test_status_has_the_error_format_of_toucan_and_tailer(
    sandbox: Sandbox, toucan: ToucanClient, tailer: TailerClient, status: int
) -> None:
    sandbox.add_fault("status", status=status)

    denied = toucan.send("GET", f"{APP}/config")
    refused = tailer.send("POST", "/v1/dag/launch", json={})

    assert (denied.status_code, denied.json()["statusCode"]) == (status, status)
    assert (refused.status_code, refused.json()["code"]) == (status, status)
    assert refused.json()["message"].startswith("ko")


class TestAim:
    def hits(self, tamr: TamrClient, count: int) -> list[bool]:
        return [tamr.send("GET", "/jobs").status_code == 503 for _ in range(count)]

    def test_times_and_skip_choose_the_requests_that_it_hits(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        fault = sandbox.add_fault("status", times=2, skip=1)

        assert self.hits(tamr, 4) == [False, True, True, False]
        assert (fault.hits, fault.passed) == (2, 1)

    def test_duration_counts_from_arming(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock
    ) -> None:
        sandbox.add_fault("status", duration=6)
        clock.advance(5.9)
        assert self.hits(tamr, 1) == [True]
        clock.advance(0.1)
        assert self.hits(tamr, 1) == [False]

    def test_duration_can_count_from_the_first_hit(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock
    ) -> None:
        sandbox.add_fault("status", duration=6, since="first_hit")
        clock.advance(100)
        assert self.hits(tamr, 1) == [True]
        clock.advance(5.9)
        assert self.hits(tamr, 1) == [True]
        clock.advance(0.1)
        assert self.hits(tamr, 1) == [False]

    def test_hits_only_its_platform_operation_and_path(
        self, sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient
    ) -> None:
        job_id = tamr.create()["jobId"]
        sandbox.add_fault("status", platform="tamr", operation="get_job", path=job_id)

        assert tamr.send("GET", f"/jobs/{job_id}").status_code == 503
        assert tamr.send("GET", "/jobs/job_none").status_code == 404
        assert self.hits(tamr, 1) == [False]
        assert quantemplate.executions() == []

    def test_operation_can_be_written_with_blanks(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        fault = sandbox.add_fault("status", platform="tamr", operation="list jobs")

        assert self.hits(tamr, 1) == [True]
        assert fault.operation == "list_jobs"

    def test_every_operation_of_every_platform_can_be_hit(self, sandbox: Sandbox) -> None:
        for name, platform in sandbox.platforms.items():
            for operation in platform.operations:
                sandbox.add_fault("status", platform=name, operation=operation.name)
                assert sandbox.journal.of(name, operation.name) == []

    def test_unknown_operation_is_rejected_with_a_list_of_known_ones(self, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match=r"create_job.*get_job.*list_jobs.*stop_job.*unknown"):
            sandbox.add_fault("status", platform="tamr", operation="create jobs")

    def test_moving_time_ends_a_fault(self, tamr: TamrClient, sandbox: Sandbox) -> None:
        sandbox.add_fault("status", duration=6)
        sandbox.advance(6)
        assert self.hits(tamr, 1) == [False]

    def test_only_the_first_matching_fault_hits(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        first = sandbox.add_fault("status", status=500, times=1)
        second = sandbox.add_fault("status", status=502, times=1)

        assert [tamr.send("GET", "/jobs").status_code for _ in range(3)] == [500, 502, 200]
        assert (first.hits, second.hits) == (1, 1)
        assert sandbox.faults == [first, second]

    @pytest.mark.parametrize(
        "arguments",
        [
            {"kind": "flood"},
            {"kind": "status", "platform": "elsewhere"},
            {"kind": "status", "operation": "list_job"},
            {"kind": "status", "platform": "tamr", "operation": "get_token"},
            {"kind": "status", "delay": 1},
            {"kind": "status", "status": "503"},
            {"kind": "status", "status": True},
            {"kind": "status", "status": 101},
            {"kind": "status", "status": 600},
            {"kind": "status", "headers": {"Retry-After": 7}},
            {"kind": "status", "headers": ["Retry-After"]},
            {"kind": "status", "hits": 1},
            {"kind": "status", "path": 7, "colour": "red"},
            {"kind": "status", "times": 0},
            {"kind": "status", "times": "2"},
            {"kind": "status", "skip": -1},
            {"kind": "status", "skip": None},
            {"kind": "status", "duration": -1},
            {"kind": "status", "duration": "6"},
            {"kind": "status", "since": "now"},
            {"kind": "status", "path": 7},
            {"kind": "status", "processed": "yes"},
            {"kind": "slow", "delay": "1"},
            {"kind": "slow", "delay": -1},
            {"kind": "huge", "size": -1},
            {"kind": "truncated", "size": 1.5},
            {"kind": "unknown_state", "state": 7},
        ],
    )
    def test_invalid_fault_is_rejected_when_it_is_armed(
        self, sandbox: Sandbox, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises((ValueError, TypeError)):
            sandbox.add_fault(**arguments)
        assert sandbox.faults == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"hang", "huge"}))
def test_connections_and_platform_work_again_after_every_kind(
    sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient, kind: str
) -> None:
    options: dict[str, Any] = {"delay": 0.01} if kind == "slow" else {}
    sandbox.add_fault(kind, times=1, **options)
    with contextlib.suppress(requests.RequestException):
        quantemplate.dataset()
    # The client may not have noticed yet that the connection was closed.
    quantemplate.session.close()
    quantemplate.log_in()

    assert quantemplate.dataset().status_code == 204
    assert tamr.send("GET", "/jobs").status_code == 200


def test_each_fault_hits_once_with_many_threads(sandbox: Sandbox) -> None:
    fault = sandbox.add_fault("status", times=20)
    barrier = threading.Barrier(4)

    def ask() -> list[int]:
        with TamrClient(sandbox) as client:
            barrier.wait(PATIENCE)
            return [client.send("GET", "/jobs").status_code for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        statuses = [status for asked in [pool.submit(ask) for _ in range(4)] for status in asked.result()]

    assert (statuses.count(503), statuses.count(200), fault.hits) == (20, 20, 20)


def test_pipelined_garbage_does_not_disturb_others(sandbox: Sandbox, tamr: TamrClient) -> None:
    with open_socket(sandbox) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)

    assert tamr.send("GET", "/jobs").status_code == 200
