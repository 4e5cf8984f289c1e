"""A platform fails for six seconds while twenty triggers wait for runs.

All kinds of failures are tested at the same time, each with its own sandbox. The intervals and the time are
real.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.lifecycle.events import Ending
from dataops_sandbox import Sandbox
from tests.integration.bench.base import Bench, Connections
from tests.integration.bench.quantemplate import QuantemplateBench
from tests.integration.bench.tailer import TailerBench
from tests.integration.bench.tamr import TamrBench
from tests.integration.bench.toucan import ToucanBench
from tests.integration.bench.trac import MarkedTracBench
from tests.loops import run
from tests.watchdog import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_dataops.lifecycle.events import RunEvent
    from dataops_sandbox.journal import Entry

RUNS = 20
SECONDS = 6.0
KINDS: dict[str, dict[str, Any]] = {
    "503": {"kind": "status", "status": 503, "duration": SECONDS},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "7"}, "duration": SECONDS},
    "reset": {"kind": "reset_before", "duration": SECONDS},
    "hang": {"kind": "hang", "duration": SECONDS},
    "401": {"kind": "status", "status": 401, "times": 1},
}
BENCHES: dict[str, type[Bench]] = {
    "tamr": TamrBench,
    "quantemplate": QuantemplateBench,
    "tailer": TailerBench,
    "trac": MarkedTracBench,
    "toucan": ToucanBench,
}
#: How many requests a poll of all runs takes, if it is more than one.
GROUPS = {"quantemplate": 5, "toucan": RUNS}


@dataclass
class Course:
    """Twenty runs of one platform during one kind of failure, and the events of their triggers."""

    bench: Bench
    kind: dict[str, Any]
    fault: Any = None
    events: list[RunEvent | BaseException] = field(default_factory=list)

    async def pass_through(self) -> None:
        pipelines = [f"p-{1 + n % 5}" if self.bench.name == "quantemplate" else "" for n in range(RUNS)]
        run_ids = [self.bench.start(pipeline) for pipeline in pipelines]
        waiting = [
            asyncio.ensure_future(self.bench.event_of(self.bench.trigger(run_id, pipeline)))
            for run_id, pipeline in zip(run_ids, pipelines, strict=True)
        ]
        await self._after(lambda: len(self.bench.requests(self.bench.poll_operation)) >= 1)
        options = dict(self.kind)
        self.fault = self.bench.fault(options.pop("kind"), since="first_hit", **options)
        await self._after(lambda: self.fault.hits >= 1)
        await asyncio.sleep(SECONDS)
        # The runs end before the triggers know that the platform works again.
        for run_id in run_ids:
            self.bench.finish(run_id)
        self.events = await asyncio.gather(*waiting, return_exceptions=True)

    async def _after(self, happened: Callable[[], bool]) -> None:
        # Not in a thread: the courses would occupy all threads of the pool, and the triggers need some.
        async with asyncio.timeout(15.0):
            while not happened():  # noqa: ASYNC110 - it happens in another thread
                await asyncio.sleep(0.02)


def sent_by_us(entries: Iterable[Entry]) -> list[Entry]:
    """Return the requests that the provider has sent, without those that aiohttp has repeated by itself.

    If a connection breaks, aiohttp sends a GET request again at once (RFC 9112, 9.3.1).
    """
    ours: list[Entry] = []
    broken: dict[str, float] = {}
    for entry in entries:
        if entry.monotonic - broken.pop(entry.path, -1.0) < 0.5:
            continue
        if entry.method == "GET" and entry.outcome == "reset":
            broken[entry.path] = entry.monotonic
        ours.append(entry)
    return ours


@pytest.fixture(scope="module")
def courses() -> dict[tuple[str, str], Course]:
    courses: dict[tuple[str, str], Course] = {}
    with pytest.MonkeyPatch.context() as patch, ExitStack() as sandboxes, watching() as watchdog:
        connections = Connections.installed(patch.setattr, BaseHook)
        for kind, options in KINDS.items():
            for name, bench_class in BENCHES.items():
                bench = bench_class(sandboxes.enter_context(Sandbox()), connections, f"{name}-{kind}")
                bench.connect(request_timeout=2.0)
                if name == "toucan":
                    # With its default credentials, the provider sends a rejected password only once.
                    bench.add_to_connection(auth_type="login")
                courses[name, kind] = Course(bench, options)

        async def main() -> None:
            await asyncio.gather(*(course.pass_through() for course in courses.values()))

        run(main())
    assert watchdog.caught == []
    return courses


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BENCHES)
class TestEachKind:
    def test_no_run_is_lost(self, courses: dict[tuple[str, str], Course], name: str, kind: str) -> None:
        course = courses[name, kind]
        assert course.fault.hits >= 1
        endings = [
            event
            if isinstance(event, BaseException)
            else (event.ending, event.snapshot and event.snapshot.state)
            for event in course.events
        ]
        assert endings == [(Ending.FINISHED, RunState.SUCCEEDED)] * RUNS

    def test_the_failing_platform_gets_few_requests(
        self, courses: dict[tuple[str, str], Course], name: str, kind: str
    ) -> None:
        failed = sent_by_us(entry for entry in courses[name, kind].bench.requests() if entry.fault)
        groups = GROUPS.get(name, 1)
        # One poll at the start of the failure, and at most one in each of the six seconds.
        assert len(failed) <= groups * 7


@pytest.mark.parametrize("name", BENCHES)
def test_no_request_is_sent_before_retry_after_has_passed(
    courses: dict[tuple[str, str], Course], name: str
) -> None:
    entries = courses[name, "429"].bench.requests()
    limited = [entry for entry in entries if entry.status == 429]
    assert limited
    for entry in limited:
        # Requests for other pipelines may be on their way when the first response with 429 arrives. On a busy
        # machine they take seconds.
        received = entry.monotonic + 3.0
        assert [e for e in entries if received < e.monotonic < entry.monotonic + 7.0] == []


def test_one_request_polls_all_runs_of_a_group(courses: dict[tuple[str, str], Course]) -> None:
    """In each interval, twenty triggers together send one request for each group."""
    for (name, kind), course in courses.items():
        times = [entry.monotonic for entry in sent_by_us(course.bench.sweeps())]
        groups = GROUPS.get(name, 1)
        # After a failure, some requests are repeated. Tailer sends a second list if a run has left the first.
        assert len(times) <= groups * (4 + (times[-1] - times[0]) / 0.9), (name, kind)


@pytest.mark.parametrize(("name", "login"), [("quantemplate", "get_token"), ("toucan", "login")])
def test_not_every_trigger_fetches_a_new_token_after_a_401(
    courses: dict[tuple[str, str], Course], name: str, login: str
) -> None:
    # One login at the start, and one after the 401. Requests in between may cause one more.
    assert 2 <= len(courses[name, "401"].bench.requests(login)) <= 3
    assert len(courses[name, "503"].bench.requests(login)) == 1
