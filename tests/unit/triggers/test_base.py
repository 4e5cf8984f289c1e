from __future__ import annotations

import copy
import pickle
from dataclasses import fields
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.triggers.base import PauseTrigger
from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionTrigger
from airflow_provider_dataops.triggers.tailer import TailerRunTrigger
from airflow_provider_dataops.triggers.tamr import TamrJobTrigger
from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger
from airflow_provider_dataops.triggers.trac import TracJobTrigger
from tests.loops import run
from tests.unit.triggers.classes import TRIGGERS, arguments, required
from tests.unit.triggers.hostile import HOSTILE


def test_triggers_of_all_kinds_were_found() -> None:
    assert {"PauseTrigger", "QuantemplateExecutionTrigger", "TamrJobTrigger", "TamrResourceIdleTrigger"} <= {
        cls.__name__ for cls in TRIGGERS
    }


@pytest.mark.parametrize("cls", TRIGGERS)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
class TestHostileArguments:
    def test_all_at_once_do_not_break_the_constructor(self, cls: type[Any], value: object) -> None:
        kwargs = {field.name: value for field in fields(cls)}
        trigger = cls(**kwargs)
        assert trigger.serialize() == (f"{cls.__module__}.{cls.__qualname__}", kwargs) or value != value
        assert isinstance(hash(trigger), int)
        assert trigger == trigger and trigger != cls(**kwargs)  # noqa: PT018

    def test_one_among_valid_ones_does_not_break_the_constructor(self, cls: type[Any], value: object) -> None:
        for field in fields(cls):
            trigger = cls(**arguments(cls) | {field.name: value})
            assert getattr(trigger, field.name) is value


@pytest.mark.parametrize("cls", TRIGGERS)
class TestArgumentsOfAnotherVersion:
    def test_an_additional_argument_is_a_type_error(self, cls: type[Any]) -> None:
        with pytest.raises(TypeError):
            cls(**arguments(cls), an_argument_of_the_next_version=1)

    @pytest.mark.parametrize(
        "name", ["task_id", "trigger_id", "timeout_after", "self", "log", "_task_instance"]
    )
    def test_an_attribute_of_airflow_is_a_type_error(self, cls: type[Any], name: str) -> None:
        with pytest.raises(TypeError):
            cls(**arguments(cls) | {name: None})

    def test_a_missing_argument_is_a_type_error(self, cls: type[Any]) -> None:
        for name in required(cls):
            kwargs = arguments(cls)
            del kwargs[name]
            with pytest.raises(TypeError):
                cls(**kwargs)

    def test_arguments_by_position_are_a_type_error(self, cls: type[Any]) -> None:
        with pytest.raises(TypeError):
            cls(*arguments(cls).values())

    def test_arguments_with_defaults_may_be_missing(self, cls: type[Any]) -> None:
        kwargs = {name: arguments(cls)[name] for name in required(cls)}
        assert set(cls(**kwargs).serialize()[1]) == {field.name for field in fields(cls)}


@pytest.mark.parametrize("cls", TRIGGERS)
def test_airflow_can_set_its_attributes(cls: type[Any]) -> None:
    trigger = cls(**arguments(cls))
    trigger.trigger_id, trigger.triggerer_job_id, trigger.timeout_after = 7, 8, None
    trigger.task_instance = None
    assert trigger.trigger_id == 7
    assert not getattr(trigger, "template_fields", ())
    assert trigger.log.name.endswith(cls.__name__)
    # The attributes that Airflow sets are not arguments of the trigger.
    assert trigger.serialize()[1] == arguments(cls)


@pytest.mark.parametrize("cls", TRIGGERS)
def test_a_copy_is_another_trigger_with_the_same_arguments(cls: type[Any]) -> None:
    trigger = cls(**arguments(cls))
    for copied in (copy.deepcopy(trigger), copy.copy(trigger), pickle.loads(pickle.dumps(trigger))):  # noqa: S301
        assert copied.serialize() == trigger.serialize()
        assert copied != trigger
        assert len({copied, trigger}) == 2


@pytest.mark.parametrize("cls", TRIGGERS)
def test_repr_contains_the_class_and_the_arguments(cls: type[Any]) -> None:
    text = repr(cls(**arguments(cls)))
    assert cls.__name__ in text
    assert all(f"{name}={value}" in text for name, value in arguments(cls).items())


async def _run(trigger: Any) -> list[Any]:
    return [event async for event in trigger.run()]


def _bad_for(annotation: str) -> list[object]:
    not_a_number: list[object] = [None, "7", True, [], {}]
    match annotation:
        case "str":
            return [None, "", " ", 7, b"x", ["x"]]
        case "float":
            return [*not_a_number, 0, -1.0, float("nan"), float("inf")]
        case "int":
            return [*not_a_number, -1, 1.5, float("nan")]
        case "str | None":
            return [7, b"x", ["x"], {"a": 1}, " "]
    return []


BAD = [
    pytest.param(cls, field.name, value, id=f"{cls.__name__}.{field.name}-{i}")
    for cls in TRIGGERS
    for field in fields(cls)
    for i, value in enumerate(_bad_for(str(field.type)))
    # An idle worker has a load of 0.
    if value is True or (value != field.default and (field.name, value) != ("worker_load", 0))
]


@pytest.mark.parametrize(("cls", "name", "value"), BAD)
def test_invalid_arguments_fail_the_task_before_a_request_is_sent(
    cls: type[Any], name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unexpected(conn_id: str) -> None:
        raise AssertionError("the connection was read")

    monkeypatch.setattr(BaseHook, "aget_connection", unexpected)
    with pytest.raises(InvalidArgumentError, match=name):
        run(_run(cls(**arguments(cls) | {name: value})))


def test_a_pause_until_an_invalid_time_raises_an_error() -> None:
    with pytest.raises(InvalidArgumentError, match="until must be a number above 0; given: nan"):
        run(_run(PauseTrigger(until=float("nan"), payload={})))


@pytest.mark.parametrize(
    "cls", [QuantemplateExecutionTrigger, TailerRunTrigger, ToucanOperationTrigger, TracJobTrigger]
)
def test_a_platform_without_cancel_rejects_cancel_on_kill(cls: type[Any]) -> None:
    """Without the error, a user would expect that the run is stopped."""
    trigger = cls(**arguments(cls) | {"cancel_on_kill": True})
    with pytest.raises(InvalidArgumentError, match="cancel_on_kill must be False"):
        trigger.check()


def test_a_platform_with_cancel_accepts_cancel_on_kill() -> None:
    TamrJobTrigger(**arguments(TamrJobTrigger) | {"cancel_on_kill": True}).check()
