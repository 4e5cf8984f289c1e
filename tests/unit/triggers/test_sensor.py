"""The trigger of a sensor that starts in the triggerer: how it ends the sensor's task."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.base import BaseTaskEndEvent, TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent

from airflow_provider_dataops.adapters import links
from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.errors import ConnectionSettingsError, ServerError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.platforms.tamr.api import TamrApi
from airflow_provider_dataops.sensors.start import trigger_arguments
from airflow_provider_dataops.sensors.tamr import (
    TamrJobSensor,
    TamrJobSucceededSensor,
    TamrResourceIdleSensor,
)
from airflow_provider_dataops.triggers import sensor as module
from airflow_provider_dataops.triggers import waits
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger
from airflow_provider_dataops.triggers.sensor import SensorTrigger
from tests.unit.triggers.hostile import HOSTILE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LINK = {"_link_TamrJobLink": "https://my-tenant.tamr.cloud/"}
IDLE = "airflow_provider_dataops.sensors.tamr.TamrResourceIdleSensor"


@dataclass
class Platform:
    """A tenant in memory: how the waits end, and the answer to a last request."""

    ending: Any = None
    answer: Any = None
    error: Exception | None = None
    triggers: list[Any] = field(default_factory=list)
    asked: int = 0
    xcoms: dict[str, Any] = field(default_factory=dict)

    api = TamrApi(
        Settings(conn_id="c", base_url="https://my-tenant.tamr.cloud", secrets=("secret",)), api_key="secret"
    )

    async def ended(self, trigger: Any) -> Any:
        self.triggers.append(trigger)
        if isinstance(self.ending, Exception):
            raise self.ending
        return self.ending

    async def ask(self, exchange: object, group: object, operation: Poll) -> Any:
        assert operation in (Poll.RUN, Poll.CONDITION)
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Let triggers wait for a tenant in memory."""
    fake = Platform()

    async def connected_api(conn_type: str, conn_id: str) -> TamrApi:
        assert (conn_type, conn_id) == ("tamr", "tamr_default")
        if fake.error is not None:
            raise fake.error
        return fake.api

    @asynccontextmanager
    async def connected(_: object) -> AsyncIterator[Platform]:
        yield fake

    async def ended(waited: object, _: object) -> Any:
        return await fake.ended(waited)

    def store_link(link: Any, context: Any, url: str) -> None:
        fake.xcoms[link.xcom_key] = url

    monkeypatch.setattr(links, "store_link", store_link)
    monkeypatch.setattr(module, "store_result", lambda ti, key, value: fake.xcoms.update({key: value}))
    monkeypatch.setattr(module, "connected_api", connected_api)
    monkeypatch.setattr(waits, "connected", connected)
    for cls in (RunTrigger, ConditionTrigger):
        monkeypatch.setattr(cls, "ended", ended)
    return fake


def trigger(cls: Any = TamrJobSensor, **arguments: Any) -> SensorTrigger:
    default = {"job_id": "j-1"} if cls is TamrJobSensor else {"source_id": "s-1"}
    return SensorTrigger(
        **trigger_arguments(cls(**{"task_id": "t", "deferrable": True, **default, **arguments}))
    )


def end(waiting: SensorTrigger) -> BaseTaskEndEvent:
    """Run a trigger to its only event."""

    async def main() -> list[Any]:
        return [event async for event in waiting.run()]

    [only] = asyncio.run(main())
    assert isinstance(only, BaseTaskEndEvent)
    # Airflow 3.3.2 would encode them twice.
    assert only.xcoms is None
    return only


def run(state: RunState = RunState.SUCCEEDED, raw: str = "DONE") -> RunSnapshot:
    return RunSnapshot(run_id="j-1", state=state, raw_state=raw, details={"job_id": "j-1"})


FAILED = RunEvent.finished(run(RunState.FAILED, "FAILED"))
TIMEOUT = RunEvent(ending=Ending.TIMEOUT, run_id="j-1", message="late")
OUTAGE = RunEvent(ending=Ending.UNREACHABLE, run_id="j-1", message="503")
LATE = ConditionEvent(ending=Ending.TIMEOUT, message="late")


class TestARun:
    def test_that_succeeded_ends_the_task_with_the_result_of_a_worker(self, platform: Platform) -> None:
        platform.ending = RunEvent.finished(run())
        event = end(trigger())
        assert isinstance(event, TaskSuccessEvent)
        result = platform.xcoms["return_value"]
        assert result == run().as_result(LINK["_link_TamrJobLink"])
        assert platform.xcoms == {**LINK, "job_id": "j-1", "return_value": result}
        [waited] = platform.triggers
        assert (waited.run_id, waited.conn_id, waited.poll_interval) == ("j-1", "tamr_default", 60.0)
        # Without a task, nothing is published for the page Remote runs, which could not show it.
        assert waited.task_instance is None

    def test_that_succeeded_stores_only_the_link_without_do_xcom_push(self, platform: Platform) -> None:
        platform.ending = RunEvent.finished(run())
        assert isinstance(end(trigger(do_xcom_push=False)), TaskSuccessEvent)
        assert platform.xcoms == LINK

    def test_that_failed_fails_the_task_and_logs_what_a_worker_would_raise(
        self, platform: Platform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.ending = FAILED
        event = end(trigger())
        assert isinstance(event, TaskFailedEvent)
        assert platform.xcoms == LINK
        [line] = [line for line in capsys.readouterr().out.splitlines() if "[error " in line]
        assert "RunFailedError: Tamr job j-1 ended FAILED [https://my-tenant.tamr.cloud/]" in line

    def test_that_outlasts_the_deadline_fails_the_task(
        self, platform: Platform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.ending, platform.answer = TIMEOUT, run(RunState.RUNNING, "RUNNING")
        assert isinstance(end(trigger(timeout=60)), TaskFailedEvent)
        assert platform.asked == 1
        assert (
            "AirflowSensorTimeout: Tamr job j-1 had not ended in the time allowed (timeout=60 s)"
            in capsys.readouterr().out
        )

    def test_that_ended_without_a_triggerer_counts(self, platform: Platform) -> None:
        platform.ending, platform.answer = TIMEOUT, run()
        assert isinstance(end(trigger()), TaskSuccessEvent)
        platform.answer = run(RunState.FAILED, "FAILED")
        assert isinstance(end(trigger()), TaskFailedEvent)

    @pytest.mark.parametrize(
        "error", [ServerError("down", status=503), ConnectionSettingsError("no host"), TimeoutError()]
    )
    def test_fails_the_task_if_the_last_request_fails(
        self, platform: Platform, error: Exception, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.ending, platform.answer = TIMEOUT, error
        assert isinstance(end(trigger()), TaskFailedEvent)
        log = capsys.readouterr().out
        assert f"The last request, after the deadline, failed: {type(error).__name__}" in log
        assert "AirflowSensorTimeout: Tamr job j-1 had not ended" in log

    def test_is_in_the_log_with_its_link_from_the_start(
        self, platform: Platform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.ending = RunEvent.finished(run())
        end(trigger())
        log = capsys.readouterr().out
        assert "Started without a worker: the triggerer waits for Tamr job j-1, up to the deadline" in log
        assert " UTC: https://my-tenant.tamr.cloud/" in log

    def test_has_its_link_while_the_sensor_waits(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        is_stored = threading.Event()

        def store_link(link: Any, context: Any, url: str) -> None:
            platform.xcoms[link.xcom_key] = url
            is_stored.set()

        async def ended(_: object, waits: object) -> RunEvent:
            # The wait begins before the link is stored: a triggerer may start thousands of sensors at once.
            assert platform.xcoms == {}
            assert await asyncio.to_thread(is_stored.wait, 30)
            return FAILED

        monkeypatch.setattr(links, "store_link", store_link)
        monkeypatch.setattr(RunTrigger, "ended", ended)
        end(trigger())
        assert platform.xcoms == LINK

    def test_whose_result_is_not_stored_fails_the_task(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("no answer from Airflow")

        monkeypatch.setattr(module, "store_result", fail)
        platform.ending = RunEvent.finished(run())
        assert isinstance(end(trigger()), TaskFailedEvent)
        assert "no answer from Airflow" in capsys.readouterr().out


class TestACondition:
    def test_that_is_true_ends_the_task(self, platform: Platform) -> None:
        platform.ending = ConditionEvent(ending=Ending.FINISHED, value={})
        event = end(trigger(TamrResourceIdleSensor))
        assert isinstance(event, TaskSuccessEvent)
        assert platform.xcoms == {}
        [waited] = platform.triggers
        assert (waited.source_id, waited.data_product_id, waited.poke_interval) == ("s-1", None, 60.0)

    def test_with_a_run_returns_the_run_and_its_link(self, platform: Platform) -> None:
        platform.ending = ConditionEvent(ending=Ending.FINISHED, value=run().as_json())
        event = end(trigger(TamrJobSucceededSensor, since="2026-01-01T00:00:00Z"))
        assert isinstance(event, TaskSuccessEvent)
        assert platform.xcoms.items() >= {**LINK, "job_id": "j-1"}.items()

    def test_that_never_comes_true_fails_the_task(self, platform: Platform) -> None:
        platform.ending = LATE
        assert isinstance(end(trigger(TamrResourceIdleSensor)), TaskFailedEvent)
        assert platform.asked == 1

    def test_that_came_true_without_a_triggerer_counts(self, platform: Platform) -> None:
        platform.ending, platform.answer = LATE, {"n": 1}
        event = end(trigger(TamrResourceIdleSensor))
        assert isinstance(event, TaskSuccessEvent)
        assert platform.xcoms == {"return_value": {"n": 1}}


@pytest.mark.parametrize(
    ("ending", "argument", "expected"),
    [
        pytest.param(FAILED, "soft_fail", TaskSkippedEvent, id="failed run, soft_fail"),
        pytest.param(FAILED, "never_fail", TaskSkippedEvent, id="failed run, never_fail"),
        pytest.param(TIMEOUT, "soft_fail", TaskSkippedEvent, id="timeout, soft_fail"),
        pytest.param(TIMEOUT, "never_fail", TaskSkippedEvent, id="timeout, never_fail"),
        # A retry can still find the run.
        pytest.param(OUTAGE, "soft_fail", TaskFailedEvent, id="outage, soft_fail"),
        pytest.param(OUTAGE, "never_fail", TaskSkippedEvent, id="outage, never_fail"),
    ],
)
def test_a_failure_skips_the_task_as_on_a_worker(
    platform: Platform, ending: RunEvent, argument: str, expected: type[Any]
) -> None:
    platform.ending, platform.answer = ending, run(RunState.RUNNING, "RUNNING")
    event = end(trigger(**{argument: True}))
    assert type(event) is expected
    assert platform.xcoms == LINK


class TestBeforeTheWait:
    @pytest.mark.parametrize(("soft_fail", "expected"), [(False, TaskFailedEvent), (True, TaskSkippedEvent)])
    def test_a_wrong_argument_ends_the_task(
        self, platform: Platform, soft_fail: bool, expected: type[Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert type(end(trigger(job_id="", soft_fail=soft_fail))) is expected
        assert "job_id must be a non-empty text" in capsys.readouterr().out
        assert platform.triggers == []

    @pytest.mark.parametrize(("soft_fail", "expected"), [(False, TaskFailedEvent), (True, TaskSkippedEvent)])
    def test_a_wrong_connection_ends_the_task(
        self, platform: Platform, soft_fail: bool, expected: type[Any]
    ) -> None:
        platform.error = ConnectionSettingsError("host is empty")
        assert type(end(trigger(soft_fail=soft_fail))) is expected

    def test_an_unexpected_error_fails_the_task_without_a_worker(
        self, platform: Platform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        platform.error = RuntimeError("no such connection")
        assert isinstance(end(trigger()), TaskFailedEvent)
        log = capsys.readouterr().out
        assert "The sensor failed in the triggerer" in log
        assert "RuntimeError: no such connection" in log

    @pytest.mark.parametrize(
        "path", ["os.system", "airflow_provider_dataops.sensors.base.DataOpsSensor", "x", "", 1, None]
    )
    def test_another_class_fails_the_task(self, platform: Platform, path: Any) -> None:
        assert isinstance(end(SensorTrigger(sensor=path, settings={}, templates=[])), TaskFailedEvent)

    def test_an_argument_of_another_release_fails_the_task(self, platform: Platform) -> None:
        waiting = trigger()
        waiting.settings["of_the_next_release"] = 1
        assert isinstance(end(waiting), TaskFailedEvent)


class TestTemplates:
    def test_are_rendered(self, platform: Platform) -> None:
        platform.ending = RunEvent.finished(run())
        waiting = trigger(job_id="{{ ds }}{% do [].append(1) %}-{{ dag_run.conf['n'] }}")
        waiting.render_template_fields({"ds": "2026-01-01", "dag_run": SimpleNamespace(conf={"n": 7})})
        assert isinstance(end(waiting), TaskSuccessEvent)
        assert platform.triggers[0].run_id == "2026-01-01-7"

    def test_in_a_structure_are_rendered(self, platform: Platform) -> None:
        waiting = SensorTrigger(
            sensor="", settings={"search": {"all": [["day", "EQ", "{{ ds }}"]]}}, templates=["search"]
        )
        waiting.render_template_fields({"ds": "2026-01-01"})
        assert waiting._rendered() == {"search": {"all": [["day", "EQ", "2026-01-01"]]}}

    def test_with_an_unknown_variable_fail_the_task(
        self, platform: Platform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        waiting = trigger(job_id="{{ ds }}")
        waiting.render_template_fields({})
        assert isinstance(end(waiting), TaskFailedEvent)
        assert "'ds' is undefined" in capsys.readouterr().out
        assert platform.triggers == []

    def test_that_airflow_did_not_render_fail_the_task(
        self, platform: Platform, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Otherwise the sensor would wait for the text of the template."""
        assert isinstance(end(trigger(job_id="{{ ds }}")), TaskFailedEvent)
        assert "Airflow has no values for the templates of job_id" in capsys.readouterr().out
        assert platform.triggers == []

    def test_only_where_there_are_any(self, platform: Platform) -> None:
        platform.ending = RunEvent.finished(run())
        waiting = trigger(job_id="j-1")
        waiting.render_template_fields({})
        assert isinstance(end(waiting), TaskSuccessEvent)


def test_the_deadline_comes_from_the_time_that_airflow_stores(platform: Platform) -> None:
    platform.ending = RunEvent.finished(run())
    waiting = trigger(timeout=600, execution_timeout=timedelta(seconds=300))
    waiting.timeout_after = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)  # type: ignore[attr-defined]
    end(waiting)
    assert platform.triggers[0].deadline == datetime(2026, 1, 1, 0, 4, 50, tzinfo=UTC).timestamp()


def test_a_restarted_trigger_begins_again_with_the_same_arguments() -> None:
    first = trigger(job_id="{{ ds }}")
    path, arguments = first.serialize()
    assert path == "airflow_provider_dataops.triggers.sensor.SensorTrigger"
    assert SensorTrigger(**arguments).serialize() == (path, arguments)


def test_a_cancelled_trigger_logs_that_the_run_continues(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[Any] = []

    async def on_kill(waited: Any) -> None:
        killed.append(waited)

    monkeypatch.setattr(RunTrigger, "on_kill", on_kill)
    platform.ending = RunEvent.finished(run())
    waiting = trigger()
    asyncio.run(waiting.on_kill())
    assert killed == []
    end(waiting)
    asyncio.run(waiting.on_kill())
    assert killed == platform.triggers


def test_the_arguments_contain_no_secret(platform: Platform) -> None:
    platform.ending = RunEvent.finished(run())
    waiting = trigger()
    end(waiting)
    assert "secret" not in repr(waiting) + str(platform.xcoms)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_can_be_made_of_anything(value: Any) -> None:
    """Airflow 3.3.2 ends the triggerer if a constructor raises an error."""
    waiting = SensorTrigger(sensor=value, settings=value, templates=value)
    assert isinstance(hash(waiting), int)


def test_an_argument_of_the_next_release_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        SensorTrigger(sensor="", settings={}, templates=[], of_the_next_release=1)  # type: ignore[call-arg]
