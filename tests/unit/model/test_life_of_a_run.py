"""The life of a run, in any order of events.

Hypothesis generates lives: a few tasks, and what happens to them, their processes, Airflow and the platform.
:mod:`.world` holds what exists, and :mod:`.judge` checks the rules. At the end pytest prints how often each
event happened and each rule was checked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import airflow_provider_dataops
from airflow_provider_dataops.adapters import task_state as task_state_module
from airflow_provider_dataops.core.clock import SystemClock
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.operators import base
from airflow_provider_dataops.transport import sync
from airflow_provider_dataops.triggers import waits
from tests.examples import examples
from tests.generated import events as happened
from tests.generated import generated
from tests.unit.model import judge
from tests.unit.model import world as model
from tests.unit.model.kinds import KINDS, PLACES
from tests.unit.model.process import MemoryDriver, ModelClock, Process, ProcessTime
from tests.unit.model.remote import TIMEOUTS, Fault, RemoteRun
from tests.unit.model.task import ENDED, Task

#: The points of a submission.
SUBMISSION = ("submit", "answered", "written", "write", "list")
#: Where a process is when something happens to it. Points that matter more come more often.
POINTS = [
    *SUBMISSION,
    *("submit", "submit", "answered"),
    *("sleep",) * 4,
    *("resumed",) * 2,
    *("changed", "request", "read", "ask", "start", "end"),
]
#: These points come often where a platform can stop runs.
STOPS = ["stop after a Clear", "stop after a change"] * 3 + ["stop"]
NUMBER = st.integers(0, 3)
#: How far a task continues after an event: a number of steps, or up to a point.
ONWARD = st.sampled_from([0, 0, 1, 2, 4, 8, 30, "submit", "end"])
SECONDS = (10.0, 70.0, 400.0, 1_700.0, 2_000.0)
#: What can happen: the name of a method of :class:`Life`, and the arguments to choose from.
EVENTS: dict[str, list[tuple[Any, ...]]] = {
    "kill": [()],
    "sigterm": [(0,), (5,), (60,)],
    "freeze": [()],
    "wake": [(end, until) for end in ("", "SIGTERM", "SIGKILL") for until in ("end", "submit", "written")],
    "lose": [
        ("reset", True, 0.0),
        ("reset", True, 0.0),
        ("reset", True, 0.9),
        ("reset", False, 0.0),
        ("read timeout", True, 0.0),
        ("read timeout", True, 0.9),
        ("read timeout", True, 1.5),
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
    "clear_another_task": [()],
    "mark": [("failed",), ("success",)],
    "change_the_arguments": [()],
    "lose_the_api_server": [(True,), (False,)],
    "lose_the_trigger": [("crash",), ("move",), ("timeout",)],
    "end_a_run": [("succeeded",), ("failed",)],
    "start_another_users_run": [(place,) for place in PLACES],
    "list_late": [(0.0,), (0.5,), (0.9,)],
    "hide": [(seconds, known) for seconds in SECONDS for known in (True, False)],
    "pass_time": [(seconds,) for seconds in SECONDS],
}
#: Each life has only a few kinds of events, so that they often come together.
TOPICS: dict[str, list[str]] = {
    "lost responses": ["lose", "list_late", "kill", "start_another_users_run"],
    "frozen processes": ["freeze", "wake", "sigterm", "lose"],
    "Clears": ["clear", "clear_another_task", "kill", "lose"],
    "hidden runs": ["hide", "lose", "pass_time", "end_a_run"],
    "stops": ["hide", "lose", "sigterm"],
    "triggers": ["lose_the_trigger", "mark", "sigterm", "hide"],
    "changed arguments": ["change_the_arguments", "kill", "hide", "lose_the_api_server"],
    "anything": [],
}
#: Topics whose faults need a rare order of events: the number of lives, and of steps in each.
LONGER = {"lost responses": (10, 20), "hidden runs": (10, 20), "frozen processes": (6, 20)}
CASES = [(kind, topic) for kind in KINDS for topic in TOPICS if KINDS[kind].stop or topic != "stops"]


class Life(RuleBasedStateMachine):
    """One DAG run with one or two mapped task instances, on one platform."""

    conn_type: ClassVar[str]
    topic: ClassVar[str]

    @initialize(
        places=st.sampled_from([PLACES[:1], PLACES[:1], PLACES, PLACES[:1] * 2]),
        retries=st.sampled_from([3, 3, 3, 1, 0]),
        deferrable=st.booleans(),
        timeout=st.sampled_from([86_400, 86_400, 900]),
        events=st.lists(st.sampled_from(list(EVENTS)), min_size=2, max_size=4, unique=True),
    )
    def begin(
        self, places: tuple[str, ...], retries: int, deferrable: bool, timeout: int, events: list[str]
    ) -> None:
        generated["lives of runs in the model"] += 1
        options = {"deferrable": deferrable, "timeout": timeout}
        self.world = model.World(self.conn_type, places, retries, options)
        self.remote = self.world.remote
        can_stop = bool(self.world.kind.stop)
        self.points = STOPS if self.topic == "stops" else POINTS + STOPS * can_stop
        self.events = TOPICS[self.topic] or events

    @rule(
        number=NUMBER,
        point=st.integers(0, 59),
        burst=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 14), ONWARD), min_size=1, max_size=3),
    )
    def happen(self, number: int, point: int, burst: list[tuple[int, int, int | str]]) -> None:
        """Run a task up to a point. Then one to three events happen, and the task continues after each."""
        task, until = self.task(number), self.points[point % len(self.points)]
        for kind, how, onward in burst:
            name = self.events[kind % len(self.events)]
            arguments = EVENTS[name][how % len(EVENTS[name])]
            if name == "lose" and until != "list" and not until.startswith(("request", "stop")):
                until = "submit"
            self.reach(task, until)
            note(f"at {until!r}: {name}{arguments}")
            getattr(self, name)(task, *arguments)
            self.world.judge.check()
            if isinstance(onward, str):
                self.go(task, onward)
            elif onward:
                self.go(task, steps=onward)
            until = "start"

    def happened(self, name: str) -> None:
        """Count an event."""
        happened[name] += 1

    def task(self, number: int) -> Task:
        return self.world.tasks[number % len(self.world.tasks)]

    def go(self, task: Task, until: str = "end", steps: int = model.STEPS) -> None:
        """Run the process of a task, or start the one that Airflow would start."""
        world = self.world
        process = task.worker
        if process is None and world.is_due(task):
            process = world.start(task)
        elif process is None and task.state == "deferred":
            process = world.wait(task)
        if process is not None:
            world.go(process, until, steps)

    # --- how a task gets to a point --------------------------------------------------------------------

    def reach(self, task: Task, until: str) -> None:
        """Bring a task to a point."""
        if until in SUBMISSION:
            self.submit_again(task)
        elif until == "resumed":
            if task.state == "deferred":
                self.end_runs(task, "succeeded")
                self.go(task)
            until = "written"
        elif until == "stop after a Clear":
            self.wait_for_a_run(task)
            self.clear(task)
            if task.worker is not None:
                self.world.kill(task.worker)
            until = "stop"
        elif until in {"changed", "stop after a change"}:
            self.wait_for_a_run(task)
            self.end_try(task)
            self.change_the_arguments(task)
            until = "request" if until == "changed" else "stop"
        if until != "start":
            self.go(task, until)

    def waits_for_a_run(self, task: Task) -> bool:
        return task.state == "deferred" or (task.worker is not None and task.worker.waits)

    def submit_again(self, task: Task) -> None:
        """Bring a task that waits for its run, or has ended, to the start of a try that submits."""
        if self.waits_for_a_run(task):
            self.end_runs(task, "failed")
            self.go(task)
            self.go(task)
        if task.state in ENDED:
            self.clear(task)

    def wait_for_a_run(self, task: Task) -> None:
        """Bring a task to the wait for its run."""
        if task.state in ENDED:
            self.clear(task)
        if not self.waits_for_a_run(task):
            self.go(task, "sleep")

    def end_try(self, task: Task) -> None:
        """End a try by SIGKILL, so that the next one finds its run. A deferred task resumes before that."""
        if task.state == "deferred" and not self.world.dag_run.is_away:
            self.world.fail_trigger(task, "Trigger failure")
            self.go(task, "read")
        if task.worker is not None:
            self.world.kill(task.worker)

    # --- what happens to a process ---------------------------------------------------------------------

    def kill(self, task: Task) -> None:
        process = task.worker or task.waiter
        if process is not None:
            self.happened("kill")
            self.world.kill(process)

    def sigterm(self, task: Task, steps: int) -> None:
        """The process gets SIGTERM, and SIGKILL after some steps."""
        process = task.worker
        if process is None:
            return
        self.happened("sigterm")
        self._signal(process)
        if not process.is_over:
            self.world.go(process, "end", steps)
        if not process.is_over:
            self.world.kill(process)

    def _signal(self, process: Process) -> None:
        if process.operator is not None and not process.was_signalled:
            self.world.signal(process)

    def freeze(self, task: Task) -> None:
        """The scheduler declares a process dead that is only frozen."""
        if task.worker is not None:
            self.happened("freeze")
            self.world.give_up(task)

    def _frozen(self) -> list[Process]:
        return [p for p in self.world.alive if p not in (p.task.worker, p.task.waiter)]

    def wake(self, task: Task, end: str, until: str) -> None:
        """A frozen process of the task continues. Its supervisor may end it."""
        process = next((process for process in self._frozen() if process.task is task), None)
        if process is None:
            return
        self.happened("wake")
        if end == "SIGKILL":
            self.world.kill(process)
        elif end:
            self._signal(process)
        if not process.is_over:
            self.world.go(process, until)

    def lose(self, task: Task, kind: str, processed: bool, part: float) -> None:
        """A request fails.

        :param part: when the platform processes a submission, as a part of the longest time that it may take.
            More than 1 is possible only where an absent run proves nothing.
        """
        process = task.worker or task.waiter
        if process is None or process.point.kind not in {"request", "submit", "stop", "list"}:
            return
        self.happened(f"lose at {process.point.kind}")
        is_late = process.point.kind == "submit" and not self.remote.late
        if self.world.kind.absence_proves:
            part = min(part, 0.9)
        late = part * (self.delay(kind) - self.remote.lag) if is_late else 0.0
        process.fault = Fault(kind, processed, late, overdue=part > 1.0)
        self.world.go(process, "sleep")

    def delay(self, kind: str = "") -> float:
        """Return the seconds after which the platform lists a submission, if the request had this fault."""
        launch = self.world.kind.launch
        delay = max(launch.listing_delay, 30.0)
        return max(delay, 2 * launch.listing_delay, launch.timeout_delay) if kind in TIMEOUTS else delay

    # --- what happens in Airflow -----------------------------------------------------------------------

    def pass_time(self, task: Task, seconds: float) -> None:
        self.happened("pass_time")
        self.remote.advance_to(self.remote.now + seconds)

    def lose_the_api_server(self, task: Task, is_away: bool) -> None:
        """The API server does not answer any more, or answers again."""
        if is_away:
            self.happened("lose_the_api_server")
        self.world.set_away(is_away)

    def clear(self, task: Task) -> None:
        if not self.world.dag_run.is_away and task.state != "restarting":
            self.happened("clear")
            self.world.clear(task)

    def clear_another_task(self, task: Task) -> None:
        if not self.world.dag_run.is_away:
            self.happened("clear_another_task")
            self.world.clear_neighbour()

    def mark(self, task: Task, state: str) -> None:
        if not self.world.dag_run.is_away and task.state not in {None, "restarting", *ENDED}:
            self.happened("mark")
            self.world.mark(task, state)

    def change_the_arguments(self, task: Task) -> None:
        """The list that the tasks are mapped over has changed."""
        self.happened("change_the_arguments")
        places = [task.place for task in self.world.tasks]
        places = places[::-1] if len(set(places)) > 1 else [PLACES[place == PLACES[0]] for place in places]
        for one, place in zip(self.world.tasks, places, strict=True):
            one.place = place

    def lose_the_trigger(self, task: Task, how: str) -> None:
        """The trigger crashes, moves to another triggerer, or times out."""
        if task.state != "deferred" or self.world.dag_run.is_away:
            return
        self.happened(f"lose_the_trigger: {how}")
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
        """A triggerer notices that Airflow has cancelled a trigger."""
        self.happened("notice_a_cancel")
        self.world.go(self.world.notice_cancel(number % len(self.world.cancels)), until)

    # --- what happens at the platform ------------------------------------------------------------------

    def _running(self) -> list[RemoteRun]:
        return [run for run in self.remote.runs.values() if self.remote.state(run) == "active"]

    def end_runs(self, task: Task, outcome: str) -> None:
        for run in self._running():
            if run.process is not None and run.process.task is task:
                self.remote.end(run, outcome)

    def end_a_run(self, task: Task, outcome: str) -> None:
        self.happened(f"end_a_run: {outcome}")
        self.end_runs(task, outcome)

    def start_another_users_run(self, task: Task, place: str) -> None:
        if self.world.kind.begin is not None:
            self.happened("start_another_users_run")
            self.remote.stranger(place)

    def list_late(self, task: Task, part: float) -> None:
        """The platform lists runs late that begin from now on."""
        if not self.remote.late:
            self.happened("list_late")
            self.remote.lag = part * self.delay()

    def hide(self, task: Task, seconds: float, known: bool) -> None:
        """Responses are stale for a while: they lack the tasks' known runs, or other users' runs, too."""
        self.happened("hide")
        self.remote.hide(seconds, [one.record for one in self.world.tasks], known=known)

    # --- the end ---------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Let all tasks end, and check the rules a last time."""
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
        generated["steps of processes in these lives"] += sum(process.steps for process in world.processes)


@pytest.fixture(autouse=True)
def _in_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace Airflow, the network and the time by the model."""
    for name in ("monotonic", "wall", "random"):
        monkeypatch.setattr(SystemClock, name, staticmethod(getattr(ModelClock, name)))
    monkeypatch.setattr(base, "time", ProcessTime)
    # Longer pauses: fewer steps for the same time.
    monkeypatch.setattr(base, "SLICE", 20.0)
    monkeypatch.setattr(progress, "FIRST_INTERVAL", 20.0)
    monkeypatch.setattr(sync, "SyncDriver", MemoryDriver)
    monkeypatch.setattr(task_state_module, "present_clear_number", model.present_clear_number)
    monkeypatch.setattr(waits, "join", model.join)
    monkeypatch.setattr(waits, "leave", lambda _: None)
    monkeypatch.setattr(waits, "task_state", model.task_state)
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db", lambda **_: None)
    monkeypatch.setattr("airflow.sdk.bases.operator.ExecutorSafeguard.test_mode", True)


def test_the_provider_still_logs_the_texts_that_the_judge_looks_for() -> None:
    package = Path(airflow_provider_dataops.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py")))
    texts = [*judge.IN_DOUBT, *judge.ANNOUNCES_STOP, judge.GUESS, judge.LOST, judge.BEFORE_SUBMISSION]
    assert [text for text in texts if text not in source] == []


@pytest.mark.parametrize(("conn_type", "topic"), CASES)
def test_no_run_is_started_twice_or_confused_or_left_without_a_log_line(conn_type: str, topic: str) -> None:
    machine = type(f"Life_{conn_type}", (Life,), {"conn_type": conn_type, "topic": topic})
    number, steps = LONGER.get(topic, (4, 15))
    run_state_machine_as_test(machine, settings=examples(number, stateful_step_count=steps))
