"""A platform, a store and a clock in memory, in which a worker can be killed after each of its effects."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.http import Pause, Request
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.errors import NotFoundError, TransportError
from airflow_provider_dataops.lifecycle.durable import DurableStart, Started

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.metrics import Counter
    from airflow_provider_dataops.errors import ApiError
    from airflow_provider_dataops.lifecycle.record import Generation


class Killed(BaseException):
    """The worker was killed. It does nothing after this point."""


class SupersededError(Exception):
    """A newer try owns the task, so Airflow rejects the write."""


@dataclass
class Kind:
    """What a platform can do.

    :param exact: a token finds the run of a submission.
    :param can_stop: runs can be stopped.
    :param by_place: a run is listed only at the place of its start, such as the list of its pipeline.
    :param lists: runs can be listed.
    :param absence_proves: a run that is not listed will never be listed.
    """

    exact: bool = False
    can_stop: bool = False
    by_place: bool = False
    lists: bool = True
    absence_proves: bool = True


QUANTEMPLATE = Kind(by_place=True)
TAMR = Kind(can_stop=True)
TRAC = Kind(exact=True)
TOUCAN = Kind(lists=False, absence_proves=False)
TAILER = Kind(absence_proves=False)


@dataclass
class RemoteRun:
    """A run at the platform.

    :param owner: the token of the submission, or an empty text for a run of someone else.
    """

    run_id: str
    owner: str
    state: RunState = RunState.RUNNING
    listed_at: float = 0.0
    place: str = "nightly"


@dataclass
class World:
    """Everything that stays when a worker dies: time, the platform's runs, Airflow's store."""

    kind: Kind
    now: float = 1_000.0
    runs: list[RemoteRun] = field(default_factory=list)
    stored: dict[str, Any] | None = None
    tokens: int = 0
    listing_delay: float = 0.0
    #: After how many effects the worker is killed. ``None``: it is not killed.
    life: int | None = None
    effects: int = 0
    owner: int = 0
    #: How often tasks of the DAG run were cleared so far.
    clear_number: int = 0
    identity: dict[str, Any] = field(default_factory=lambda: {"what": "nightly"})
    id_scope: str = "https://one"
    settings: Settings = field(default_factory=lambda: Settings(conn_id="simulation", base_url="https://one"))
    #: If set, it handles a submission instead of the usual response.
    on_submit: Callable[[RemoteRun], None] | None = None
    #: If set, every status request raises it.
    look_error: ApiError | None = None
    #: If set, the list before a submission raises it.
    baseline_error: ApiError | None = None
    #: The next status requests raise these errors, one each.
    look_errors: list[ApiError] = field(default_factory=list)
    #: If set, a stop request raises it.
    cancel_error: ApiError | None = None
    #: The deadline of the task.
    deadline: float = float("inf")
    #: Called before each list of candidates.
    on_search: Callable[[], None] = lambda: None
    #: If set, every call of the store raises it.
    store_error: Exception | None = None
    #: The next calls of ``delete`` raise these errors, one each.
    delete_errors: list[Exception] = field(default_factory=list)
    #: Whether a submission that got no response may be sent again if the platform lists no runs.
    resubmits: bool = False
    #: Whether a ``delete`` that fails still removes the record.
    deletes_in_spite: bool = False
    #: Whether Airflow starts another try if this one fails.
    has_retry: bool = True
    #: Called with the number of each effect of a try.
    on_effect: Callable[[int], None] | None = None
    log_lines: list[str] = field(default_factory=list)
    #: What the tries have counted for metrics.
    counted: list[Counter] = field(default_factory=list)

    def effect(self) -> None:
        """Count an effect that others can see. The worker may die right after it."""
        self.effects += 1
        if self.on_effect is not None:
            self.on_effect(self.effects)
        if self.life is not None and self.effects > self.life:
            raise Killed

    def take_over(self) -> None:
        """Let a newer try own the task."""
        self.owner += 1

    def own_runs(self) -> list[RemoteRun]:
        """Return the runs that this task started."""
        return [run for run in self.runs if run.owner]

    def active(self) -> list[str]:
        """Return the ids of our runs that have not ended."""
        return [
            run.run_id
            for run in self.own_runs()
            if not run.state.is_final and run.state is not RunState.ABSENT
        ]

    def end_all(self, state: RunState) -> None:
        """End every active run of this task. ``ABSENT``: the platform forgets the run."""
        for run in self.own_runs():
            if not run.state.is_final:
                run.state = state
                if state is RunState.ABSENT:
                    run.listed_at = float("inf")

    def wait_for_a_listing(self) -> None:
        """Wait for an unlisted run for half an hour, then mark it as lost, as a wait does."""
        self.now += 1_800.0
        assert self.stored is not None
        listed = {run.run_id for run in self.runs if run.listed_at <= self.now}
        self.stored["lost"] = self.stored["run_id"] not in listed

    def start_run_of_another(self, delay: float = 0.0) -> RemoteRun:
        """Let someone else start a run."""
        run = RemoteRun(f"r{len(self.runs) + 1}", "", listed_at=self.now + delay)
        self.runs.append(run)
        return run

    def start(self, generation: Generation, life: int | None = None, *, cancels: bool = True) -> Started:
        """Let one try of the task start or find its run.

        :param life: kill the worker after so many effects.
        """
        self.life, self.effects = life, 0
        self.take_over()
        return _worker(self, generation, cancels)


@dataclass
class _Store:
    world: World
    owner: int

    def _fence(self) -> None:
        if self.world.owner != self.owner:
            raise SupersededError("404")

    def get(self) -> Mapping[str, Any] | None:
        return self.world.stored if self.world.owner == self.owner else None

    def set(self, value: Mapping[str, Any]) -> None:
        self.world.effect()
        if self.world.store_error is not None:
            raise self.world.store_error
        self._fence()
        self.world.stored = dict(value)
        self.world.effect()

    def is_superseded(self) -> bool:
        if self.world.store_error is not None:
            raise self.world.store_error
        return self.get() is None

    def delete(self) -> None:
        self._fence()
        if self.world.delete_errors:
            if self.world.deletes_in_spite:
                self.world.stored = None
            raise self.world.delete_errors.pop(0)
        self.world.stored = None
        self.world.effect()


@dataclass
class _Launch:
    world: World
    place: str
    listing_delay: float = 30.0
    timeout_delay: float = 300.0
    waits_for_slot: bool = True
    cancel_on_kill: bool = False
    resubmits: bool = False

    @property
    def api(self) -> Any:
        return SimpleNamespace(settings=self.world.settings, platform="Simulation", noun="job")

    @property
    def exact(self) -> bool:
        return self.world.kind.exact

    @property
    def lists_runs(self) -> bool:
        return self.world.kind.lists

    @property
    def not_found_is_final(self) -> bool:
        return self.world.kind.absence_proves

    @property
    def id_scope(self) -> str:
        return self.world.id_scope

    def identity(self) -> Mapping[str, Any]:
        return self.world.identity

    def _listed(self) -> list[RemoteRun]:
        listed = [run for run in self.world.runs if run.listed_at <= self.world.now]
        return [run for run in listed if run.place == self.place or not self.world.kind.by_place]

    def prepare(self) -> Exchange[_Launch]:
        yield from ()
        return self

    def record_baseline(self) -> Exchange[Mapping[str, Any]]:
        yield _request("baseline")
        if self.world.baseline_error is not None:
            raise self.world.baseline_error
        return {"place": self.place, "known": [run.run_id for run in self._listed()]}

    def earlier(self, baseline: Mapping[str, Any]) -> _Launch:
        return replace(self, place=baseline["place"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        yield _request("submit")
        listed_at = self.world.now + self.world.listing_delay
        run = RemoteRun(f"r{len(self.world.runs) + 1}", token, listed_at=listed_at, place=self.place)
        if self.world.on_submit is None:
            self.world.runs.append(run)
        else:
            self.world.on_submit(run)
        # The platform has the run, but the worker has no response yet.
        self.world.effect()
        return _snapshot(run)

    def find_candidates(self, baseline: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        assert self.world.kind.lists, "no search on a platform that lists no runs"
        yield _request("candidates")
        self.world.on_search()
        if self.exact:
            return [_snapshot(run) for run in self._listed() if run.owner == token]
        return [_snapshot(run) for run in self._listed() if run.run_id not in baseline["known"]]

    def watch(self, run_id: str, token: str = "") -> _Watch:
        return _Watch(self, run_id, self.cancel_on_kill)


@dataclass
class _Watch:
    launch: _Launch
    run_id: str
    cancel_on_kill: bool

    def look(self, api: Any) -> Exchange[RunSnapshot]:
        yield _request("look")
        world = self.launch.world
        if world.look_errors:
            raise world.look_errors.pop(0)
        if world.look_error is not None:
            raise world.look_error
        for run in self.launch._listed():
            if run.run_id == self.run_id:
                return _snapshot(run)
        return RunSnapshot(run_id=self.run_id, state=RunState.ABSENT)

    def cancel(self, api: Any) -> Exchange[None]:
        yield _request("cancel")
        if self.launch.world.cancel_error is not None:
            raise self.launch.world.cancel_error
        for run in self.launch.world.runs:
            if run.run_id == self.run_id:
                if not run.state.is_final:
                    run.state = RunState.CANCELLED
                self.launch.world.effect()
                return
        raise NotFoundError("no such run", status=404)

    def url(self, api: Any) -> str:
        return f"https://ui/{self.launch.place}/{self.run_id}"


@dataclass
class _Clock:
    world: World

    def monotonic(self) -> float:
        return self.world.now

    def wall(self) -> float:
        return self.world.now

    def random(self) -> float:
        return 0.5


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def _worker(world: World, generation: Generation, cancels: bool) -> Started:
    log = logging.Logger("task")  # noqa: LOG001 - tests must not share a logger
    log.addHandler(_Lines(world.log_lines))

    def token() -> str:
        world.tokens += 1
        return f"token{world.tokens}"

    # It has properties in place of the class variables of Launch.
    launch: Any = _Launch(
        world,
        world.identity["what"],
        cancel_on_kill=cancels and world.kind.can_stop,
        resubmits=world.resubmits,
    )
    start = DurableStart(
        launch=launch,
        store=_Store(world, world.owner),
        clock=_Clock(world),
        generation=generation,
        present=lambda: replace(generation, clear_number=max(generation.clear_number, world.clear_number)),
        deadline=world.deadline,
        defers=False,
        new_token=token,
        has_retry=world.has_retry,
        count=world.counted.append,
        log=log,
    )
    exchange = start.run()
    step = next(exchange)
    while True:
        if isinstance(step, Pause):
            world.now += step.seconds
        elif isinstance(step, Request):
            world.now += 0.1
            # The worker can die before the request is sent.
            world.effect()
        try:
            step = exchange.send(None)
        except StopIteration as done:
            result: Started = done.value
            return result


def _request(operation: str) -> Request[Any]:
    return Request(operation=operation, method="GET", url="https://one/")


def _snapshot(run: RemoteRun) -> RunSnapshot:
    return RunSnapshot(run_id=run.run_id, state=run.state, raw_state=str(run.state))


def lost_reply(world: World) -> Callable[[RemoteRun], None]:
    """Answer a submission with a reset, after the platform accepted it."""

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.on_submit = None
        raise TransportError("reset")

    return answer


def never_arrived(world: World, times: int = 1) -> Callable[[RemoteRun], None]:
    """Answer this many submissions with a reset, before the platform receives them."""
    left = [times]

    def answer(run: RemoteRun) -> None:
        if not left[0]:
            world.runs.append(run)
            return
        left[0] -= 1
        raise TransportError("reset")

    return answer
