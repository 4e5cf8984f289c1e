"""The life of a run in any order of events; see :mod:`.world` for what can happen and :mod:`.judge` for rules."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_dataops.adapters import task_state as task_state_module
from airflow_provider_dataops.core.clock import SystemClock
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.operators import base, kill
from airflow_provider_dataops.triggers import waits
from tests.unit.model import world as model
from tests.unit.model.kinds import KINDS, PLACES
from tests.unit.model.process import MemoryDriver, ModelClock, Process, ProcessTime
from tests.unit.model.remote import TIMEOUTS, Fault, RemoteRun
from tests.unit.model.task import ENDED, Task

#: Points of a submission, and those of all else; what matters most is named most often.
SUBMISSION = ("submit", "submit", "submit", "answered", "answered", "written", "write", "list")
POINTS = st.sampled_from(
    [*SUBMISSION, "sleep", "sleep", "sleep", "sleep", "resumed", "resumed", "request", "read", "ask", "stop"]
    + ["start", "end"]
)
NUMBER = st.integers(0, 3)
STEPS = st.sampled_from([0, 0, 1, 2, 4, 8, 30])
SECONDS = (10.0, 70.0, 400.0, 1_700.0, 2_000.0)
#: What can happen, by the name of a method of :class:`Life`, with the arguments that it takes then. Each example
#: draws a few of them, so that they come often enough to meet.
EVENTS: dict[str, list[tuple[Any, ...]]] = {
    "kill": [()],
    "sigterm": [(0,), (5,), (60,)],
    "freeze": [()],
    "lose": [
        ("reset", True, 0.0),
        ("reset", True, 0.0),
        ("reset", True, 0.9),
        ("reset", False, 0.0),
        ("read timeout", True, 0.0),
        ("read timeout", True, 0.9),
        ("504", True, 0.4),
        ("503", True, 0.0),
        ("503", False, 0.0),
        ("page", True, 0.4),
        ("not connected", False, 0.0),
        ("429", False, 0.0),
        ("404 page", False, 0.0),
        ("400", False, 0.0),
    ],
    "clear": [()],
    "clear_a_neighbour": [()],
    "mark": [("failed",), ("success",)],
    "move_the_arguments": [()],
    "lose_the_api_server": [(True,), (False,)],
    "lose_the_trigger": [("crash",), ("move",), ("timeout",)],
    "end_a_run": [("succeeded",), ("failed",)],
    "start_a_strangers_run": [(place,) for place in PLACES],
    "list_late": [(0.0,), (0.5,), (0.9,)],
    "hide": [(seconds, known) for seconds in SECONDS for known in (True, False)],
    "pass_time": [(seconds,) for seconds in SECONDS],
}
#: What the promises are about comes more often.
WEIGHTED = [
    *EVENTS,
    *["lose", "kill", "freeze", "hide", "clear", "clear_a_neighbour", "move_the_arguments"] * 2,
]


class Life(RuleBasedStateMachine):
    """One DAG run with one or two mapped task instances, on one platform."""

    conn_type: ClassVar[str]

    @initialize(
        places=st.sampled_from([PLACES[:1], PLACES[:1], PLACES, PLACES[:1] * 2]),
        retries=st.sampled_from([3, 3, 3, 1, 0]),
        deferrable=st.booleans(),
        timeout=st.sampled_from([86_400, 86_400, 900]),
        events=st.lists(st.sampled_from(WEIGHTED), min_size=2, max_size=4, unique=True),
    )
    def begin(
        self, places: tuple[str, ...], retries: int, deferrable: bool, timeout: int, events: list[str]
    ) -> None:
        options = {"deferrable": deferrable, "timeout": timeout}
        self.world = model.World(self.conn_type, places, retries, options)
        self.remote = self.world.remote
        self.events = events

    @rule(number=NUMBER)
    def work(self, number: int) -> None:
        """Go on with a task, wherever it is, until its process ends or waits for its run."""
        self.go(self.task(number))

    @rule(
        number=NUMBER,
        until=POINTS,
        burst=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 13), STEPS), min_size=1, max_size=3),
    )
    def happen(self, number: int, until: str, burst: list[tuple[int, int, int]]) -> None:
        """Let a task go on up to a point; then something happens, and perhaps more after some steps."""
        task = self.task(number)
        for event, how, steps in burst:
            name = self.events[event % len(self.events)]
            arguments = EVENTS[name][how % len(EVENTS[name])]
            if name == "lose" and until not in {"list", "request", "stop"}:
                until = "submit"
            self.reach(task, until)
            note(f"{name}{arguments}")
            getattr(self, name)(task, *arguments)
            self.world.judge.check()
            if steps:
                self.go(task, steps=steps)
            until = "start"

    def task(self, number: int) -> Task:
        return self.world.tasks[number % len(self.world.tasks)]

    def go(self, task: Task, until: str = "end", steps: int = model.STEPS) -> None:
        """Go on with a task in the process that runs it, or that Airflow would start."""
        world = self.world
        process = task.worker
        if process is None and world.is_due(task):
            process = world.start(task)
        elif process is None and task.state == "deferred":
            process = world.wait(task)
        if process is not None:
            world.go(process, until, steps)

    def reach(self, task: Task, until: str) -> None:
        """Bring a task to a point."""
        if until in SUBMISSION:
            self.begin_anew(task)
        if until == "resumed":
            if task.state == "deferred":
                self.end_a_run(task, "succeeded")
                self.go(task)
            until = "written"
        if until != "start":
            self.go(task, until)

    def begin_anew(self, task: Task) -> None:
        """Bring a task that waits for its run, or has ended, to where it submits again."""
        waits = task.state == "deferred" or (task.worker is not None and task.worker.waits)
        if waits:
            self.end_a_run(task, "failed")
            self.go(task)
            self.go(task)
        if task.state in ENDED:
            self.clear(task)

    # --- what happens to a process ---------------------------------------------------------------------

    def kill(self, task: Task) -> None:
        process = task.worker or task.waiter
        if process is not None:
            self.world.kill(process)

    def sigterm(self, task: Task, steps: int) -> None:
        """SIGTERM, and SIGKILL after some steps."""
        process = task.worker
        if process is not None:
            self._signal(process)
            if not process.is_over:
                self.world.go(process, "end", steps)
            if not process.is_over:
                self.world.kill(process)

    def _signal(self, process: Process) -> None:
        if process.operator is not None and not process.was_signalled:
            self.world.signal(process)

    def freeze(self, task: Task) -> None:
        """The scheduler takes a process for dead that is only frozen."""
        if task.worker is not None:
            self.world.give_up(task)

    def _frozen(self) -> list[Process]:
        return [p for p in self.world.alive if p not in (p.task.worker, p.task.waiter)]

    @precondition(lambda self: self._frozen())
    @rule(number=NUMBER, until=POINTS, end=st.sampled_from(["", "", "SIGTERM", "SIGKILL"]))
    def wake(self, number: int, until: str, end: str) -> None:
        """Go on with a process that Airflow takes for dead; its supervisor may end it."""
        frozen = self._frozen()
        process = frozen[number % len(frozen)]
        if end == "SIGKILL":
            self.world.kill(process)
        elif end:
            self._signal(process)
        if not process.is_over:
            self.world.go(process, until)

    def lose(self, task: Task, kind: str, processed: bool, part: float) -> None:
        """Something goes wrong with a request.

        :param part: when the platform takes a submission, as a part of the longest time that it may need.
        """
        process = task.worker or task.waiter
        if process is None or process.point.kind not in {"request", "submit", "stop", "list"}:
            return
        is_late = process.point.kind == "submit" and not self.remote.late
        late = part * (self.delay(kind) - self.remote.lag) if is_late else 0.0
        process.fault = Fault(kind, processed, late)
        self.world.go(process, "sleep")

    def delay(self, kind: str = "") -> float:
        """Return the seconds within which what was sent is listed, after a fault of some kind."""
        launch = self.world.kind.launch
        delay = max(launch.listing_delay, 30.0)
        return max(delay, 2 * launch.listing_delay, launch.timeout_delay) if kind in TIMEOUTS else delay

    # --- what happens in Airflow -----------------------------------------------------------------------

    def pass_time(self, task: Task, seconds: float) -> None:
        self.remote.advance_to(self.remote.now + seconds)

    def lose_the_api_server(self, task: Task, is_away: bool) -> None:
        self.world.set_away(is_away)

    def clear(self, task: Task) -> None:
        if not self.world.dag_run.is_away and task.state != "restarting":
            self.world.clear(task)

    def clear_a_neighbour(self, task: Task) -> None:
        if not self.world.dag_run.is_away:
            self.world.clear_neighbour()

    def mark(self, task: Task, state: str) -> None:
        if not self.world.dag_run.is_away and task.state not in {None, "restarting", *ENDED}:
            self.world.mark(task, state)

    def move_the_arguments(self, task: Task) -> None:
        """The list that the tasks are mapped over has changed."""
        places = [task.place for task in self.world.tasks]
        places = places[::-1] if len(set(places)) > 1 else [PLACES[place == PLACES[0]] for place in places]
        for one, place in zip(self.world.tasks, places, strict=True):
            one.place = place

    def lose_the_trigger(self, task: Task, how: str) -> None:
        if task.state != "deferred" or self.world.dag_run.is_away:
            return
        if how == "move":
            self.world.cancel(task)
        elif how == "crash":
            self.world.fail_trigger(task, "Trigger failure")
        else:
            self.remote.advance_to(max(self.remote.now, task.trigger_timeout))
            self.world.fail_trigger(task, "Trigger timeout")

    @precondition(lambda self: self.world.cancels)
    @rule(number=NUMBER, until=st.sampled_from(["stop", "end"]))
    def notice_a_cancel(self, number: int, until: str) -> None:
        """A triggerer hears that a trigger was cancelled."""
        self.world.go(self.world.notice_cancel(number % len(self.world.cancels)), until)

    # --- what happens at the platform ------------------------------------------------------------------

    def _running(self) -> list[RemoteRun]:
        return [run for run in self.remote.runs.values() if self.remote.state(run) == "active"]

    def end_a_run(self, task: Task, outcome: str) -> None:
        for run in self._running():
            if run.process is not None and run.process.task is task:
                self.remote.end(run, outcome)

    def start_a_strangers_run(self, task: Task, place: str) -> None:
        if self.world.kind.begin is not None:
            self.remote.stranger(place)

    def list_late(self, task: Task, part: float) -> None:
        """Runs that begin from now on are listed late."""
        if not self.remote.late:
            self.remote.lag = part * self.delay()

    def hide(self, task: Task, seconds: float, known: bool) -> None:
        """Answers are stale or empty for a while: they lack every run, or those that the tasks know."""
        self.remote.hide(seconds, [one.record for one in self.world.tasks], known=known)

    # --- the end ---------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Let everything come to rest, and judge what is left."""
        if not hasattr(self, "world"):
            return
        world, remote = self.world, self.remote
        world.set_away(False)
        remote.advance_to(remote.now + 2_000.0)
        while world.cancels:
            world.go(world.notice_cancel(0), "end")
        for process in self._frozen():
            world.go(process, "end")
        for _ in range(30):
            for task in world.tasks:
                self.go(task)
            for run in self._running():
                if any(task.state == "deferred" or task.worker for task in world.tasks):
                    remote.end(run, "succeeded")
        for process in world.alive:
            process.kill()
        for task in world.tasks:
            assert task.state in ENDED, task.state
        world.judge.check()


PROFILE = os.environ.get("DATAOPS_HYPOTHESIS", "quick")
EXAMPLES = {"quick": 150, "long": 3_000}[PROFILE]


@pytest.fixture(autouse=True)
def _in_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the model where Airflow, the network and the time are."""
    for name in ("monotonic", "wall", "random"):
        monkeypatch.setattr(SystemClock, name, staticmethod(getattr(ModelClock, name)))
    monkeypatch.setattr(base, "time", ProcessTime)
    # Fewer steps for the same time.
    monkeypatch.setattr(base, "SLICE", 20.0)
    monkeypatch.setattr(progress, "FIRST_INTERVAL", 20.0)
    monkeypatch.setattr(kill, "SyncDriver", MemoryDriver)
    monkeypatch.setattr(task_state_module, "present_clear_number", model.present_clear_number)
    monkeypatch.setattr(waits, "shared", model.shared)
    monkeypatch.setattr(waits, "task_state", model.task_state)
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db", lambda **_: None)
    monkeypatch.setattr("airflow.sdk.bases.operator.ExecutorSafeguard.test_mode", True)


@pytest.mark.parametrize("conn_type", KINDS)
def test_no_run_is_doubled_mistaken_or_left_in_silence(conn_type: str) -> None:
    machine = type(f"Life_{conn_type}", (Life,), {"conn_type": conn_type})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            derandomize=PROFILE == "quick",
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            database=None,
        ),
    )
