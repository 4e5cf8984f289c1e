"""Each way in which a platform can misbehave, met by a hook on a worker and by a trigger."""

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
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.lifecycle.events import Ending
from airflow_provider_dataops.transport import body
from dataops_sandbox import Sandbox
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.lifecycle.events import RunEvent
    from tests.integration.bench.base import Bench

#: Faults that pass, with what the error says where they last.
PASSING: dict[str, tuple[str, dict[str, Any], type[ApiError], str]] = {
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

#: Faults after which asking again is of no use.
LASTING: dict[str, tuple[int, type[ApiError]]] = {
    "400 Bad Request": (400, BadRequestError),
    "403 Forbidden": (403, PermissionDeniedError),
    "409 Conflict": (409, ConflictError),
    "415 Unsupported Media Type": (415, BadRequestError),
}


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.name.endswith("-hang]"):
        # Where nothing is to hang, a machine that is busy for a moment must not count as a failure.
        lasts = request.function.__name__.endswith("_what_lasts")
        monkeypatch.setattr(settings, "REQUEST_TIMEOUT", 0.12 if lasts else 0.5)
    monkeypatch.setattr(body, "MAX_REPLY_BYTES", 1_000_000)


@pytest.fixture
def elsewhere() -> Iterator[Sandbox]:
    """Another origin than the platform's."""
    with Sandbox() as sandbox:
        yield sandbox


def outlasted(bench: Bench, kind: str, times: int, **options: Any) -> RunEvent:
    """Return what a trigger tells of a run that ends once a fault has struck so often."""
    run_id = bench.start()

    async def main() -> RunEvent:
        waiting = asyncio.ensure_future(bench.ended(bench.trigger(run_id)))
        armed = bench.fault(kind, operation=bench.polled, times=times, **options)
        await asyncio.to_thread(bench.sandbox.wait_for, lambda _: armed.hits == times)
        bench.finish(run_id)
        return await waiting

    return run(main())


def message_ends(error: str, bench: Bench) -> bool:
    """Tell whether the error tells of the request, without its host and query."""
    return f"({bench.method} /{bench.name}/" in error and "?" not in error.rpartition(f"({bench.method}")[2]


@pytest.mark.parametrize("kind", PASSING)
class TestPassing:
    def test_a_hook_asks_again(self, bench: Bench, kind: str) -> None:
        fault, options, _, _ = PASSING[kind]
        run_id, hook = bench.start(), bench.hook()
        hook.run(bench.hook().api.test())
        bench.fault(fault, operation=bench.looked, times=2, **options)
        assert bench.look(hook, run_id).state is RunState.RUNNING
        assert len(bench.worker_time.pauses) == 2

    def test_a_hook_says_clearly_what_lasts(self, bench: Bench, kind: str) -> None:
        fault, options, error_class, words = PASSING[kind]
        run_id = bench.start()
        bench.fault(fault, operation=bench.looked, **options)
        with pytest.raises(error_class) as caught:
            bench.look(bench.hook(), run_id)
        error = caught.value
        assert type(error) is error_class
        assert str(error).startswith(f"{bench.platform}: ")
        assert error.operation in str(error)
        assert f"{error.operation} failed: " in str(error)
        assert words in bench.words(error)
        assert message_ends(str(error), bench)
        assert error.status == options.get("status", error.status)
        assert sum(bench.worker_time.pauses) <= 120.0
        bench.sandbox.clear_faults()

    def test_a_submission_is_sent_once(self, bench: Bench, kind: str) -> None:
        fault, options, error_class, _ = PASSING[kind]
        hook = bench.hook()
        bench.fault(fault, operation=bench.submitted, times=1, **options)
        with pytest.raises(error_class) as caught:
            bench.submit(hook)
        assert len(bench.asked(bench.submitted)) == 1
        assert caught.value.may_have_been_processed is (error_class is not RateLimitedError)

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_goes_on(self, bench: Bench, kind: str) -> None:
        fault, options, error_class, _ = PASSING[kind]
        # A list that cannot be read is not asked for again at once, where the run can be looked at alone.
        times = 1 if issubclass(error_class, MalformedReplyError) else 2
        event = outlasted(bench, fault, times, **options)
        assert event.ending is Ending.FINISHED
        assert event.snapshot is not None
        assert event.snapshot.state is RunState.SUCCEEDED

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_says_clearly_what_lasts(
        self, bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "OUTAGE_BUDGET", 0.2)
        fault, options, error_class, words = PASSING[kind]
        is_unreadable = issubclass(error_class, MalformedReplyError)
        run_id = bench.start()
        for operation in {bench.polled, *bench.asking} if is_unreadable else {bench.polled}:
            bench.fault(fault, operation=operation, **options)
        if error_class is ReplyTooLargeError:
            # It may become smaller: this is borne until the deadline.
            event = run(bench.ended(bench.trigger(run_id, deadline=time.time() + 1.0)))
            assert event.ending is Ending.TIMEOUT
        else:
            event = run(bench.ended(bench.trigger(run_id)))
            assert event.ending is Ending.UNREACHABLE
        asked = r"\S.*" if is_unreadable else bench.listing
        assert re.search(rf"{bench.platform}: {asked} failed: ", event.message)
        assert words in bench.words(event.message)
        assert message_ends(event.message, bench)
        bench.sandbox.clear_faults()


@pytest.mark.parametrize("kind", LASTING)
class TestLasting:
    def test_a_hook_fails_at_once(self, bench: Bench, kind: str) -> None:
        status, error_class = LASTING[kind]
        run_id = bench.start()
        bench.fault("status", operation=bench.looked, status=status)
        with pytest.raises(error_class) as caught:
            bench.look(bench.hook(), run_id)
        words = f"failed: HTTP {kind}: a fault of the sandbox caused this error ({bench.method} /"
        assert words in bench.words(caught.value)
        assert len(bench.asked(bench.looked)) == 1

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_ends_the_wait(self, bench: Bench, kind: str) -> None:
        status, _ = LASTING[kind]
        run_id = bench.start()
        for operation in bench.asking:
            bench.fault("status", operation=operation, status=status)
        event = run(bench.ended(bench.trigger(run_id)))
        assert event.ending is Ending.UNREACHABLE
        assert event.message.startswith(f"{bench.platform}: ")
        assert (
            f" failed: HTTP {kind}: a fault of the sandbox caused this error ({bench.method} /"
            in bench.words(event.message)
        )


class TestSlowness:
    def test_within_the_limit_a_hook_waits(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.fault("slow", operation=bench.looked, delay=0.1, times=1)
        assert bench.look(bench.hook(), run_id).state is RunState.RUNNING
        assert bench.worker_time.pauses == []

    @pytest.mark.usefixtures("quick")
    def test_within_the_limit_a_trigger_waits(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.finish(run_id)
        fault = bench.fault("slow", operation=bench.polled, delay=0.1, times=1)
        assert run(bench.ended(bench.trigger(run_id))).ending is Ending.FINISHED
        assert fault.hits == 1


class TestUnknownState:
    def test_a_hook_tells_it_as_unknown(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.fault("unknown_state", operation=bench.looked)
        seen = bench.look(bench.hook(), run_id)
        assert (seen.state, seen.status.upper()) == (RunState.UNKNOWN, "REORGANISING")

    @pytest.mark.usefixtures("quick")
    def test_a_trigger_takes_it_as_running(self, bench: Bench) -> None:
        assert outlasted(bench, "unknown_state", 3).ending is Ending.FINISHED


@pytest.mark.usefixtures("quick")
def test_a_proxys_404_ends_no_wait(bench: Bench) -> None:
    page = {"status": 404, "body": "<h1>no backend</h1>", "content_type": "text/html"}
    assert outlasted(bench, "status", 6, **page).ending is Ending.FINISHED


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_to_a_maintenance_page_ends_no_wait(bench: Bench, elsewhere: Sandbox, status: int) -> None:
    page = {"status": status, "location": f"{elsewhere.url}/maintenance"}
    assert outlasted(bench, "redirect", 6, **page).ending is Ending.FINISHED


class TestRedirects:
    """To another origin: followed for a GET alone, and never with credentials."""

    REFUSED = "the server redirected POST from http://127.0.0.1:"
    FOLLOWED = "unknown platform 'sign-in'"

    def arm(self, bench: Bench, elsewhere: Sandbox, **options: Any) -> None:
        bench.fault("redirect", location=f"{elsewhere.url}/sign-in", status=307, **options)

    def check(self, bench: Bench, elsewhere: Sandbox, told: str) -> None:
        followed = elsewhere.journal.entries()
        assert (self.FOLLOWED if bench.method == "GET" else self.REFUSED) in told
        assert bool(followed) is (bench.method == "GET")
        for entry in followed:
            names = {name.lower() for name, _ in entry.headers}
            assert not names & {"authorization", "x-api-key", "x-more", "cookie"}

    def test_a_hook_takes_no_credentials_along(self, bench: Bench, elsewhere: Sandbox) -> None:
        bench.connect(auth_headers={"X-More": "planted-secret"})
        self.arm(bench, elsewhere, operation=bench.looked)
        with pytest.raises(ApiError) as caught:
            bench.look(bench.hook(), bench.start())
        self.check(bench, elsewhere, str(caught.value))

    def test_a_trigger_takes_no_credentials_along(
        self, bench: Bench, elsewhere: Sandbox, quick: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Another host's 404 is none of the platform's, at Toucan neither: it is an outage.
        monkeypatch.setattr(progress, "OUTAGE_BUDGET", 0.0)
        self.arm(bench, elsewhere, operation=bench.polled)
        event = run(bench.ended(bench.trigger(bench.start())))
        assert event.ending is Ending.UNREACHABLE
        self.check(bench, elsewhere, event.message)

    def test_a_submission_is_not_carried_elsewhere(self, bench: Bench, elsewhere: Sandbox) -> None:
        self.arm(bench, elsewhere, operation=bench.submitted)
        with pytest.raises(ApiError, match=r"redirected POST from \S+/\*\*\* to \S+/\*\*\*; check the host"):
            bench.submit(bench.hook())
        assert elsewhere.journal.entries() == []


class TestCredentials:
    def test_a_refused_key_is_told_by_the_hook(self, bench: Bench) -> None:
        bench.misuse_secret("wrong")
        with pytest.raises(AuthenticationError) as caught:
            bench.look(bench.hook(), bench.start())
        told = bench.words(caught.value)
        assert re.match(f"{bench.platform}: .* failed: HTTP 401 Unauthorized: ", told)

    @pytest.mark.usefixtures("quick")
    def test_a_refused_key_ends_a_trigger_after_the_connection_was_read_again(self, bench: Bench) -> None:
        run_id = bench.start()
        bench.misuse_secret("wrong")
        event = run(bench.ended(bench.trigger(run_id)))
        assert event.ending is Ending.UNREACHABLE
        assert "HTTP 401 Unauthorized: " in bench.words(event.message)

    @pytest.mark.usefixtures("quick")
    def test_a_key_that_was_changed_in_the_connection_is_taken_up_by_a_trigger(self, bench: Bench) -> None:
        run_id = bench.start()

        async def main() -> None:
            waiting = asyncio.ensure_future(bench.ended(bench.trigger(run_id)))
            await asyncio.to_thread(bench.sandbox.wait_for, lambda _: len(bench.asked(bench.polled)) > 2)
            bench.use_secret("renewed")
            bench.expire()
            bench.finish(run_id)
            assert (await waiting).ending is Ending.FINISHED

        run(main())

    def test_an_expired_token_is_renewed_once_by_the_hook(self, quantemplate: Bench) -> None:
        hook, run_id = quantemplate.hook(), quantemplate.start()
        quantemplate.look(hook, run_id)
        quantemplate.fault("expired_token", operation="list_executions", times=1)
        assert quantemplate.look(hook, run_id).state is RunState.RUNNING
        assert len(quantemplate.asked("get_token")) == 2

    @pytest.mark.usefixtures("quick")
    def test_an_expired_token_is_not_renewed_by_each_trigger(self, quantemplate: Bench) -> None:
        pipelines = [f"p-{n}" for n in range(1, 9)]
        run_ids = [quantemplate.start(pipeline) for pipeline in pipelines]

        async def main() -> None:
            waiting = [
                asyncio.ensure_future(quantemplate.ended(quantemplate.trigger(run_id, pipeline)))
                for run_id, pipeline in zip(run_ids, pipelines, strict=True)
            ]
            count = lambda _: len(quantemplate.asked("list_executions")) >= 16  # noqa: E731
            await asyncio.to_thread(quantemplate.sandbox.wait_for, count)
            assert len(quantemplate.asked("get_token")) == 1
            quantemplate.store.revoke()
            for run_id in run_ids:
                quantemplate.finish(run_id)
            endings = Counter(event.ending for event in await asyncio.gather(*waiting))
            assert endings == {Ending.FINISHED: 8}
            assert len(quantemplate.asked("get_token")) == 2

        run(main())


@pytest.mark.usefixtures("quick")
def test_a_deadline_is_kept_while_the_platform_hangs(bench: Bench) -> None:
    run_id = bench.start()
    bench.connect(request_timeout=30)
    bench.fault("hang")
    began = time.monotonic()
    event = run(bench.ended(bench.trigger(run_id, deadline=time.time() + 0.5)))
    assert event.ending is Ending.TIMEOUT
    assert time.monotonic() - began < 5.0
    bench.sandbox.clear_faults()
