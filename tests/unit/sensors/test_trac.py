"""TRAC's jobs, searches and objects, waited for on a worker and in the triggerer."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import TaskDeferred

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
    """Put a tenant with one running job behind the sensors."""
    there = Gateway()
    there.jobs[JOB] = tag(header("JOB", JOB), {}, trac_job_type="RUN_MODEL", trac_job_status="RUNNING")
    monkeypatch.setattr(TracTask, "make_hook", lambda _: Hook(there, lambda _: None, trac()))
    return there


def value(told: Any) -> Any:
    assert isinstance(told, PokeReturnValue)
    return told.xcom_value


def trigger(sensor: Any) -> Any:
    """Return how a sensor waits in the triggerer."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(CONTEXT)
    return caught.value.trigger


class TestJob:
    @pytest.mark.parametrize(
        "told",
        [
            {"job_id": JOB},
            {"selector": f"JOB-{JOB}-v1"},
            {"selector": {"objectType": "JOB", "objectId": JOB, "latestObject": True}},
            {"selector": {"run_id": JOB, "job": f"JOB-{JOB}-v1", "outputs": {}}},
        ],
    )
    def test_is_waited_for(self, gateway: Gateway, told: dict[str, Any]) -> None:
        sensor = TracJobSensor(task_id="t", **told)
        assert sensor.poke(CONTEXT) is False
        gateway.end(JOB)
        result = value(sensor.poke(CONTEXT))
        assert (result["run_id"], result["state"]) == (JOB, "succeeded")
        assert list(result["outputs"]) == ["reserves"]
        assert result["url"].endswith(f"/ACME_CORP/JOB/{JOB}/versions/1/tags/latest")

    def test_that_failed_fails_the_sensor(self, gateway: Gateway) -> None:
        gateway.end(JOB, "FAILED", trac_job_error_message="no such column")
        with pytest.raises(RunFailedError, match="no such column"):
            TracJobSensor(task_id="t", job_id=JOB).poke(CONTEXT)

    def test_is_waited_for_in_the_triggerer(self, gateway: Gateway) -> None:
        told = trigger(
            TracJobSensor(task_id="t", job_id=JOB, tenant="OTHER", deferrable=True, poke_interval=20)
        )
        assert isinstance(told, TracJobTrigger)
        assert (told.run_id, told.tenant, told.key, told.poll_interval) == (JOB, "OTHER", JOB, 20)
        assert gateway.tenant == "OTHER"


class TestSearch:
    def sensor(self, **arguments: Any) -> TracSearchSensor:
        given = {"object_type": "DATA", "search": ["dataset_class", "=", "claims"], **arguments}
        return TracSearchSensor(task_id="t", **given)

    def test_is_waited_for(self, gateway: Gateway) -> None:
        assert self.sensor().poke(CONTEXT) is False
        gateway.set(DATA_ID, dataset_class="claims")
        [found] = value(self.sensor().poke(CONTEXT))
        assert (found["key"], found["tag_version"]) == (f"DATA-{DATA_ID}-v3", 1)
        assert "attrs" not in found

    def test_is_not_over_before_there_are_enough(self, gateway: Gateway) -> None:
        gateway.set(DATA_ID, dataset_class="claims")
        assert self.sensor(min_results=2).poke(CONTEXT) is False
        other = str(UUID(int=5))
        gateway.objects[other] = tag(header("DATA", other), {}, dataset_class="claims")
        assert len(value(self.sensor(min_results=2).poke(CONTEXT))) == 2

    def test_of_a_whole_type(self, gateway: Gateway) -> None:
        assert len(value(self.sensor(search=None).poke(CONTEXT))) == 1
        assert self.sensor(search=None, object_type="FILE").poke(CONTEXT) is False
        assert trigger(self.sensor(search=None, object_type="FILE", deferrable=True)).search is None

    def test_is_waited_for_in_the_triggerer(self, gateway: Gateway) -> None:
        search = {"all": [["day", ">=", date(2026, 11, 20)], ["share", "<", Decimal("0.5")]]}
        told = trigger(self.sensor(search=search, min_results=3, deferrable=True))
        assert isinstance(told, TracSearchTrigger)
        assert (told.tenant, told.object_type, told.min_results) == ("ACME_CORP", "DATA", 3)
        # What is stored is JSON, and asks the same.
        _, kwargs = told.serialize()
        stored = TracSearchTrigger(**json.loads(json.dumps(kwargs)))
        api = trac()
        asked = [next(t.question(api)).body.content for t in (told, stored)]  # type: ignore[union-attr]
        assert asked[0] == asked[1] == next(api.search("DATA", search)).body.content  # type: ignore[union-attr]

    def test_resumes_with_the_same_value(self, gateway: Gateway) -> None:
        gateway.set(DATA_ID, dataset_class="claims")
        told = self.sensor().execute(CONTEXT)
        event = {**FOUND, "value": {"found": told}}
        assert self.sensor().execute_complete(CONTEXT, event) == told != []

    def test_that_was_cut_off_ends_the_sensor(self, gateway: Gateway) -> None:
        """Its query keeps running in TRAC's database, and a few such queries stop TRAC."""

        def cut(call: str) -> None:
            raise ServerError("HTTP 504", status=504)

        gateway.on_request = cut
        search = {"any": [["region", "=", "UK"], ["withdrawn", "EXISTS"]]}
        with pytest.raises(BadRequestError, match="may keep running in TRAC's database"):
            self.sensor(search=search).poke(CONTEXT)
        with pytest.raises(PermanentError, match="may keep running in TRAC's database"):
            self.sensor(search=search, deferrable=True).execute(CONTEXT)
        assert gateway.sent == ["search", "search"]

    def test_returns_what_can_be_stored(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway.set(DATA_ID, dataset_class="claims")
        monkeypatch.setattr(TracSearchSensor, "result", lambda *_: ["a\x00b", 2**64])
        assert value(self.sensor().poke(CONTEXT)) == ["a\ufffdb", str(2**64)]


class TestObject:
    def sensor(self, **arguments: Any) -> TracObjectSensor:
        return TracObjectSensor(**{"task_id": "t", "object_type": "DATA", "object_id": DATA_ID, **arguments})

    def test_reaches_a_version(self, gateway: Gateway) -> None:
        assert self.sensor(min_version=4).poke(CONTEXT) is False
        assert value(self.sensor(min_version=3).poke(CONTEXT))["key"] == f"DATA-{DATA_ID}-v3"

    @pytest.mark.parametrize(
        ("there", "wanted"),
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
    def test_has_an_attribute(self, gateway: Gateway, there: Any, wanted: Any) -> None:
        gateway.set(DATA_ID, approved=there)
        assert self.sensor(attrs={"approved": wanted}).poke(CONTEXT)

    @pytest.mark.parametrize(
        ("there", "wanted"), [(False, True), (7, 8), (7, "x"), ("a", "b"), (["a"], "a"), (["a"], ["b"])]
    )
    def test_has_another_value(self, gateway: Gateway, there: Any, wanted: Any) -> None:
        gateway.set(DATA_ID, approved=there)
        assert self.sensor(attrs={"approved": wanted}).poke(CONTEXT) is False

    @pytest.mark.parametrize(
        ("there", "wanted", "types"),
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
    def test_of_a_type_that_never_has_such_a_value_is_warned_about_once(
        self,
        gateway: Gateway,
        there: Any,
        wanted: Any,
        types: tuple[str, str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        gateway.set(DATA_ID, approved=there)
        sensor = self.sensor(attrs={"approved": wanted})
        assert sensor.poke(CONTEXT) is False
        assert sensor.poke(CONTEXT) is False
        [line] = caplog.records
        assert line.levelname == "WARNING"
        assert line.getMessage().startswith("Attribute 'approved' of DATA ")
        assert f" is of type {types[0]}, " in line.getMessage()
        assert f" of type {types[1]}; " in line.getMessage()

    def test_with_another_value_is_not_warned_about(
        self, gateway: Gateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        gateway.set(DATA_ID, approved=["a"])
        assert self.sensor(attrs={"approved": ["a", "b"], "rows": 1}).poke(CONTEXT) is False
        assert caplog.records == []

    def test_needs_all_that_was_asked_for(self, gateway: Gateway) -> None:
        gateway.set(DATA_ID, a=1)
        assert self.sensor(attrs={"a": 1, "b": 2}).poke(CONTEXT) is False
        assert self.sensor(attrs={"a": 1}, min_version=4).poke(CONTEXT) is False
        assert self.sensor(attrs={"a": 1}, min_version=2).poke(CONTEXT)

    def test_that_is_not_there_yet_is_waited_for(self, gateway: Gateway) -> None:
        assert self.sensor(object_id=str(UUID(int=9)), min_version=1).poke(CONTEXT) is False

    def test_in_a_tenant_that_is_not_there_is_told_by_other_sensors(self, gateway: Gateway) -> None:
        def refuse(call: str) -> None:
            raise NotFoundError("unknown tenant", status=404)

        gateway.on_request = refuse
        with pytest.raises(NotFoundError):
            TracSearchSensor(task_id="t", object_type="DATA").poke(CONTEXT)

    def test_is_waited_for_in_the_triggerer(self, gateway: Gateway) -> None:
        told = trigger(self.sensor(attrs={"day": date(2026, 11, 20)}, deferrable=True))
        assert isinstance(told, TracObjectTrigger)
        assert (told.object_type, told.object_id, told.min_version) == ("DATA", DATA_ID, 1)
        assert told.attrs == {"day": "2026-11-20"}
        gateway.set(DATA_ID, day=date(2026, 11, 20))
        event = {**FOUND, "value": Hook(gateway, lambda _: None, trac()).run(told.question(trac()))}
        assert self.sensor(min_version=1).execute_complete(CONTEXT, event)["object_version"] == 3


LONG = ["id", "IN", [f"claim-{n}" for n in range(1000)]]


def test_a_long_question_can_be_asked_by_a_worker(gateway: Gateway) -> None:
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
        # What a template rendered to nothing is no wish for all objects.
        (
            TracSearchSensor(task_id="t", object_type="DATA", search={}),
            "search must not be empty, .*; given: {}",
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
def test_wrong_arguments_fail_before_anything_is_sent(sensor: Any, named: str, gateway: Gateway) -> None:
    with pytest.raises(PermanentError, match=named):
        sensor.execute(CONTEXT)
    assert gateway.sent == []
