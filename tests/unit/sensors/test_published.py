"""What a sensor publishes when it begins to wait, and later."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.lifecycle.published import PublishedWait
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateNextExecutionWatch
from airflow_provider_dataops.platforms.tailer.runs import TailerLastStatusWatch
from airflow_provider_dataops.platforms.tamr.runs import TamrJobSucceededWatch, TamrResourceIdleWatch
from airflow_provider_dataops.platforms.trac.runs import TracObjectWatch, TracSearchWatch
from airflow_provider_dataops.sensors import waits
from airflow_provider_dataops.sensors.tamr import TamrJobSensor, TamrResourceIdleSensor
from airflow_provider_dataops.tasks import publication
from tests.airflow_names import AirflowRescheduleException
from tests.unit.fakes import FakeClock
from tests.unit.operators.stage import Attempt, StateStore
from tests.unit.sensors.jobs import job_sensor

if TYPE_CHECKING:
    from airflow_provider_dataops.core.watch import ConditionWatch
    from tests.unit.operators.stage import Tenant


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    for module in (waits, publication):
        monkeypatch.setattr(module, "SYSTEM_CLOCK", fake)
    return fake


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the states that a sensor on a worker publishes."""
    stored: list[dict[str, Any]] = []
    monkeypatch.setattr(publication, "store_xcom", lambda ti, key, value: stored.append(value))
    return stored


def idle_sensor(**arguments: Any) -> TamrResourceIdleSensor:
    return TamrResourceIdleSensor(task_id="t", source_id="s", **arguments)


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_sensor_publishes_its_run_when_it_begins_to_wait(
    tenant: Tenant, clock: FakeClock, deferrable: bool
) -> None:
    store = StateStore()
    sensor = job_sensor(deferrable=deferrable, poke_interval=45, timeout=600)
    context = Attempt(store=store).context()
    with suppress(TaskDeferred):
        sensor.execute(context) if deferrable else sensor.poke(context)
    value = store.rows["dataops_watch"]
    assert PublishedWait.read(value) is not None
    assert {name: v for name, v in value.items() if name not in {"attached_at", "seen_at", "deadline"}} == {
        "format": 1,
        "platform": "tamr",
        "title": "Tamr",
        "noun": "job",
        "conn_id": "tamr_default",
        "run_id": "j-1",
        "condition": None,
        "url": "https://my-tenant.tamr.cloud/",
        "started_at": None,
        "reattached": False,
        "adopted": None,
        "poll_interval": 45.0,
        "mode": "deferred" if deferrable else "worker",
        "state": "running",
        "raw_state": "RUNNING",
    }
    assert value["attached_at"] == value["seen_at"] == clock.now


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_sensor_publishes_its_condition_in_words(tenant: Tenant, deferrable: bool) -> None:
    store = StateStore()
    sensor, context = idle_sensor(deferrable=deferrable), Attempt(store=store).context()
    with suppress(TaskDeferred):
        sensor.execute(context) if deferrable else sensor.poke(context)
    value = store.rows["dataops_watch"]
    assert (value["condition"], value["run_id"], value["url"]) == ("no active job on source s", None, "")
    assert (value["state"], value["raw_state"], value["seen_at"]) == (None, None, None)


def test_the_trigger_gets_the_published_state(tenant: Tenant) -> None:
    for store, last_state in ((StateStore(), "RUNNING"), (None, None)):
        with pytest.raises(TaskDeferred) as caught:
            job_sensor(deferrable=True).execute(Attempt(store=store).context())
        assert caught.value.trigger.published_state == last_state


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_sensor_whose_run_has_ended_publishes_nothing(tenant: Tenant, deferrable: bool) -> None:
    tenant.end()
    store = StateStore()
    job_sensor(deferrable=deferrable).execute(Attempt(store=store).context())
    assert store.writes == []


def test_a_sensor_on_a_worker_publishes_changes_and_failures(
    tenant: Tenant, clock: FakeClock, states: list[dict[str, Any]]
) -> None:
    store = StateStore()
    sensor, context = job_sensor(poke_interval=45), Attempt(store=store).context()

    def poke() -> None:
        assert not sensor.poke(context)
        clock.now += 45

    poke()
    poke()
    assert states == []
    tenant.jobs["j-1"]["status"]["state"] = "CANCELING"
    poke()
    tenant.status_errors = [ServerError("down", status=503), ServerError("down", status=503)]
    poke()
    poke()
    poke()
    assert [(value["raw_state"], value["error"]) for value in states] == [
        ("CANCELING", None),
        ("CANCELING", "down"),
        ("CANCELING", None),
    ]
    assert store.writes == ["dataops_watch"]


def test_a_failure_of_the_first_request_is_published_later(
    tenant: Tenant, clock: FakeClock, states: list[dict[str, Any]]
) -> None:
    store = StateStore()
    sensor, context = job_sensor(poke_interval=45), Attempt(store=store).context()
    tenant.status_errors = [ServerError("down", status=503), ServerError("down", status=503)]
    for _ in range(2):
        assert not sensor.poke(context)
        clock.now += 45
    assert store.rows["dataops_watch"]["state"] is None
    assert [value["error"] for value in states] == ["down"]


def test_in_mode_reschedule_only_the_first_process_publishes(
    tenant: Tenant, states: list[dict[str, Any]]
) -> None:
    store = StateStore()
    for count in range(3):
        context = Attempt(store=store).context() | {"task_reschedule_count": count}
        context["ti"].get_first_reschedule_date = lambda _: None
        with pytest.raises(AirflowRescheduleException):
            job_sensor(mode="reschedule").execute(context)
    assert store.writes == ["dataops_watch"]
    assert states == []


@pytest.mark.parametrize("make", [job_sensor, idle_sensor])
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_sensor_continues_if_airflow_does_not_store_it(
    tenant: Tenant, capsys: pytest.CaptureFixture[str], make: Any, deferrable: bool
) -> None:
    sensor: TamrJobSensor | TamrResourceIdleSensor = make(deferrable=deferrable)
    context = Attempt(store=StateStore(superseded=True)).context()
    if deferrable:
        with pytest.raises(TaskDeferred):
            sensor.execute(context)
    else:
        assert not sensor.poke(context)
    assert "404 Task instance not found" in capsys.readouterr().out


TAILER: dict[str, Any] = {"account": "000099", "environment": "DEV", "configuration_type": "table-to-table"}


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (TamrResourceIdleWatch(data_product_id="d-1"), "no active job on data product d-1"),
        (
            TamrJobSucceededWatch(since=1_700_000_000.0, workflow_id="w-1"),
            "a job on workflow w-1, created since 2023-11-14 22:13:20 UTC, has succeeded",
        ),
        (
            QuantemplateNextExecutionWatch(organisation_id="o", pipeline_id="p-1", after_run_number=7),
            "the first execution of pipeline p-1 after number 7 has ended",
        ),
        (
            TailerLastStatusWatch(**TAILER, configuration_id="c-1", status="SUCCESS"),
            "a run of c-1 has the status SUCCESS",
        ),
        (
            TailerLastStatusWatch(
                **TAILER, configuration_id="c-1", status="SUCCESS", started_on="2026-11-30"
            ),
            "a run of c-1 that started on 2026-11-30 has the status SUCCESS",
        ),
        (
            TracSearchWatch(tenant="ACME", object_type="MODEL", search=None, min_results=2),
            "a search finds at least 2 MODEL in tenant ACME",
        ),
        (
            TracObjectWatch(tenant="ACME", object_type="DATA", object_id="o-1", min_version=3),
            "DATA o-1 has version 3 or later",
        ),
        (
            TracObjectWatch(tenant="ACME", object_type="DATA", object_id="o-1", attrs={"a": 1, "b": 2}),
            "DATA o-1 has version 1 or later, with the expected a, b",
        ),
    ],
)
def test_a_condition_has_words(watch: ConditionWatch, words: str) -> None:
    watch.check()
    assert watch.in_words == words
