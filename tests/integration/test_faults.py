"""How a hook on a worker and a trigger react to each kind of failure of a platform."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core import settings
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    MalformedReplyError,
    PermissionDeniedError,
    RateLimitedError,
    ReplyTooLargeError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.lifecycle.events import Ending
from airflow_provider_dataops.transport import body
from dataops_sandbox import Sandbox
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.lifecycle.events import RunEvent
    from tests.integration.bench.base import Bench

#: Failures that may be temporary: fault, its options, the error if the failure does not end, and its message.
TEMPORARY: dict[str, tuple[str, dict[str, Any], type[ApiError], str]] = {
    "500": (
        "status",
        {"status": 500},
        ServerError,
        "HTTP 500 Internal Server Error: a fault of the sandbox caused this error",
    ),
    "502 in HTML": (
        "status",
        {"status": 502, "body": "<h1>Bad Gateway</h1>", "content_type": "text/html"},
        ServerError,
        "HTTP 502 Bad Gateway: <h1>Bad Gateway</h1>",
    ),
    "503": (
        "status",
        {"status": 503},
        ServerError,
        "HTTP 503 Service Unavailable: a fault of the sandbox caused this error",
    ),
    "503 with Retry-After": (
        "status",
        {"status": 503, "headers": {"Retry-After": "0"}},
        ServerError,
        "HTTP 503",
    ),
    "429": (
        "status",
        {"status": 429},
        RateLimitedError,
        "HTTP 429 Too Many Requests: a fault of the sandbox caused this error",
    ),
    "429 with Retry-After": (
        "status",
        {"status": 429, "headers": {"Retry-After": "0"}},
        RateLimitedError,
        "HTTP 429",
    ),
    "408": (
        "status",
        {"status": 408},
        ServerError,
        "HTTP 408 Request Timeout: a fault of the sandbox caused this error",
    ),
    "reset before": ("reset_before", {}, TransportError, ""),
    "reset after": ("reset_after", {}, TransportError, ""),
    "hang": ("hang", {}, TransportError, "imeout"),
    "truncated": ("truncated", {}, TransportError, ""),
    "malformed JSON": (
        "malformed_json",
        {},
        MalformedReplyError,
        "the response is not JSON (application/json",
    ),
    "HTML with 200": ("html", {}, MalformedReplyError, "the response is not JSON (text/html"),
    "endless": ("huge", {}, ReplyTooLargeError, "the response is larger than 1000000 bytes"),
    "huge": (
        "huge",
        {"size": 3_000_000},
        ReplyTooLargeError,
        "the response is larger than 1000000 bytes; its size is 3000000",
    ),
}

#: Failures for which a retry of the request does not help.
PERMANENT: dict[str, tuple[int, type[ApiError]]] = {
    "400 Bad Request": (400, BadRequestError),
    "403 Forbidden": (403, PermissionDeniedError),
    "409 Conflict": (409, ConflictError),
    "415 Unsupported Media Type": (415, BadRequestError),
}


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.name.endswith("-hang]"):
        # If only some requests hang, the others must not time out on a busy machine.
        never_ends = request.function.__name__.endswith("_that_does_not_end")
        monkeypatch.setattr(settings, "REQUEST_TIMEOUT", 0.12 if never_ends else 0.5)
    monkeypatch.setattr(body, "MAX_REPLY_BYTES", 1_000_000)


@pytest.fixture
def other_origin() -> Iterator[Sandbox]:
    """Run a second sandbox: a server with another origin than the platform's."""
    with Sandbox() as sandbox:
        yield sandbox


def event_after_fault(bench: Bench, kind: str, times: int, **options: Any) -> RunEvent:
    """Return the event of a trigger if ``times`` polls fail, and the run ends after that."""
    run_id = bench.start()

    async def main() -> RunEvent:
        waiting = asyncio.ensure_future(bench.event_of(bench.trigger(run_id)))
        armed = bench.fault(kind, operation=bench.poll_operation, times=times, **options)
        await asyncio.to_thread(bench.sandbox.wait_for, lambda _: armed.hits == times)
        bench.finish(run_id)
        return await waiting

    return run(main())


def names_the_request(error: str, bench: Bench) -> bool:
    """Return whether an error message has method and path of the request, but not its host and query."""
    return (
        f"({bench.status_method} /{bench.name}/" in error
        and "?" not in error.rpartition(f"({bench.status_method}")[2]
    )


@pytest.mark.parametrize("kind", TEMPORARY)
class TestTemporaryFailure:
    def test_a_hook_retries_the_request(self, bench: Bench, kind: str) -> None:
        fault, options, _, _ = TEMPORARY[kind]
        run_id, hook = bench.start(), bench.hook()
        hook.run(bench.hook().api.test())
        bench.fault(fault, operation=bench.status_operation, times=2, **options)
        assert bench.look(hook, run_id).state is RunState.RUNNING
        assert len(bench.worker_time.pauses) == 2

    def test_a_hook_reports_a_failure_that_does_not_end(self, bench: Bench, kind: str) -> None:
        fault, options, error_class, words = TEMPORARY[kind]
        run_id = bench.start()
        bench.fault(fault, operation=bench.status_operation, **options)
        with pytest.raises(error_class) as caught:
            bench.look(bench.hook(), run_id)
        error = caught.value
        assert type(error) is error_class
        assert str(error).startswith(f"{bench.platform}: ")
        assert error.operation in str(error)
        assert f"{error.operation} failed: " in str(error)
        assert words in bench.text_of(error)
        assert names_the_request(str(error), bench)
        assert error.status == options.get("status", error.status)
        assert sum(bench.worker_time.pauses) <= 120.0
        bench.sandbox.clear_faults()

    def test_a_hook_sends_a_submission_only_once(self, bench: Bench, kind: str) -> None:
        fault, options, error_class, _ = TEMPORARY[kind]
        hook = bench.hook()
        bench.fault(fault, operation=bench.submit_operation, times=1, **options)
        with pytest.raises(error_class) as caught:
            bench.submit(hook)
        assert len(bench.requests(bench.submit_operation)) == 1
        assert caught.value.may_have_been_processed is (error_class is not RateLimitedError)

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_keeps_waiting(self, bench: Bench, kind: str) -> None:
        fault, options, error_class, _ = TEMPORARY[kind]
        # After a list that cannot be parsed, the trigger reads the run alone, if the platform allows that.
        times = 1 if issubclass(error_class, MalformedReplyError) else 2
        event = event_after_fault(bench, fault, times, **options)
        assert event.ending is Ending.FINISHED
        assert event.snapshot is not None
        assert event.snapshot.state is RunState.SUCCEEDED

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_reports_a_failure_that_does_not_end(
        self, bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__DATAOPS__OUTAGE_BUDGET", "0.2")
        fault, options, error_class, words = TEMPORARY[kind]
        is_unreadable = issubclass(error_class, MalformedReplyError)
        run_id = bench.start()
        for operation in (
            {bench.poll_operation, *bench.trigger_operations} if is_unreadable else {bench.poll_operation}
        ):
            bench.fault(fault, operation=operation, **options)
        if error_class is ReplyTooLargeError:
            # The next response may be smaller, so the trigger keeps waiting until the deadline.
            event = run(bench.event_of(bench.trigger(run_id, deadline=time.time() + 3.0)))
            assert event.ending is Ending.TIMEOUT
        else:
            event = run(bench.event_of(bench.trigger(run_id)))
            assert event.ending is Ending.UNREACHABLE
        request = r"\S.*" if is_unreadable else bench.poll_pattern
        assert re.search(rf"{bench.platform}: {request} failed: ", event.message)
        assert words in bench.text_of(event.message)
        assert names_the_request(event.message, bench)
        bench.sandbox.clear_faults()


@pytest.mark.parametrize("kind", PERMANENT)
class TestPermanentFailure:
    def test_a_hook_fails_at_once(self, bench: Bench, kind: str) -> None:
        status, error_class = PERMANENT[kind]
        run_id = bench.start()
        bench.fault("status", operation=bench.status_operation, status=status)
        with pytest.raises(error_class) as caught:
            bench.look(bench.hook(), run_id)
        words = f"failed: HTTP {kind}: a fault of the sandbox caused this error ({bench.status_method} /"
        assert words in bench.text_of(caught.value)
        assert len(bench.requests(bench.status_operation)) == 1

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_ends_the_wait(self, bench: Bench, kind: str) -> None:
        status, _ = PERMANENT[kind]
        run_id = bench.start()
        for operation in bench.trigger_operations:
            bench.fault("status", operation=operation, status=status)
        event = run(bench.event_of(bench.trigger(run_id)))
        assert event.ending is Ending.UNREACHABLE
        assert event.message.startswith(f"{bench.platform}: ")
        assert (
            f" failed: HTTP {kind}: a fault of the sandbox caused this error ({bench.status_method} /"
            in bench.text_of(event.message)
        )


class TestSlowResponse:
    def test_a_hook_waits_for_it_within_the_timeout(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.fault("slow", operation=bench.status_operation, delay=0.1, times=1)
        assert bench.look(bench.hook(), run_id).state is RunState.RUNNING
        assert bench.worker_time.pauses == []

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_waits_for_it_within_the_timeout(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.finish(run_id)
        fault = bench.fault("slow", operation=bench.poll_operation, delay=0.1, times=1)
        assert run(bench.event_of(bench.trigger(run_id))).ending is Ending.FINISHED
        assert fault.hits == 1


class TestUnknownState:
    def test_a_hook_returns_it_as_unknown(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.fault("unknown_state", operation=bench.status_operation)
        seen = bench.look(bench.hook(), run_id)
        assert (seen.state, seen.status.upper()) == (RunState.UNKNOWN, "REORGANISING")

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_treats_it_as_running(self, bench: Bench) -> None:
        assert event_after_fault(bench, "unknown_state", 3).ending is Ending.FINISHED


@pytest.mark.usefixtures("quick")
def test_a_trigger_keeps_waiting_after_a_404_of_a_proxy(bench: Bench) -> None:
    page = {"status": 404, "body": "<h1>no backend</h1>", "content_type": "text/html"}
    assert event_after_fault(bench, "status", 6, **page).ending is Ending.FINISHED


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [302, 307])
def test_a_trigger_keeps_waiting_after_a_redirect_to_a_maintenance_page(
    bench: Bench, other_origin: Sandbox, status: int
) -> None:
    page = {"status": status, "location": f"{other_origin.url}/maintenance"}
    assert event_after_fault(bench, "redirect", 6, **page).ending is Ending.FINISHED


class TestRedirects:
    """Redirects to another origin. Only a GET request is redirected, and never with credentials."""

    REFUSED = "the server redirected POST from http://127.0.0.1:"
    FOLLOWED = "unknown platform 'sign-in'"

    def arm(self, bench: Bench, other_origin: Sandbox, **options: Any) -> None:
        bench.fault("redirect", location=f"{other_origin.url}/sign-in", status=307, **options)

    def check(self, bench: Bench, other_origin: Sandbox, message: str) -> None:
        followed = other_origin.journal.entries()
        assert (self.FOLLOWED if bench.status_method == "GET" else self.REFUSED) in message
        assert bool(followed) is (bench.status_method == "GET")
        for entry in followed:
            names = {name.lower() for name, _ in entry.headers}
            assert not names & {"authorization", "x-api-key", "x-more", "cookie"}

    def test_a_hook_sends_no_credentials_to_another_origin(self, bench: Bench, other_origin: Sandbox) -> None:
        bench.connect(auth_headers={"X-More": "planted-secret"})
        self.arm(bench, other_origin, operation=bench.status_operation)
        with pytest.raises(ApiError) as caught:
            bench.look(bench.hook(), bench.start())
        self.check(bench, other_origin, str(caught.value))

    def test_a_trigger_sends_no_credentials_to_another_origin(
        self, bench: Bench, other_origin: Sandbox, quick: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A 404 from another host says nothing about the run, so it counts as an outage.
        monkeypatch.setenv("AIRFLOW__DATAOPS__OUTAGE_BUDGET", "0.0")
        self.arm(bench, other_origin, operation=bench.poll_operation)
        event = run(bench.event_of(bench.trigger(bench.start())))
        assert event.ending is Ending.UNREACHABLE
        self.check(bench, other_origin, event.message)

    def test_a_submission_is_not_sent_to_another_origin(self, bench: Bench, other_origin: Sandbox) -> None:
        self.arm(bench, other_origin, operation=bench.submit_operation)
        with pytest.raises(ApiError, match=r"redirected POST from \S+/\*\*\* to \S+/\*\*\*; check the host"):
            bench.submit(bench.hook())
        assert other_origin.journal.entries() == []


class TestCredentials:
    def test_a_hook_reports_a_rejected_key(self, bench: Bench) -> None:
        bench.use_wrong_secret("wrong")
        with pytest.raises(AuthenticationError) as caught:
            bench.look(bench.hook(), bench.start())
        message = bench.text_of(caught.value)
        assert re.match(f"{bench.platform}: .* failed: HTTP 401 Unauthorized: ", message)

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_ends_if_the_connection_still_has_a_rejected_key(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.use_wrong_secret("wrong")
        event = run(bench.event_of(bench.trigger(run_id)))
        assert event.ending is Ending.UNREACHABLE
        assert "HTTP 401 Unauthorized: " in bench.text_of(event.message)

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_uses_a_key_that_was_changed_in_the_connection(self, bench: Bench) -> None:
        run_id = bench.start()

        async def main() -> None:
            waiting = asyncio.ensure_future(bench.event_of(bench.trigger(run_id)))
            await asyncio.to_thread(
                bench.sandbox.wait_for, lambda _: len(bench.requests(bench.poll_operation)) > 2
            )
            bench.use_secret("renewed")
            bench.expire()
            bench.finish(run_id)
            assert (await waiting).ending is Ending.FINISHED

        run(main())

    def test_a_hook_renews_an_expired_token_once(self, quantemplate: Bench) -> None:
        hook, run_id = quantemplate.hook(), quantemplate.start()
        quantemplate.look(hook, run_id)
        quantemplate.fault("expired_token", operation="list_executions", times=1)
        assert quantemplate.look(hook, run_id).state is RunState.RUNNING
        assert len(quantemplate.requests("get_token")) == 2

    @pytest.mark.usefixtures("quick")
    def test_all_triggers_together_renew_an_expired_token_once(self, quantemplate: Bench) -> None:
        pipelines = [f"p-{n}" for n in range(1, 9)]
        run_ids = [quantemplate.start(pipeline) for pipeline in pipelines]

        async def main() -> None:
            waiting = [
                asyncio.ensure_future(quantemplate.event_of(quantemplate.trigger(run_id, pipeline)))
                for run_id, pipeline in zip(run_ids, pipelines, strict=True)
            ]
            count = lambda _: len(quantemplate.requests("list_executions")) >= 16  # noqa: E731
            await asyncio.to_thread(quantemplate.sandbox.wait_for, count)
            assert len(quantemplate.requests("get_token")) == 1
            quantemplate.store.revoke()
            for run_id in run_ids:
                quantemplate.finish(run_id)
            endings = Counter(event.ending for event in await asyncio.gather(*waiting))
            assert endings == {Ending.FINISHED: 8}
            assert len(quantemplate.requests("get_token")) == 2

        run(main())


@pytest.mark.usefixtures("quick")
def test_a_trigger_ends_at_its_deadline_even_if_the_platform_hangs(bench: Bench) -> None:
    run_id = bench.start()
    bench.connect(request_timeout=30)
    bench.fault("hang")
    began = time.monotonic()
    event = run(bench.event_of(bench.trigger(run_id, deadline=time.time() + 0.5)))
    assert event.ending is Ending.TIMEOUT
    assert time.monotonic() - began < 5.0
    bench.sandbox.clear_faults()
