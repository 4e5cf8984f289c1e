"""The sensors for TRAC's jobs, searches and objects, on a worker and in the triggerer."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import PokeReturnValue

from airflow_provider_dataops.errors import BadRequestError, NotFoundError, RunFailedError, ServerError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.platforms.trac import Value, ValueType
from airflow_provider_dataops.sensors.trac import (
    TracJobSensor,
    TracObjectSensor,
    TracSearchSensor,
)
from airflow_provider_dataops.tasks.trac import TracTask
from airflow_provider_dataops.triggers.trac import TracJobTrigger, TracObjectTrigger, TracSearchTrigger
from tests.unit.operators.stage import Attempt, Hook
from tests.unit.operators.trac.stage import Gateway
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import DATA_ID, header, tag

CONTEXT = Attempt().context()
JOB = str(UUID(int=1))
CUT = datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)
NOTHING = Value([], ValueType("ARRAY", ValueType("STRING")))
FOUND = {"ending": "finished", "message": "", "permanent": False}


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Let the sensors send their requests to a tenant with one running job."""
    fake = Gateway()
    fake.jobs[JOB] = tag(header("JOB", JOB), {}, trac_job_type="RUN_MODEL", trac_job_status="RUNNING")
    monkeypatch.setattr(TracTask, "make_hook", lambda _: Hook(fake, lambda _: None, trac()))
    return fake


def value(result: Any) -> Any:
    assert isinstance(result, PokeReturnValue)
    return result.xcom_value


def trigger_of(sensor: Any) -> Any:
    """Return the trigger of a sensor that defers."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(CONTEXT)
    return caught.value.trigger


class TestJob:
    @pytest.mark.parametrize(
        "arguments",
        [
            {"job_id": JOB},
            {"selector": f"JOB-{JOB}-v1"},
            {"selector": {"objectType": "JOB", "objectId": JOB, "latestObject": True}},
            {"selector": {"run_id": JOB, "job": f"JOB-{JOB}-v1", "outputs": {}}},
        ],
    )
    def test_the_sensor_waits_for_the_end(self, gateway: Gateway, arguments: dict[str, Any]) -> None:
        sensor = TracJobSensor(task_id="t", **arguments)
        assert sensor.poke(CONTEXT) is False
        gateway.end(JOB)
        result = value(sensor.poke(CONTEXT))
        assert (result["run_id"], result["state"]) == (JOB, "succeeded")
        assert list(result["outputs"]) == ["reserves"]
        assert result["url"].endswith(f"/ACME_CORP/JOB/{JOB}/versions/1/tags/latest")

    def test_a_failed_job_fails_the_sensor(self, gateway: Gateway) -> None:
        gateway.end(JOB, "FAILED", trac_job_error_message="no such column")
        with pytest.raises(RunFailedError, match="no such column"):
            TracJobSensor(task_id="t", job_id=JOB).poke(CONTEXT)

    def test_the_trigger_gets_the_arguments(self, gateway: Gateway) -> None:
        trigger = trigger_of(
            TracJobSensor(task_id="t", job_id=JOB, tenant="OTHER", deferrable=True, poke_interval=20)
        )
        assert isinstance(trigger, TracJobTrigger)
        assert (trigger.run_id, trigger.tenant, trigger.key, trigger.poll_interval) == (JOB, "OTHER", JOB, 20)
        assert gateway.tenant == "OTHER"


class TestSearch:
    def sensor(self, **arguments: Any) -> TracSearchSensor:
        given = {"object_type": "DATA", "search": ["dataset_class", "=", "claims"], **arguments}
        return TracSearchSensor(task_id="t", **given)

    def test_the_sensor_waits_for_a_result(self, gateway: Gateway) -> None:
        assert self.sensor().poke(CONTEXT) is False
        gateway.set(DATA_ID, dataset_class="claims")
        [found] = value(self.sensor().poke(CONTEXT))
        assert (found["key"], found["tag_version"]) == (f"DATA-{DATA_ID}-v3", 1)
        assert "attrs" not in found

    def test_the_sensor_waits_for_enough_results(self, gateway: Gateway) -> None:
        gateway.set(DATA_ID, dataset_class="claims")
        assert self.sensor(min_results=2).poke(CONTEXT) is False
        other = str(UUID(int=5))
        gateway.objects[other] = tag(header("DATA", other), {}, dataset_class="claims")
        assert len(value(self.sensor(min_results=2).poke(CONTEXT))) == 2

    def test_a_search_can_match_a_whole_type(self, gateway: Gateway) -> None:
        assert len(value(self.sensor(search=None).poke(CONTEXT))) == 1
        assert self.sensor(search=None, object_type="FILE").poke(CONTEXT) is False
        assert trigger_of(self.sensor(search=None, object_type="FILE", deferrable=True)).search is None

    def test_the_trigger_gets_the_arguments(self, gateway: Gateway) -> None:
        search = {"all": [["day", ">=", date(2026, 11, 20)], ["share", "<", Decimal("0.5")]]}
        trigger = trigger_of(self.sensor(search=search, min_results=3, deferrable=True))
        assert isinstance(trigger, TracSearchTrigger)
        assert (trigger.tenant, trigger.object_type, trigger.min_results) == ("ACME_CORP", "DATA", 3)
        # Airflow stores the trigger as JSON. The stored trigger sends the same request.
        _, kwargs = trigger.serialize()
        stored = TracSearchTrigger(**json.loads(json.dumps(kwargs)))
        api = trac()
        asked = [next(t.question(api)).body.content for t in (trigger, stored)]  # type: ignore[union-attr]
        assert asked[0] == asked[1] == next(api.search("DATA", search)).body.content  # type: ignore[union-attr]

    def test_a_resumed_sensor_returns_the_same_value(self, gateway: Gateway) -> None:
        gateway.set(DATA_ID, dataset_class="claims")
        result = self.sensor().execute(CONTEXT)
        event = {**FOUND, "value": {"found": result}}
        assert self.sensor().execute_complete(CONTEXT, event) == result != []

    def test_a_search_that_timed_out_ends_the_sensor(self, gateway: Gateway) -> None:
        """Its query keeps running in TRAC's database, and a few such queries stop TRAC."""

        def time_out(call: str) -> None:
            raise ServerError("HTTP 504", status=504)

        gateway.on_request = time_out
        search = {"any": [["region", "=", "UK"], ["withdrawn", "EXISTS"]]}
        with pytest.raises(BadRequestError, match="may keep running in TRAC's database"):
            self.sensor(search=search).poke(CONTEXT)
        with pytest.raises(PermanentError, match="may keep running in TRAC's database"):
            self.sensor(search=search, deferrable=True).execute(CONTEXT)
        assert gateway.sent == ["search", "search"]

    def test_the_result_can_be_stored_in_xcom(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway.set(DATA_ID, dataset_class="claims")
        monkeypatch.setattr(TracSearchSensor, "result", lambda *_: ["a\x00b", 2**64])
        assert value(self.sensor().poke(CONTEXT)) == ["a\ufffdb", str(2**64)]


class TestObject:
    def sensor(self, **arguments: Any) -> TracObjectSensor:
        return TracObjectSensor(**{"task_id": "t", "object_type": "DATA", "object_id": DATA_ID, **arguments})

    def test_the_sensor_waits_for_a_version(self, gateway: Gateway) -> None:
        assert self.sensor(min_version=4).poke(CONTEXT) is False
        assert value(self.sensor(min_version=3).poke(CONTEXT))["key"] == f"DATA-{DATA_ID}-v3"

    @pytest.mark.parametrize(
        ("stored_value", "wanted"),
        [
            (True, True),
            (True, "true"),
            (7, 7),
            (1.0, 1),
            ("ready", "ready"),
            (date(2026, 11, 20), "2026-11-20"),
            (date(2026, 11, 20), date(2026, 11, 20)),
            (Decimal("0.125"), Decimal("0.125")),
            (datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC)),
            (datetime(2026, 11, 20, 10, tzinfo=UTC), "2026-11-20T11:00:00+01:00"),
            (["a", "b"], ["a", "b"]),
            # TRAC keeps milliseconds.
            (CUT, CUT.replace(microsecond=123_456)),
            (CUT, "2026-11-20T11:00:00.123999+01:00"),
            (Decimal("0.5"), 0.5),
            (Decimal("0.1"), 0.1),
            (Decimal("0.5"), "0.50"),
            (0.5, Decimal("0.50")),
            (5, 5.0),
            (math.nan, math.nan),
            (math.inf, math.inf),
            ([5, 6], [5.0, 6.0]),
            ([math.nan], [math.nan]),
            (NOTHING, NOTHING),
        ],
    )
    def test_an_equal_attribute_ends_the_wait(self, gateway: Gateway, stored_value: Any, wanted: Any) -> None:
        gateway.set(DATA_ID, approved=stored_value)
        assert self.sensor(attrs={"approved": wanted}).poke(CONTEXT)

    @pytest.mark.parametrize(
        ("stored_value", "wanted"),
        [(False, True), (7, 8), (7, "x"), ("a", "b"), (["a"], "a"), (["a"], ["b"])],
    )
    def test_another_value_does_not_end_the_wait(
        self, gateway: Gateway, stored_value: Any, wanted: Any
    ) -> None:
        gateway.set(DATA_ID, approved=stored_value)
        assert self.sensor(attrs={"approved": wanted}).poke(CONTEXT) is False

    @pytest.mark.parametrize(
        ("stored_value", "wanted", "types"),
        [
            (5, 5.5, ("INTEGER", "FLOAT")),
            (5, math.nan, ("INTEGER", "STRING")),
            (True, 1, ("BOOLEAN", "INTEGER")),
            ("7", 7, ("STRING", "INTEGER")),
            (Decimal(1), math.inf, ("DECIMAL", "STRING")),
            (CUT, "2026-11-20", ("DATETIME", "STRING")),
            (["a"], "a", ("ARRAY of STRING", "STRING")),
            ("a", ["a"], ("STRING", "ARRAY of STRING")),
            (["a"], [1], ("ARRAY of STRING", "ARRAY of INTEGER")),
            (NOTHING, "a", ("list", "STRING")),
        ],
    )
    def test_an_attribute_of_another_type_is_logged_once_as_a_warning(
        self,
        gateway: Gateway,
        stored_value: Any,
        wanted: Any,
        types: tuple[str, str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        gateway.set(DATA_ID, approved=stored_value)
        sensor = self.sensor(attrs={"approved": wanted})
        assert sensor.poke(CONTEXT) is False
        assert sensor.poke(CONTEXT) is False
        [line] = caplog.records
        assert line.levelname == "WARNING"
        assert line.getMessage().startswith("Attribute 'approved' of DATA ")
        assert f" is of type {types[0]}, " in line.getMessage()
        assert f" of type {types[1]}; " in line.getMessage()

    def test_another_value_of_the_same_type_logs_no_warning(
        self, gateway: Gateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        gateway.set(DATA_ID, approved=["a"])
        assert self.sensor(attrs={"approved": ["a", "b"], "rows": 1}).poke(CONTEXT) is False
        assert caplog.records == []

    def test_the_sensor_waits_for_all_conditions(self, gateway: Gateway) -> None:
        gateway.set(DATA_ID, a=1)
        assert self.sensor(attrs={"a": 1, "b": 2}).poke(CONTEXT) is False
        assert self.sensor(attrs={"a": 1}, min_version=4).poke(CONTEXT) is False
        assert self.sensor(attrs={"a": 1}, min_version=2).poke(CONTEXT)

    def test_the_sensor_waits_for_a_missing_object(self, gateway: Gateway) -> None:
        assert self.sensor(object_id=str(UUID(int=9)), min_version=1).poke(CONTEXT) is False

    def test_a_search_in_an_unknown_tenant_fails_the_sensor(self, gateway: Gateway) -> None:
        def fail(call: str) -> None:
            raise NotFoundError("unknown tenant", status=404)

        gateway.on_request = fail
        with pytest.raises(NotFoundError):
            TracSearchSensor(task_id="t", object_type="DATA").poke(CONTEXT)

    def test_the_trigger_gets_the_arguments(self, gateway: Gateway) -> None:
        trigger = trigger_of(self.sensor(attrs={"day": date(2026, 11, 20)}, deferrable=True))
        assert isinstance(trigger, TracObjectTrigger)
        assert (trigger.object_type, trigger.object_id, trigger.min_version) == ("DATA", DATA_ID, 1)
        assert trigger.attrs == {"day": "2026-11-20"}
        gateway.set(DATA_ID, day=date(2026, 11, 20))
        event = {**FOUND, "value": Hook(gateway, lambda _: None, trac()).run(trigger.question(trac()))}
        assert self.sensor(min_version=1).execute_complete(CONTEXT, event)["object_version"] == 3


LONG = ["id", "IN", [f"claim-{n}" for n in range(1000)]]


def test_a_worker_can_send_a_long_search(gateway: Gateway) -> None:
    gateway.set(DATA_ID, id="claim-7")
    assert TracSearchSensor(task_id="t", object_type="DATA", search=LONG).execute(CONTEXT)


@pytest.mark.parametrize(
    ("sensor", "named"),
    [
        (TracJobSensor(task_id="t"), "selector, job_id"),
        (TracJobSensor(task_id="t", job_id=JOB, selector=f"JOB-{JOB}"), "selector, job_id"),
        (TracJobSensor(task_id="t", job_id="7"), "job_id must be"),
        (
            TracJobSensor(task_id="t", selector={"run_id": JOB, "job": None}),
            r"selector\['job'\] must not be empty; the task .* may not have waited",
        ),
        (TracJobSensor(task_id="t", selector=f"DATA-{DATA_ID}"), "JOB"),
        (TracJobSensor(task_id="t", job_id=JOB, trac_conn_id=""), "trac_conn_id"),
        (TracSearchSensor(task_id="t", object_type="DATA", min_results=0), "min_results"),
        (TracSearchSensor(task_id="t", object_type="DATA", min_results=101), "min_results"),
        (TracSearchSensor(task_id="t", object_type="DATA", search=["a", "~", 1]), "operator"),
        (TracSearchSensor(task_id="t", object_type="DATA", search=LONG, deferrable=True), "8000"),
        # A template that renders to an empty value must not match all objects.
        (
            TracSearchSensor(task_id="t", object_type="DATA", search={}),
            "search must not be empty; .*; given: {}",
        ),
        (TracSearchSensor(task_id="t", object_type="DATA", search=[]), "search must not be empty"),
        (TracSearchSensor(task_id="t", object_type="DATA", search=""), "search must not be empty"),
        (TracSearchSensor(task_id="t", object_type=""), "object_type"),
        (TracObjectSensor(task_id="t", object_type="DATA", object_id=DATA_ID), "min_version or attrs"),
        (
            TracObjectSensor(task_id="t", object_type="DATA", object_id="7", min_version=1),
            "object_id must be a UUID",
        ),
        (TracObjectSensor(task_id="t", object_type="DATA", object_id=DATA_ID, min_version=-1), "min_version"),
        (TracObjectSensor(task_id="t", object_type="DATA", object_id=DATA_ID, attrs={"a": None}), "attrs"),
        (
            TracObjectSensor(task_id="t", object_type="DATA", object_id=DATA_ID, attrs={"a": {"b": 1}}),
            r"attrs\['a'\] must be a primitive value",
        ),
        (
            TracObjectSensor(task_id="t", object_type="DATA", object_id=DATA_ID, attrs={"a-b": 1}),
            "each name in attrs must be an identifier",
        ),
        (TracObjectSensor(task_id="t", object_type="DATA", object_id=DATA_ID, attrs=["a"]), "attrs"),  # type: ignore[arg-type]
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(sensor: Any, named: str, gateway: Gateway) -> None:
    with pytest.raises(PermanentError, match=named):
        sensor.execute(CONTEXT)
    assert gateway.sent == []
