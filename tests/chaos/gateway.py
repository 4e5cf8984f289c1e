"""The proxy between the workers and Airflow's API server.

The supervisor of a task reports each step to the execution API: the start, each value of the state store, the
result, the deferral and the end. So the proxy knows the step of each task without a request of its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chaos.proxy import Hold, Proxy, Request

if TYPE_CHECKING:
    from collections.abc import Callable

_TASK = re.compile(r"/(?:task-instances|store/ti)/([0-9a-f-]{36})")


@dataclass(frozen=True)
class Report:
    """One report of a task.

    :param starts: how often this try has started so far: 2 after it was resumed once.
    :param body: the decoded JSON; ``None`` if there is no body.
    """

    method: str
    path: str
    starts: int
    body: Any

    @property
    def record(self) -> dict[str, Any] | None:
        """The record of the run that the report stores; ``None`` if it stores none."""
        stores = self.method == "PUT" and "/store/ti/" in self.path
        return self.body["value"] if stores else None

    @property
    def state(self) -> str | None:
        """The state of the task that the report contains; ``None`` if it contains none."""
        has_state = self.method == "PATCH" and self.path.endswith("/state")
        return self.body["state"] if has_state else None


@dataclass
class _Task:
    starts: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)


class Gateway(Proxy):
    """Identifies a task by the id of its DAG run. Each DAG run has one task."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, _Task] = {}
        self._run_of: dict[str, str] = {}

    def hold_report(self, run_id: str, matches: Callable[[Report], bool], *, is_passed_on: bool) -> Hold:
        """Order to hold the first report that matches, of the task of a DAG run."""

        def is_it(request: Request) -> bool:
            if self._run(request) != run_id:
                return False
            body = json.loads(request.body or b"null")
            started = self._task(run_id).starts
            # The URL of a result does not contain the task instance.
            starts = started.count(_task_instance(request) or started[-1])
            return matches(Report(request.method, request.path, starts, body))

        return self.hold(is_it, is_passed_on=is_passed_on)

    def task_instance(self, run_id: str) -> str:
        """Return the id of the task instance of a DAG run that started last."""
        with self.changed:
            return self._task(run_id).starts[-1]

    def wait_for_state(self, run_id: str, state: str, timeout: float) -> None:
        """Wait until the task of a DAG run has reported a state.

        :raises TimeoutError: after `timeout` seconds
        """
        with self.changed:
            task = self._task(run_id)
            if not self.changed.wait_for(lambda: state in task.states, timeout):
                raise TimeoutError(f"{run_id} was not {state} within {timeout:.0f} s, only {task.states}")

    def learn(self, request: Request, content: bytes) -> None:
        """Store the DAG run of a task that starts, and the states that a task reports."""
        if request.method != "PATCH":
            return
        with self.changed:
            if request.path.endswith("/run"):
                run_id = json.loads(content)["dag_run"]["run_id"]
                self._run_of[_task_instance(request)] = run_id
                self._task(run_id).starts.append(_task_instance(request))
            elif request.path.endswith("/state") and (run := self._run(request)):
                self._task(run).states.append(json.loads(request.body)["state"])
            self.changed.notify_all()

    def _task(self, run_id: str) -> _Task:
        return self._runs.setdefault(run_id, _Task())

    def _run(self, request: Request) -> str | None:
        # The URL of a result contains the DAG run. All other URLs contain the id of the task instance.
        names = request.path.partition("/xcoms/")[2].split("/")
        return names[1] if len(names) > 1 else self._run_of.get(_task_instance(request))


def _task_instance(request: Request) -> str:
    found = _TASK.search(request.path)
    return found[1] if found else ""
