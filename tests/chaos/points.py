"""The points of a run's life at which its processes are killed, and how each of them is reached.

Nothing of Airflow or of the provider is changed for it. A proxy holds a request to the platform, or a report
to Airflow; while it is held, the process that waits for the answer is killed with SIGKILL.
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
#: Where nothing shows whether Toucan took the submission: the task fails and says so.
BETWEEN_INTENT_AND_ID = ("before the POST", "response lost", "id not stored")
#: Bounds, in seconds. All cells run at once, so a cell may stand in the queue for long.
REACHED_WITHIN = 300.0
KILLED_WITHIN = 30.0


TASK = "work"


@dataclass(frozen=True, order=True)
class Cell:
    """One kill: a platform, how its task waits, and the point."""

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
        """A name of letters, for ids."""
        return f"{self.mode}_{self.point.replace(' ', '_')}"

    @property
    def run_id(self) -> str:
        """The id of its DAG run."""
        return f"{self.platform}_{self.name}"

    @property
    def is_ambiguous(self) -> bool:
        """Whether nothing shows if the run was started: Toucan has no list."""
        return self.platform == "toucan" and self.point in BETWEEN_INTENT_AND_ID


class Scene:
    """One cell on its stage.

    :param gateway: between the workers and Airflow.
    :param platforms: between the provider and the sandbox.
    :param triggerer: where all cells meet that want the triggerer to be killed.
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
        """Start the task, and bring it to its point."""
        hold = self.cell.point in ("deferred", "waiting")
        self.resource = self.cell.target.add(self.sandbox, self.cell.name, hold=hold)
        POINTS[self.cell.point](self)

    def _start(self) -> None:
        conf = {"resource": self.resource}
        self.dag_runs.start(self.cell.dag_id, self.cell.run_id, conf)

    def undisturbed(self) -> None:
        self._start()

    def before_the_post(self) -> None:
        """The intent is stored, and the task does not know it."""
        self._kill_where(lambda report: report.record is not None, is_passed_on=True)

    def response_lost(self) -> None:
        """The platform has acted on the request, and the task waits for the response."""
        target = self.cell.target
        hold = self.platforms.hold(
            lambda request: target.is_submission(self.sandbox, request, self.resource), is_passed_on=True
        )
        self._start()
        self._wait(hold)
        self._kill("runner")

    def id_not_stored(self) -> None:
        """The response has come, and its id does not reach Airflow."""
        self._kill_where(_stores_id, is_passed_on=False)

    def stored(self) -> None:
        """The id is stored; the worker goes on to defer the task, or to wait."""
        if self.cell.mode == "deferrable":
            self._kill_where(lambda report: report.state == "deferred", is_passed_on=False)
        else:
            self._kill_where(_stores_id, is_passed_on=True)

    def deferred(self) -> None:
        """The trigger waits, and its triggerer is killed."""
        self._start()
        self.gateway.wait_for_state(self.cell.run_id, "deferred", REACHED_WITHIN)
        run = self._looked_at()
        self.triggerer.wait(REACHED_WITHIN)
        self._finish(run)

    def waiting(self) -> None:
        """The task waits on its worker."""
        self._start()
        run = self._looked_at()
        self._kill("runner")
        self._finish(run)

    def resumed(self) -> None:
        """The task is on a worker again, and begins to look after the result."""
        self._kill_where(lambda report: report.starts == 2 and report.record is not None, is_passed_on=False)

    def returning(self) -> None:
        """The run has ended, and its result does not reach Airflow."""
        self._kill_where(lambda report: report.path.endswith("/return_value"), is_passed_on=False)

    def _kill_where(self, matches: Callable[[Report], bool], *, is_passed_on: bool) -> None:
        """Hold a report to Airflow, and end the whole worker meanwhile: its supervisor would repeat it."""
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
        # The supervisor first: it would report the end of its child.
        for role in roles:
            os.kill(found[role], signal.SIGKILL)
        gone = {found[role] for role in roles}
        self.stack.wait_until(
            lambda: not gone & {worker.pid for worker in self.stack.workers()}, timeout=KILLED_WITHIN
        )

    def _looked_at(self) -> RunRecord:
        """Wait until who waits for the run has logged what the platform says of it."""
        target = self.cell.target
        run = self.sandbox.wait_for(lambda _: target.runs(self.sandbox, self.resource), REACHED_WITHIN)[0]
        self.stack.wait_until(lambda: f" {run.run_id} is " in self.log(), timeout=REACHED_WITHIN)
        return run

    def _finish(self, run: RunRecord) -> None:
        self.sandbox.platforms[run.platform].actions()["finish"](run.run_id)

    def result(self) -> dict[str, Any]:
        """Return what the task returned."""
        found: dict[str, Any] = self.stack.client.xcom(self.cell.dag_id, self.cell.run_id, TASK)
        return found

    def log(self) -> str:
        """Return what all tries of the task and its triggers have logged."""
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
#: What a task that waits on its worker meets in place of a deferral.
ELSEWHERE = {"deferrable": ("waiting", "returning"), "on_worker": ("deferred", "resumed")}

CELLS = [
    Cell(platform, mode, point)
    for platform in TARGETS
    for mode in MODES
    for point in POINTS
    if point not in ELSEWHERE[mode]
]
