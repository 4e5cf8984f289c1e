"""The points at which a test kills the processes of a task, and how the test gets the task there.

Airflow and the provider are unchanged. A proxy holds a request to the platform, or a report to Airflow. While
it holds the request, the test kills the process that waits for the response with SIGKILL.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.chaos.targets import TARGETS, Target

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from dataops_sandbox import Sandbox
    from dataops_sandbox.platform import RunRecord
    from devtools.airflow_stack import AirflowStack
    from tests.chaos.dag_runs import DagRuns
    from tests.chaos.gateway import Gateway, Report
    from tests.chaos.proxy import Hold, Proxy

MODES = ("deferrable", "on_worker")
#: Points at which nothing shows whether Toucan started the run. The task fails with `AmbiguousSubmitError`.
BETWEEN_INTENT_AND_ID = ("before the POST", "response lost", "id not stored")
#: Seconds within which a cell must reach its point. All cells run at once, so a task may be queued for long.
REACHED_WITHIN = 300.0
#: Seconds within which a killed process must have ended.
KILLED_WITHIN = 30.0
TASK = "work"


@dataclass(frozen=True, order=True)
class Cell:
    """One kill: the platform, how the task waits, and the point."""

    platform: str
    mode: str
    point: str

    @property
    def target(self) -> Target:
        return TARGETS[self.platform]

    @property
    def dag_id(self) -> str:
        return f"started_on_{self.platform}_{self.mode}"

    @property
    def name(self) -> str:
        """A name without blanks, for ids."""
        return f"{self.mode}_{self.point.replace(' ', '_')}"

    @property
    def run_id(self) -> str:
        """The id of the cell's DAG run."""
        return f"{self.platform}_{self.name}"

    @property
    def is_ambiguous(self) -> bool:
        """Whether nothing shows if the run was started, because Toucan cannot list its operations."""
        return self.platform == "toucan" and self.point in BETWEEN_INTENT_AND_ID


class Scene:
    """One cell, with the Airflow and the sandbox that it runs in.

    :param gateway: the proxy between the workers and Airflow.
    :param platforms: the proxy between the provider and the sandbox.
    :param triggerer: the cells that need a dead triggerer wait for each other here. Then it is killed once.
    """

    def __init__(
        self,
        cell: Cell,
        sandbox: Sandbox,
        stack: AirflowStack,
        dag_runs: DagRuns,
        gateway: Gateway,
        platforms: Proxy,
        triggerer: threading.Barrier,
    ) -> None:
        self.cell = cell
        self.sandbox = sandbox
        self.stack = stack
        self.dag_runs = dag_runs
        self.gateway = gateway
        self.platforms = platforms
        self.triggerer = triggerer
        self.resource = ""
        self.state = ""

    def begin(self) -> None:
        """Start the task, and kill it at its point."""
        hold = self.cell.point in ("deferred", "waiting")
        self.resource = self.cell.target.add(self.sandbox, self.cell.name, hold=hold)
        POINTS[self.cell.point](self)

    def _start(self) -> None:
        conf = {"resource": self.resource}
        self.dag_runs.start(self.cell.dag_id, self.cell.run_id, conf)

    def undisturbed(self) -> None:
        self._start()

    def before_the_post(self) -> None:
        """Kill the worker when Airflow has stored the intent, before the task knows that."""
        self._kill_where(lambda report: report.record is not None, is_passed_on=True)

    def response_lost(self) -> None:
        """Kill the task when the platform has started the run, before the response arrives."""
        target = self.cell.target
        hold = self.platforms.hold(
            lambda request: target.is_submission(self.sandbox, request, self.resource), is_passed_on=True
        )
        self._start()
        self._wait(hold)
        self._kill("runner")

    def id_not_stored(self) -> None:
        """Kill the worker when it has the response, before Airflow gets the id of the run."""
        self._kill_where(_stores_id, is_passed_on=False)

    def stored(self) -> None:
        """Kill the worker when Airflow has stored the id, before the task is deferred or waits."""
        if self.cell.mode == "deferrable":
            self._kill_where(lambda report: report.state == "deferred", is_passed_on=False)
        else:
            self._kill_where(_stores_id, is_passed_on=True)

    def deferred(self) -> None:
        """Kill the triggerer while the trigger waits."""
        self._start()
        self.gateway.wait_for_state(self.cell.run_id, "deferred", REACHED_WITHIN)
        run = self._wait_for_logged_state()
        self.triggerer.wait(REACHED_WITHIN)
        self._finish(run)

    def waiting(self) -> None:
        """Kill the task while it waits on its worker."""
        self._start()
        run = self._wait_for_logged_state()
        self._kill("runner")
        self._finish(run)

    def resumed(self) -> None:
        """Kill the worker when the task has been resumed, before Airflow gets any part of the result."""
        self._kill_where(lambda report: report.starts == 2 and "/xcoms/" in report.path, is_passed_on=False)

    def returning(self) -> None:
        """Kill the worker when the run has ended, before Airflow gets the result."""
        self._kill_where(lambda report: report.path.endswith("/return_value"), is_passed_on=False)

    def _kill_where(self, matches: Callable[[Report], bool], *, is_passed_on: bool) -> None:
        """Hold a report to Airflow, and kill the task and its supervisor, which would repeat the report."""
        hold = self.gateway.hold_report(self.cell.run_id, matches, is_passed_on=is_passed_on)
        self._start()
        self._wait(hold)
        self._kill("supervisor", "runner")

    def _wait(self, hold: Hold) -> None:
        if not hold.reached.wait(REACHED_WITHIN):
            raise TimeoutError(f"{self.cell} did not reach its point within {REACHED_WITHIN:.0f} s")

    def _kill(self, *roles: Literal["supervisor", "runner"]) -> None:
        task_instance = self.gateway.task_instance(self.cell.run_id)
        found = {worker.role: worker.pid for worker in self.stack.workers_of(task_instance)}
        # The supervisor first. Otherwise it would report the end of its child to Airflow.
        for role in roles:
            os.kill(found[role], signal.SIGKILL)
        gone = {found[role] for role in roles}
        self.stack.wait_until(
            lambda: not gone & {worker.pid for worker in self.stack.workers()}, timeout=KILLED_WITHIN
        )

    def _wait_for_logged_state(self) -> RunRecord:
        """Return the run when the task or its trigger has logged the state of the run."""
        target = self.cell.target
        run = self.sandbox.wait_for(lambda _: target.runs(self.sandbox, self.resource), REACHED_WITHIN)[0]
        self.stack.wait_until(lambda: f" {run.run_id} is " in self.log(), timeout=REACHED_WITHIN)
        return run

    def _finish(self, run: RunRecord) -> None:
        self.sandbox.platforms[run.platform].actions()["finish"](run.run_id)

    def result(self) -> dict[str, Any]:
        """Return the value that the task returned."""
        found: dict[str, Any] = self.stack.client.xcom(self.cell.dag_id, self.cell.run_id, TASK)
        return found

    def log(self) -> str:
        """Return the logs of all tries of the task and of its triggers."""
        folder = self.stack.home / "logs" / f"dag_id={self.cell.dag_id}" / f"run_id={self.cell.run_id}"
        return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.log*")))


def _stores_id(report: Report) -> bool:
    return bool((report.record or {}).get("run_id"))


POINTS: dict[str, Callable[[Scene], None]] = {
    "undisturbed": Scene.undisturbed,
    "before the POST": Scene.before_the_post,
    "response lost": Scene.response_lost,
    "id not stored": Scene.id_not_stored,
    "stored": Scene.stored,
    "deferred": Scene.deferred,
    "waiting": Scene.waiting,
    "resumed": Scene.resumed,
    "returning": Scene.returning,
}
#: The points that a mode does not have.
ELSEWHERE = {"deferrable": ("waiting", "returning"), "on_worker": ("deferred", "resumed")}

CELLS = [
    Cell(platform, mode, point)
    for platform in TARGETS
    for mode in MODES
    for point in POINTS
    if point not in ELSEWHERE[mode]
]
#: The cells of `make chaos-fast`: each platform, and each point but one. The system tests kill a task that
#: waits on a worker.
FAST = {
    Cell("tamr", "on_worker", "response lost"),
    Cell("tamr", "deferrable", "deferred"),
    Cell("quantemplate", "deferrable", "stored"),
    Cell("quantemplate", "on_worker", "before the POST"),
    Cell("tailer", "on_worker", "id not stored"),
    Cell("tailer", "deferrable", "resumed"),
    Cell("trac", "on_worker", "returning"),
    Cell("trac", "deferrable", "id not stored"),
    Cell("toucan", "deferrable", "response lost"),
}
