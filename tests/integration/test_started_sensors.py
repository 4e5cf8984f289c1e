"""Sensors that start in the triggerer wait for the sandbox's runs, and end as on a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.base import BaseTaskEndEvent, TaskFailedEvent, TaskSuccessEvent

from airflow_provider_dataops.adapters import links
from airflow_provider_dataops.sensors.quantemplate import QuantemplateExecutionSensor
from airflow_provider_dataops.sensors.start import trigger_arguments, worker_reason
from airflow_provider_dataops.sensors.tailer import TailerRunSensor
from airflow_provider_dataops.sensors.tamr import TamrJobSensor, TamrResourceIdleSensor
from airflow_provider_dataops.sensors.toucan import ToucanOperationSensor
from airflow_provider_dataops.sensors.trac import TracJobSensor
from airflow_provider_dataops.triggers import sensor
from airflow_provider_dataops.triggers.sensor import SensorTrigger
from tests.loops import run
from tests.unit.operators.stage import Attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_dataops.sensors.base import DataOpsSensor
    from tests.integration.bench.base import Bench
    from tests.integration.bench.tamr import TamrBench

pytestmark = pytest.mark.usefixtures("quick")

#: A sensor for one run, with the name of the argument that has the run's id.
SENSORS: dict[str, tuple[type[DataOpsSensor], str]] = {
    "quantemplate": (QuantemplateExecutionSensor, "execution_id"),
    "tailer": (TailerRunSensor, "run_id"),
    "tamr": (TamrJobSensor, "job_id"),
    "toucan": (ToucanOperationSensor, "operation_id"),
    "trac": (TracJobSensor, "job_id"),
}


@pytest.fixture(params=SENSORS)
def bench(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def xcoms(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the XComs that a trigger stores, and the links of all tasks."""
    stored: dict[str, Any] = {}

    def store_link(link: Any, context: Any, url: str) -> None:
        stored[link.xcom_key] = url

    monkeypatch.setattr(links, "store_link", store_link)
    monkeypatch.setattr(sensor, "store_result", lambda ti, key, value: stored.update({key: value}))
    return stored


def sensor_of(bench: Bench, run_id: str, **arguments: Any) -> DataOpsSensor:
    """Return a sensor that waits for a run of a bench."""
    cls, name = SENSORS[bench.name]
    watched = bench.trigger(run_id).arguments()
    own = {key: value for key, value in watched.items() if key in cls.template_fields}
    own |= {name: run_id, f"{bench.name}_conn_id": bench.conn_id}
    return cls(**{"task_id": "t", "poke_interval": 1, "deferrable": True, **own, **arguments})


async def ended(task: DataOpsSensor, meanwhile: Callable[[], Awaitable[None]]) -> BaseTaskEndEvent:
    """Run the trigger of a sensor to its only event."""
    assert worker_reason(task) is None
    trigger = SensorTrigger(**trigger_arguments(task))
    acting = asyncio.ensure_future(meanwhile())
    [event] = [event async for event in trigger.run()]
    await acting
    assert isinstance(event, BaseTaskEndEvent)
    return event


def test_a_run_that_succeeds(bench: Bench, xcoms: dict[str, Any]) -> None:
    run_id = bench.start()

    async def finish() -> None:
        await asyncio.to_thread(bench.sandbox.wait_for, lambda _: bench.requests(), 10)
        bench.finish(run_id)

    event = run(ended(sensor_of(bench, run_id), finish))
    assert isinstance(event, TaskSuccessEvent)
    by_trigger = dict(xcoms)
    # A sensor on a worker returns and stores the same.
    attempt = Attempt()
    xcoms.clear()
    result = sensor_of(bench, run_id, deferrable=False).execute(attempt.context())
    assert list(xcoms.values()) == [result["url"]]
    assert by_trigger == {**xcoms, **attempt.xcoms, "return_value": result}


def test_a_run_that_fails(tamr: TamrBench, xcoms: dict[str, Any]) -> None:
    run_id = tamr.start()
    tamr.store.finish(run_id, **tamr.failed_end)

    async def nothing() -> None:
        pass

    event = run(ended(sensor_of(tamr, run_id), nothing))
    assert isinstance(event, TaskFailedEvent)
    assert list(xcoms) == ["_link_TamrJobLink"]


def test_a_run_that_ended_before_the_deadline_counts(tamr: TamrBench) -> None:
    """The triggerer was down until the deadline had passed."""
    run_id = tamr.start()
    tamr.finish(run_id)

    async def nothing() -> None:
        pass

    assert isinstance(run(ended(sensor_of(tamr, run_id, timeout=0), nothing)), TaskSuccessEvent)


def test_a_condition(tamr: TamrBench, xcoms: dict[str, Any]) -> None:
    run_id = tamr.start()
    idle = TamrResourceIdleSensor(
        task_id="t", source_id="src_orders", tamr_conn_id=tamr.conn_id, poke_interval=0.05, deferrable=True
    )

    async def finish() -> None:
        await asyncio.to_thread(tamr.sandbox.wait_for, lambda _: tamr.requests(), 10)
        tamr.finish(run_id)

    event = run(ended(idle, finish))
    assert isinstance(event, TaskSuccessEvent)
    assert xcoms == {}
