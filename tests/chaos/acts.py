"""The acts. Each one chooses a process or a submission, and does one harmful thing to it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from devtools.airflow_client import AirflowApiError
from tests.chaos.dags.storm.storm import resource_of
from tests.chaos.settings import REQUEST_TIMEOUT
from tests.chaos.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dataops_sandbox import Sandbox
    from devtools.airflow_stack import AirflowStack
    from devtools.postgres import Postgres
    from tests.chaos.plan import Act
    from tests.chaos.proxy import Hold, Proxy, Request

#: For how long an act freezes processes, in seconds. If only the task's own process is frozen, its supervisor
#: still sends heartbeats.
TASK_FROZEN = (3.0, 12.0)
#: Some of these are longer than Airflow waits for a heartbeat of a task. Then it starts another try.
WORKER_FROZEN = (8.0, 30.0)
#: All of these are longer than Airflow waits for a heartbeat of a triggerer. Its triggers move to the other.
TRIGGERER_FROZEN = (14.0, 25.0)
#: A response that comes after the client has stopped waiting for it.
TOO_LATE = REQUEST_TIMEOUT + 3.0
#: The faults of a submission. `processed` is whether the platform starts the run.
DISTURBANCES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset_after", {}),
    ("reset_before", {}),
    ("status", {"status": 503, "processed": True}),
    ("status", {"status": 503, "processed": False}),
    ("status", {"status": 502, "processed": True}),
    ("status", {"status": 429, "headers": {"Retry-After": "2"}}),
    ("truncated", {}),
    ("malformed_json", {}),
    ("html", {"status": 502, "processed": True}),
    ("slow", {"delay": 4.0}),
)
#: The same for timeouts, after which the platform may start the run later. So the search takes longer. Both
#: kinds are equally likely: a 504 of a gateway, and a response that comes too late for the client.
TIMEOUTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status", {"status": 504, "processed": True}),
    ("status", {"status": 504, "processed": False}),
    ("slow", {"delay": TOO_LATE}),
    ("slow", {"delay": TOO_LATE}),
)


@dataclass
class Stage:
    """Everything that an act can be done to.

    :ivar done: how often each act was done.
    :ivar terminated: the ids of the task instances that got a SIGTERM from an act.
    """

    stack: AirflowStack
    database: Postgres
    sandbox: Sandbox
    platforms: Proxy
    note: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    terminated: set[str] = field(default_factory=set)
    _frozen: list[tuple[float, list[int]]] = field(default_factory=list)
    _holds: list[Hold] = field(default_factory=list)
    _ended: set[str] = field(default_factory=set)

    def do(self, act: Act) -> bool:
        """Do one act. Return false if no process or submission is there to do it to."""
        victim = ACTS[act.kind](self, act)
        if victim is None:
            return False
        self.done[act.kind] += 1
        self.note(f"{act.number:3} {act.kind}: {victim}")
        return True

    # --- processes -------------------------------------------------------------------------------------

    def kill_task(self, act: Act) -> str | None:
        return self._signal_task(act, ("runner",), signal.SIGKILL)

    def kill_worker(self, act: Act) -> str | None:
        # The supervisor first. Otherwise it would report the end of its child to Airflow.
        return self._signal_task(act, ("supervisor", "runner"), signal.SIGKILL)

    def kill_supervisor(self, act: Act) -> str | None:
        """Kill a supervisor. Its child keeps running until its next request to Airflow, which fails."""
        return self._signal_task(act, ("supervisor",), signal.SIGKILL)

    def terminate_task(self, act: Act) -> str | None:
        return self._terminate(act)

    def terminate_tamr_task(self, act: Act) -> str | None:
        """Send a SIGTERM to a task on a worker whose Tamr job is running. The task stops its job."""
        return self._terminate(act, self._tamr_tasks_with_a_job())

    def _terminate(self, act: Act, among: set[str] | None = None) -> str | None:
        victim = self._signal_task(act, ("runner",), signal.SIGTERM, among=among)
        if victim is not None:
            self.terminated.add(victim)
        return victim

    def _tamr_tasks_with_a_job(self) -> set[str]:
        """Return the ids of the tasks that wait on a worker for an active Tamr job."""
        active = {run.resource for run in self.sandbox.platforms["tamr"].runs() if not run.finished}
        try:
            tasks = self.stack.client.task_instances("storm", "storm")
        except (httpx.HTTPError, AirflowApiError):
            # Another act has stopped the API server or its database.
            return set()
        return {
            task["id"]
            for task in tasks
            if task["task_id"] == "tamr_on_worker"
            and resource_of(task["task_id"], task["map_index"]) in active
        }

    def freeze_task(self, act: Act) -> str | None:
        return self._signal_task(act, ("runner",), signal.SIGSTOP, act.random.uniform(*TASK_FROZEN))

    def freeze_worker(self, act: Act) -> str | None:
        seconds = act.random.uniform(*WORKER_FROZEN)
        return self._signal_task(act, ("supervisor", "runner"), signal.SIGSTOP, seconds)

    def kill_triggerer(self, act: Act) -> str | None:
        service = self._triggerer(act)
        return service and self._restart(service)

    def freeze_triggerer(self, act: Act) -> str | None:
        service = self._triggerer(act)
        if service is not None:
            pids = _session(self.stack.pid(service))
            self._send(pids, signal.SIGSTOP)
            self._continue_later(pids, act.random.uniform(*TRIGGERER_FROZEN))
        return service

    def restart_scheduler(self, act: Act) -> str | None:
        """Kill the scheduler and its workers, as if their machine was lost, and start a new one."""
        return self._restart("scheduler")

    def kill_scheduler_alone(self, act: Act) -> str | None:
        """Kill the scheduler. Its workers keep running their tasks, but no executor reads their reports."""
        return self._restart("scheduler", children=False)

    def restart_api_server(self, act: Act) -> str | None:
        return self._restart("api-server")

    def restart_database(self, act: Act) -> str | None:
        self.database.restart()
        return "postgres"

    def _restart(self, service: str, *, children: bool = True) -> str | None:
        if not self.stack.alive(service):
            return None
        self.stack.kill(service, children=children)
        self.stack.spawn(service)
        return service

    def _triggerer(self, act: Act) -> str | None:
        """Choose a triggerer if all of them work. So one is always left that can take over the triggers."""
        frozen = {pid for _, pids in self._frozen for pid in pids}
        names = [name for name in self.stack.services if name.startswith("triggerer")]
        working = [name for name in names if self.stack.alive(name) and self.stack.pid(name) not in frozen]
        return act.random.choice(working) if len(working) == len(names) else None

    def _signal_task(
        self,
        act: Act,
        roles: tuple[str, ...],
        sig: signal.Signals,
        frozen: float = 0.0,
        among: set[str] | None = None,
    ) -> str | None:
        """Choose a running task, send a signal to its processes, and return the id of the task instance.

        :param frozen: seconds until the processes continue after a SIGSTOP.
        :param among: the ids of the task instances to choose from; ``None`` for all.
        """
        # An idle worker may hold the lock of the executor's queue. If it died, no worker would get a task.
        running: dict[str, dict[str, int]] = {}
        for worker in self.stack.workers():
            if worker.task_instance_id is not None:
                running.setdefault(worker.task_instance_id, {})[worker.role] = worker.pid
        whole = {name for name, pids in running.items() if {"supervisor", "runner"} <= pids.keys()}
        found = whole - self._ended
        if among is not None:
            found &= among
        if not found:
            return None
        victim = act.random.choice(sorted(found))
        pids = [running[victim][role] for role in roles]
        self._send(pids, sig)
        if sig is signal.SIGSTOP:
            self._continue_later(pids, frozen)
        else:
            # A killed process stays on the list until its parent has read its exit status.
            self._ended.add(victim)
        return victim

    @staticmethod
    def _send(pids: Iterable[int], sig: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def _continue_later(self, pids: list[int], seconds: float) -> None:
        self._frozen.append((time.monotonic() + seconds, pids))

    def continue_frozen(self, *, everything: bool = False) -> None:
        """Continue the frozen processes whose time is over, or all of them."""
        now = time.monotonic()
        due = [pids for until, pids in self._frozen if everything or until <= now]
        self._frozen = [(until, pids) for until, pids in self._frozen if pids not in due]
        for pids in due:
            self._send(pids, signal.SIGCONT)

    # --- submissions -----------------------------------------------------------------------------------

    def disturb_submission(self, act: Act) -> str | None:
        """Let the next submission to a platform fail in one of many ways."""
        return self._disturb(act, DISTURBANCES)

    def time_out_submission(self, act: Act) -> str | None:
        """Let the next submission to a platform time out, at a gateway or at the client."""
        return self._disturb(act, TIMEOUTS)

    def _disturb(self, act: Act, faults: tuple[tuple[str, dict[str, Any]], ...]) -> str:
        target = TARGETS[act.random.choice(("tamr", "quantemplate", "trac"))]
        kind, options = act.random.choice(faults)
        self.sandbox.add_fault(
            kind, platform=target.platform, operation=target.submission, times=1, **options
        )
        return f"{target.platform}: {kind} {options or ''}"

    def kill_at_submission(self, act: Act) -> str | None:
        """Hold the next submission, and kill its sender. The platform may have started the run."""
        hold = self.platforms.hold(self._is_submission, is_passed_on=act.random.random() < 0.5)
        self._holds.append(hold)
        return "the platform starts the run" if hold.is_passed_on else "the platform gets no request"

    def kill_held_senders(self) -> None:
        """Kill the processes whose submissions are held."""
        for hold in [hold for hold in self._holds if hold.reached.is_set()]:
            self._holds.remove(hold)
            pid = self._sender(hold.request.port) if hold.request else None
            if pid is None:
                # Another act has killed the sender.
                self.platforms.cancel(hold)
            else:
                self._send([pid], signal.SIGKILL)

    def _is_submission(self, request: Request) -> bool:
        return any(target.is_submission(self.sandbox, request) for target in TARGETS.values())

    def _sender(self, port: int) -> int | None:
        """Return the id of the worker process that has a connection from a local port."""
        for worker in self.stack.workers():
            with contextlib.suppress(psutil.Error):
                for connection in psutil.Process(worker.pid).net_connections("tcp"):
                    if connection.laddr.port == port:
                        return worker.pid
        return None


def _session(leader: int) -> list[int]:
    """Return the ids of all processes of a session."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


ACTS: dict[str, Callable[[Stage, Act], str | None]] = {
    "kill a task": Stage.kill_task,
    "kill a worker": Stage.kill_worker,
    "kill a supervisor": Stage.kill_supervisor,
    "freeze a task": Stage.freeze_task,
    "freeze a worker": Stage.freeze_worker,
    "terminate a task": Stage.terminate_task,
    "terminate a Tamr task": Stage.terminate_tamr_task,
    "kill a triggerer": Stage.kill_triggerer,
    "freeze a triggerer": Stage.freeze_triggerer,
    "restart the scheduler": Stage.restart_scheduler,
    "kill the scheduler alone": Stage.kill_scheduler_alone,
    "restart the API server": Stage.restart_api_server,
    "restart the database": Stage.restart_database,
    "disturb a submission": Stage.disturb_submission,
    "time out a submission": Stage.time_out_submission,
    "kill at a submission": Stage.kill_at_submission,
}
