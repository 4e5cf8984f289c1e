"""The acts: each finds its victim among the processes that there are, and does one thing to it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from tests.chaos.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dataops_sandbox import Sandbox
    from devtools.airflow_stack import AirflowStack
    from devtools.postgres import Postgres
    from tests.chaos.plan import Act
    from tests.chaos.proxy import Hold, Proxy, Request

#: Seconds for which processes are frozen. A task's supervisor goes on sending heartbeats for it.
TASK_FROZEN = (3.0, 12.0)
#: Longer than a task may be without a heartbeat, with the time until Airflow looks: another try begins.
WORKER_FROZEN = (8.0, 30.0)
#: Longer than a triggerer may be without one: its triggers move to the other triggerer.
TRIGGERER_FROZEN = (14.0, 25.0)
#: What the platform does to a submission. Whether it acts on the request is drawn, where both can be.
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


@dataclass
class Stage:
    """All that can be acted on.

    :ivar done: how often each act found a victim.
    :ivar terminated: the task instances that an act has sent a SIGTERM.
    """

    stack: AirflowStack
    database: Postgres
    sandbox: Sandbox
    platforms: Proxy
    note: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    terminated: set[str] = field(default_factory=set)
    _frozen: list[tuple[float, list[int]]] = field(default_factory=list)
    _traps: list[Hold] = field(default_factory=list)
    _ended: set[str] = field(default_factory=set)

    def play(self, act: Act) -> bool:
        """Do one act; return false if there is nobody to do it to."""
        victim = ACTS[act.kind](self, act)
        if victim is None:
            return False
        self.done[act.kind] += 1
        self.note(f"{act.number:3} {act.kind}: {victim}")
        return True

    # --- processes -------------------------------------------------------------------------------------

    def kill_task(self, act: Act) -> str | None:
        return self._at_a_task(act, ("runner",), signal.SIGKILL)

    def kill_worker(self, act: Act) -> str | None:
        # The supervisor first: it would report the end of its child.
        return self._at_a_task(act, ("supervisor", "runner"), signal.SIGKILL)

    def kill_supervisor(self, act: Act) -> str | None:
        """Its child goes on, and notices when it wants something of Airflow."""
        return self._at_a_task(act, ("supervisor",), signal.SIGKILL)

    def terminate_task(self, act: Act) -> str | None:
        victim = self._at_a_task(act, ("runner",), signal.SIGTERM)
        if victim is not None:
            self.terminated.add(victim)
        return victim

    def freeze_task(self, act: Act) -> str | None:
        return self._at_a_task(act, ("runner",), signal.SIGSTOP, act.random.uniform(*TASK_FROZEN))

    def freeze_worker(self, act: Act) -> str | None:
        seconds = act.random.uniform(*WORKER_FROZEN)
        return self._at_a_task(act, ("supervisor", "runner"), signal.SIGSTOP, seconds)

    def kill_triggerer(self, act: Act) -> str | None:
        service = self._triggerer(act)
        return service and self._restart(service)

    def freeze_triggerer(self, act: Act) -> str | None:
        service = self._triggerer(act)
        if service is not None:
            pids = _session(self.stack.pid(service))
            self._send(pids, signal.SIGSTOP)
            self._thaw_later(pids, act.random.uniform(*TRIGGERER_FROZEN))
        return service

    def restart_scheduler(self, act: Act) -> str | None:
        """The machine with the scheduler and its workers goes away."""
        return self._restart("scheduler")

    def kill_scheduler_alone(self, act: Act) -> str | None:
        """Its workers go on with their tasks, and nobody hears of them."""
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
        """Choose a triggerer; one always stays, so that there is somebody to take over."""
        frozen = {pid for _, pids in self._frozen for pid in pids}
        names = [name for name in self.stack.services if name.startswith("triggerer")]
        whole = [name for name in names if self.stack.alive(name) and self.stack.pid(name) not in frozen]
        return act.random.choice(whole) if len(whole) == len(names) else None

    def _at_a_task(
        self, act: Act, roles: tuple[str, ...], sig: signal.Signals, frozen: float = 0.0
    ) -> str | None:
        """Choose a task that runs, send its processes a signal, and return the task instance's id."""
        # Only a worker whose task runs: one that dies between two tasks takes a lock of the executor's queue
        # along, and no worker gets a task any more.
        running: dict[str, dict[str, int]] = {}
        for worker in self.stack.workers():
            if worker.task_instance_id is not None:
                running.setdefault(worker.task_instance_id, {})[worker.role] = worker.pid
        whole = {name for name, pids in running.items() if {"supervisor", "runner"} <= pids.keys()}
        if not whole - self._ended:
            return None
        victim = act.random.choice(sorted(whole - self._ended))
        pids = [running[victim][role] for role in roles]
        self._send(pids, sig)
        if sig is signal.SIGSTOP:
            self._thaw_later(pids, frozen)
        else:
            # A killed process stays on the list until its parent has noticed.
            self._ended.add(victim)
        return victim

    @staticmethod
    def _send(pids: Iterable[int], sig: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def _thaw_later(self, pids: list[int], seconds: float) -> None:
        self._frozen.append((time.monotonic() + seconds, pids))

    def thaw(self, *, everything: bool = False) -> None:
        """Let those go on whose time is over."""
        now = time.monotonic()
        due = [pids for until, pids in self._frozen if everything or until <= now]
        self._frozen = [(until, pids) for until, pids in self._frozen if pids not in due]
        for pids in due:
            self._send(pids, signal.SIGCONT)

    # --- submissions -----------------------------------------------------------------------------------

    def disturb_submission(self, act: Act) -> str | None:
        """The next submission to a platform goes wrong in one of many ways."""
        target = TARGETS[act.random.choice(("tamr", "quantemplate", "trac"))]
        kind, options = act.random.choice(DISTURBANCES)
        self.sandbox.add_fault(
            kind, platform=target.platform, operation=target.submission, times=1, **options
        )
        return f"{target.platform}: {kind} {options or ''}"

    def kill_at_submission(self, act: Act) -> str | None:
        """The next submission is held, with or without the platform acting on it, and its sender killed."""
        hold = self.platforms.hold(self._is_submission, is_passed_on=act.random.random() < 0.5)
        self._traps.append(hold)
        return "the platform acts on it" if hold.is_passed_on else "the platform does not get it"

    def spring_traps(self) -> None:
        """Kill whoever waits in a submission that is held."""
        for hold in [hold for hold in self._traps if hold.reached.is_set()]:
            self._traps.remove(hold)
            pid = self._sender(hold.request.port) if hold.request else None
            if pid is None:
                # It was killed in the meantime, or its worker was.
                self.platforms.give_up(hold)
            else:
                self._send([pid], signal.SIGKILL)

    def _is_submission(self, request: Request) -> bool:
        return any(target.is_submission(self.sandbox, request) for target in TARGETS.values())

    def _sender(self, port: int) -> int | None:
        """Return the process that has a connection from a port of this machine."""
        for worker in self.stack.workers():
            with contextlib.suppress(psutil.Error):
                for connection in psutil.Process(worker.pid).net_connections("tcp"):
                    if connection.laddr.port == port:
                        return worker.pid
        return None


def _session(leader: int) -> list[int]:
    """Return all processes of a session."""
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
    "kill a triggerer": Stage.kill_triggerer,
    "freeze a triggerer": Stage.freeze_triggerer,
    "restart the scheduler": Stage.restart_scheduler,
    "kill the scheduler alone": Stage.kill_scheduler_alone,
    "restart the API server": Stage.restart_api_server,
    "restart the database": Stage.restart_database,
    "disturb a submission": Stage.disturb_submission,
    "kill at a submission": Stage.kill_at_submission,
}
