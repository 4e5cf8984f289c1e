"""If a user clears a task that runs on a worker, the task starts a new run, even if it has retries left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.targets import TARGETS, Target

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from dataops_sandbox.platform import RunRecord
    from devtools.airflow_client import AirflowClient
    from devtools.airflow_stack import AirflowStack

TASK = "work"


@dataclass(frozen=True)
class Working:
    """A task of a DAG in `tests/chaos/dags/points`. Its runs do not end by themselves."""

    airflow: AirflowClient
    sandbox: Sandbox
    target: Target
    resource: str
    run_id: str

    @property
    def where(self) -> tuple[str, str, str]:
        return f"started_on_{self.target.platform}_on_worker", self.run_id, TASK

    def runs(self, number: int) -> list[RunRecord]:
        """Wait until the task has started `number` runs, and return all its runs."""
        return self.sandbox.wait_for(
            lambda _: self.target.runs(self.sandbox, self.resource)[number - 1 :] and self.all_runs(), 120
        )

    def all_runs(self) -> list[RunRecord]:
        return self.target.runs(self.sandbox, self.resource)

    def has_stored(self, run: RunRecord) -> bool:
        """Return whether the task has stored the id of a run."""
        record: dict[str, Any] = self.airflow.state_store(*self.where).get("dataops_run") or {}
        return record.get("run_id") == run.run_id

    def logs(self) -> str:
        return self.airflow.log(*self.where, try_number=1) + self.airflow.log(*self.where, try_number=2)


@pytest.fixture(scope="module")
def cleared(stack: AirflowStack, sandbox: Sandbox) -> dict[str, Working]:
    """Start a task for each platform, and clear it as soon as it has stored the id of its run."""
    airflow, tasks = stack.client, {}
    for platform, target in TARGETS.items():
        resource = target.add(sandbox, "clear", hold=True)
        dag_id = f"started_on_{platform}_on_worker"
        airflow.wait_for_dags([dag_id])
        run_id = airflow.run(dag_id, conf={"resource": resource})
        tasks[platform] = Working(airflow, sandbox, target, resource, run_id)
    for task in tasks.values():
        [first] = task.runs(1)
        stack.wait_until(partial(task.has_stored, first), timeout=60)
        airflow.clear(task.where[0], task.run_id, [TASK])
    return tasks


@pytest.mark.parametrize("platform", TARGETS)
def test_a_cleared_task_starts_a_second_run_and_returns_it(
    stack: AirflowStack, cleared: dict[str, Working], platform: str
) -> None:
    task = cleared[platform]
    first, second = task.runs(2)
    stack.wait_until(lambda: task.has_stored(second), timeout=60)
    store = task.sandbox.platforms[platform]
    if platform == "tamr":
        assert first.finished
        assert f"Stopping the job {first.run_id}" in task.logs()
    else:
        assert not first.finished
        assert f"{first.run_id}, started before the Clear, was not stopped" in task.logs()
    store.actions()["finish"](second.run_id)
    assert task.airflow.wait_for_run(task.where[0], task.run_id) == "success"
    assert task.airflow.xcom(*task.where)["run_id"] == second.run_id
    assert len(task.all_runs()) == 2
