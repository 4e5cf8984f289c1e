"""A sensor that starts in the triggerer never has a worker process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from devtools.airflow_stack import AirflowStack

DAGS = [
    "started_sensor",
    "started_retry",
    "started_soft_fail",
    "started_timeout",
    "started_condition",
    "started_after_a_task",
]
_numbers = count(1)


@dataclass(frozen=True)
class Sensor:
    """A sensor of a DAG of `dags/started.py`, which waits for a job."""

    stack: AirflowStack
    dag_id: str
    run_id: str
    job: str
    task_id: str = "wait"

    @property
    def where(self) -> tuple[str, str, str]:
        return self.dag_id, self.run_id, self.task_id

    def until(self, *states: str) -> dict[str, Any]:
        """Wait until the task is in one of the states."""
        return self.stack.client.wait_for_task(*self.where, states, timeout=90)

    def logs(self) -> list[str]:
        """Return the names of the task's log files, without the number of the triggerer."""
        folder = self.stack.home / f"logs/dag_id={self.dag_id}/run_id={self.run_id}/task_id={self.task_id}"
        return sorted({re.sub(r"(\.trigger)\.\d+\.log$", r"\1", path.name) for path in folder.iterdir()})

    def had_no_worker(self, tries: int = 1) -> bool:
        """Return whether no worker process has ever run the task. Each of them writes a log file."""
        task = self.stack.client.task(*self.where)
        assert not task["pid"]
        assert not task["hostname"]
        assert not self.stack.workers_of(task["id"])
        return self.logs() == [f"attempt={number}.log.trigger" for number in range(1, tries + 1)]


class Start:
    """Starts sensors, each of which waits for a job of a source of its own."""

    def __init__(self, stack: AirflowStack, sandbox: Sandbox) -> None:
        self.stack = stack
        self.tamr = sandbox.tamr

    def source(self, **script: Any) -> str:
        source = f"started-{next(_numbers)}"
        self.tamr.add_source(source)
        self.tamr.script(source, **script)
        return source

    def __call__(self, dag_id: str, **script: Any) -> Sensor:
        job: str = self.tamr.start({"load": {"sourceId": self.source(**script)}})
        return Sensor(self.stack, dag_id, self.stack.client.run(dag_id, conf={"job": job}), job)


@pytest.fixture(scope="module")
def start(stack: AirflowStack, sandbox: Sandbox) -> Start:
    stack.client.wait_for_dags(DAGS)
    return Start(stack, sandbox)


@pytest.fixture(scope="module")
def begun(start: Start) -> dict[str, Sensor]:
    """Start the sensors that end without an act of the test, so that they wait at the same time."""
    broken = {"error": {"reason": "BROKEN", "message": "of the load"}}
    source = start.source()
    run_id = start.stack.client.run("started_after_a_task", conf={"source": source})
    return {
        "started_timeout": start("started_timeout", hold=True),
        "started_retry": start("started_retry", **broken),
        "started_soft_fail": start("started_soft_fail", **broken),
        "started_after_a_task": Sensor(start.stack, "started_after_a_task", run_id, ""),
    }


@pytest.mark.usefixtures("begun")
def test_success(stack: AirflowStack, start: Start) -> None:
    sensor = start("started_sensor", hold=True)
    instance = sensor.until("deferred")
    stack.wait_until(lambda: "Started without a worker" in stack.client.log(*sensor.where), timeout=60)
    assert not stack.workers_of(instance["id"])
    assert f"waits for Tamr job {sensor.job}, up to the deadline" in stack.client.log(*sensor.where)
    stack.wait_until(lambda: any(stack.client.links(*sensor.where).values()), timeout=10)
    start.tamr.finish(sensor.job)
    assert stack.client.wait_for_run(sensor.dag_id, sensor.run_id) == "success"
    assert sensor.had_no_worker()

    job = stack.client.xcom(*sensor.where)
    assert (job["run_id"], job["job_id"], job["state"]) == (sensor.job, sensor.job, "succeeded")
    # A task on a worker has read both values.
    read = stack.client.xcom(sensor.dag_id, sensor.run_id, "read")
    assert read == [sensor.job, "succeeded"]
    [link] = stack.client.links(*sensor.where).values()
    assert link == job["url"]
    assert str(link).endswith(f"/runs/{sensor.job}")


def test_failure_and_its_retry(stack: AirflowStack, begun: dict[str, Sensor]) -> None:
    sensor = begun["started_retry"]
    assert stack.client.wait_for_run(sensor.dag_id, sensor.run_id) == "failed"
    assert sensor.until("failed")["try_number"] == 2
    assert sensor.had_no_worker(tries=2)
    for number in (1, 2):
        log = stack.client.log(*sensor.where, try_number=number)
        assert f"RunFailedError: Tamr job {sensor.job} ended" in log
        assert f"/runs/{sensor.job}]" in log
    assert stack.client.xcom(*sensor.where) is None
    [link] = stack.client.links(*sensor.where).values()
    assert str(link).endswith(f"/runs/{sensor.job}")


def test_soft_fail_skips_the_task(stack: AirflowStack, begun: dict[str, Sensor]) -> None:
    sensor = begun["started_soft_fail"]
    assert sensor.until("skipped")["state"] == "skipped"
    assert sensor.had_no_worker()
    assert "The task is skipped" in stack.client.log(*sensor.where)


def test_the_trigger_ends_before_airflow_ends_it(stack: AirflowStack, begun: dict[str, Sensor]) -> None:
    sensor = begun["started_timeout"]
    assert sensor.until("failed")["state"] == "failed"
    assert sensor.had_no_worker()
    log = stack.client.log(*sensor.where)
    assert f"AirflowSensorTimeout: Tamr job {sensor.job} had not ended in the time allowed" in log


def test_a_variable_of_airflow_in_a_template(stack: AirflowStack, start: Start) -> None:
    source = start.source(hold=True)
    job = start.tamr.start({"load": {"sourceId": source}})
    stack.client.post("/variables", {"key": "started_source", "value": source})
    sensor = Sensor(stack, "started_condition", stack.client.run("started_condition"), job)
    sensor.until("deferred")
    stack.wait_until(lambda: "Started without a worker" in stack.client.log(*sensor.where), timeout=60)
    start.tamr.finish(job)
    assert sensor.until("success")["state"] == "success"
    assert sensor.had_no_worker()


@pytest.mark.slow
def test_a_triggerer_that_starts_anew_begins_again(stack: AirflowStack, start: Start) -> None:
    sensor = start("started_sensor", hold=True)
    sensor.until("deferred")
    stack.wait_until(lambda: "Started without a worker" in stack.client.log(*sensor.where), timeout=60)
    stack.restart("triggerer")
    start.tamr.finish(sensor.job)
    assert stack.client.wait_for_run(sensor.dag_id, sensor.run_id) == "success"
    assert sensor.had_no_worker()


def test_the_result_of_another_task_needs_a_worker(stack: AirflowStack, begun: dict[str, Sensor]) -> None:
    sensor = begun["started_after_a_task"]
    run_id = sensor.run_id
    assert stack.client.wait_for_run("started_after_a_task", run_id) == "success"
    assert "attempt=1.log" in sensor.logs()
    log = stack.client.log(*sensor.where)
    assert "start_from_trigger has no effect, so this sensor starts on a worker: job_id is not a plain" in log
    loaded = stack.client.xcom("started_after_a_task", run_id, "load", "job_id")
    assert stack.client.xcom(*sensor.where, key="job_id") == loaded
