"""Starts tasks that each use a resource of their own, so that many tests can share one sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataops_sandbox import Sandbox
    from dataops_sandbox.platform import RunRecord
    from devtools.airflow_client import AirflowClient

TASK = "wait"
#: The example in which a task waits for a person, that task, and the id of a run in which the person rejects.
APPROVED, APPROVAL, REJECTED = "approved_release", "approve", "rejected"
# In a session, no resource is used twice.
_numbers = count(1)


@dataclass(frozen=True)
class Waiting:
    """One run of a DAG of `dags/waits.py`. Its task starts runs of a resource that no other task uses."""

    airflow: AirflowClient
    sandbox: Sandbox
    dag_id: str
    run_id: str
    resource: str

    @property
    def where(self) -> tuple[str, str, str]:
        return self.dag_id, self.run_id, TASK

    def until(self, *states: str, timeout: float = 90.0) -> dict[str, Any]:
        """Wait until the task is in one of the states."""
        return self.airflow.wait_for_task(*self.where, states, timeout=timeout)

    def ended(self, timeout: float = 90.0) -> str:
        """Wait for the end of the DAG run, and return its state."""
        return self.airflow.wait_for_run(self.dag_id, self.run_id, timeout=timeout)

    def runs(self) -> list[RunRecord]:
        """Return the remote runs that the task has started, oldest first."""
        return [run for run in self.sandbox.runs() if run.resource == self.resource]

    def started(self, number: int = 1, timeout: float = 60.0) -> RunRecord:
        """Wait until the task has started `number` runs, and return the last of these."""
        return self.sandbox.wait_for(lambda _: self.runs()[number - 1 :], timeout)[0]

    def submissions(self) -> int:
        """Return how many requests to start a run the task has sent."""
        operation = "create_job" if self.dag_id.startswith("tamr") else "execute_pipeline"
        wanted = f'"{self.resource}"'.encode()
        return sum(
            wanted in (entry.body or b"") or f"/{self.resource}/" in entry.path
            for entry in self.sandbox.journal.entries(operation=operation)
        )

    def stops(self, run_id: str) -> int:
        """Return how many requests to stop a run the sandbox has received."""
        entries = self.sandbox.journal.entries("tamr", "stop_job")
        return sum(run_id in entry.path for entry in entries)

    def stopped(self, run_id: str, timeout: float) -> None:
        """Wait until the sandbox has received a request to stop a run."""
        self.sandbox.wait_for(lambda _: self.stops(run_id), timeout)

    def finish(self) -> None:
        """Let the newest run end with success."""
        run = self.runs()[-1]
        self.sandbox.platforms[run.platform].actions()["finish"](run.run_id)

    def link(self) -> str | None:
        """Return the link that the UI shows for the task."""
        (link,) = self.airflow.links(*self.where).values()
        return link

    def log(self, try_number: int | None = None) -> str:
        """Return the log of a try."""
        return self.airflow.log(*self.where, try_number=try_number)

    def errors(self, try_number: int | None = None) -> list[str]:
        """Return the lines of a try's log that begin with an error of the provider."""
        return [
            line.strip()
            for line in self.log(try_number).splitlines()
            if line.lstrip().startswith(("Run", "Outage", "PermanentError", "Ambiguous"))
        ]


class Stage:
    """Starts tasks in the running Airflow."""

    def __init__(self, airflow: AirflowClient, sandbox: Sandbox) -> None:
        self.airflow = airflow
        self.sandbox = sandbox

    def begin(self, dag_id: str, *scripts: dict[str, Any]) -> Waiting:
        """Run a DAG of `dags/waits.py` on a new resource.

        :param scripts: how the runs of the resource behave, first run first; the last script is for all
            further runs too.
        """
        resource = f"r-{next(_numbers)}"
        if dag_id.startswith("tamr"):
            self.sandbox.tamr.add_source(resource)
            arm = self.sandbox.tamr.script
        else:
            self.sandbox.quantemplate.add_pipeline(resource, "d-claims")
            arm = self.sandbox.quantemplate.script
        for script in scripts[:-1]:
            arm(resource, times=1, **script)
        for script in scripts[-1:]:
            arm(resource, **script)
        self.airflow.wait_for_dags([dag_id])
        run_id = self.airflow.run(dag_id, conf={"resource": resource})
        return Waiting(self.airflow, self.sandbox, dag_id, run_id, resource)


def finish_all(waiting: Iterable[Waiting]) -> None:
    """Let the newest run of each task end with success."""
    for one in waiting:
        one.finish()
