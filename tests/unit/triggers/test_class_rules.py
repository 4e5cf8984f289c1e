"""An invalid trigger class raises an error when it is defined, and not later in the triggerer."""

from __future__ import annotations

import json
import sys
from dataclasses import field, fields
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_dataops.registry import hook_class
from airflow_provider_dataops.triggers import base
from airflow_provider_dataops.triggers.base import DataclassTrigger, RunTrigger
from airflow_provider_dataops.triggers.events import EventTrigger
from tests.airflow_names import encode_trigger, smart_decode_trigger_kwargs
from tests.unit.triggers.classes import EVENT_TRIGGERS
from tests.unit.triggers.hostile import HOSTILE


def define(body: str, *, bases: str = "DataclassTrigger") -> type[Any]:
    """Define a class with this body in a new module, and return it."""
    module = ModuleType("tests.unit.triggers.written")
    vars(module).update(
        DataclassTrigger=DataclassTrigger, RunTrigger=RunTrigger, EventTrigger=EventTrigger, field=field
    )
    sys.modules[module.__name__] = module
    try:
        exec(f"class Written({bases}):\n    {body}", vars(module))  # noqa: S102 - a class of a module, not of a function
    finally:
        del sys.modules[module.__name__]
    cls: type[Any] = vars(module)["Written"]
    return cls


@pytest.mark.parametrize("name", sorted(base._RESERVED))
def test_a_field_with_a_name_of_airflow_raises_an_error(name: str) -> None:
    with pytest.raises(TypeError, match=rf"Written\.{name}: BaseTrigger reserves this name"):
        define(f"{name}: int = 0")


@pytest.mark.parametrize(
    "name", ["task_id", "task", "task_instance", "trigger_id", "triggerer_job_id", "timeout_after", "log"]
)
def test_names_that_the_triggerer_sets_are_reserved(name: str) -> None:
    assert name in base._RESERVED


def test_a_field_that_is_not_in_the_constructor_raises_an_error() -> None:
    with pytest.raises(TypeError, match=r"Written\.seen"):
        define("seen: int = field(init=False, default=0)")


def test_a_class_inside_a_function_raises_an_error() -> None:
    with pytest.raises(TypeError, match="must be at the top level of a module"):

        class Local(DataclassTrigger):
            pass


def test_a_subclass_of_a_subclass_is_checked_too() -> None:
    with pytest.raises(TypeError, match=r"Written\.task_id"):
        define("task_id: str = ''", bases="RunTrigger")


def test_a_subclass_needs_no_decorator() -> None:
    cls = define("more: str = 'x'", bases="RunTrigger")
    trigger = cls(conn_id="c", run_id="r", deadline=1.0, poll_interval=2.0)
    path, kwargs = trigger.serialize()
    assert path == "tests.unit.triggers.written.Written"
    assert kwargs.items() >= {"conn_id": "c", "run_id": "r", "deadline": 1.0, "more": "x"}.items()
    trigger.more = "y"
    trigger.trigger_id = 3
    assert trigger.serialize()[1]["more"] == "y"


def test_a_class_attribute_is_not_an_argument() -> None:
    cls = define("noun = 'thing'", bases="RunTrigger")
    assert "noun" not in cls(conn_id="c", run_id="r", deadline=1.0, poll_interval=2.0).serialize()[1]


@pytest.mark.parametrize("cls", EVENT_TRIGGERS)
class TestAnEventTrigger:
    def test_calls_its_connection_as_the_hook_does(self, cls: type[Any]) -> None:
        hook = hook_class(cls.conn_type)
        default = cls.__dataclass_fields__[hook.conn_name_attr].default
        assert default == hook.default_conn_name

    @pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
    def test_can_be_made_of_anything(self, cls: type[Any], value: object) -> None:
        """Airflow 3.3.2 ends the triggerer if a constructor raises an error."""
        trigger = cls(**dict.fromkeys(names(cls), value))
        assert trigger.shared_stream_key() is None
        assert isinstance(hash(trigger), int)

    def test_has_the_same_identity_in_the_dag_and_in_the_database(self, cls: type[Any]) -> None:
        """If Airflow computed two hashes, it would start the trigger anew each time it parses the DAG."""
        path, arguments = cls(**example(cls)).serialize()
        stored = json.loads(json.dumps(encode_trigger({"classpath": path, "kwargs": arguments})["kwargs"]))
        read = {name: smart_decode_trigger_kwargs(value) for name, value in stored.items()}
        assert cls(**read).serialize() == (path, arguments)
        assert BaseEventTrigger.hash(path, stored) == BaseEventTrigger.hash(path, arguments)

    def test_has_no_credentials_in_its_arguments(self, cls: type[Any]) -> None:
        text = " ".join(names(cls))
        assert not any(word in text for word in ("password", "secret", "token", "api_key", "header"))

    def test_shares_its_poll_with_an_equal_trigger(self, cls: type[Any]) -> None:
        assert cls(**example(cls)).shared_stream_key() == cls(**example(cls)).shared_stream_key() is not None

    def test_an_argument_of_another_release_is_a_type_error(self, cls: type[Any]) -> None:
        with pytest.raises(TypeError):
            cls(**example(cls), an_argument_of_the_next_version=1)


def names(cls: type[Any]) -> list[str]:
    return [field.name for field in fields(cls)]


def example(cls: type[Any]) -> dict[str, Any]:
    """Return arguments with a value of each kind."""
    more: dict[str, Any] = {"poll_interval": timedelta(minutes=2), "states": ("failed", "succeeded")}
    more |= {"pipeline_id": "p-1", "source_id": "s", "configuration_id": "c", "object_type": "DATA"}
    more |= {"search": {"any": [["a", "=", "é"], ["b", ">", 1.5]]}, "attrs": {"day": date(2026, 1, 1)}}
    return {name: value for name, value in more.items() if name in names(cls)}


@pytest.mark.parametrize("name", ["log", "asset_state_store", "trigger_id"])
def test_an_event_trigger_must_not_hide_an_attribute_of_airflow(name: str) -> None:
    with pytest.raises(TypeError, match=rf"Written\.{name}: BaseTrigger reserves this name"):
        define(f"{name}: int = 0", bases="EventTrigger")


def test_the_package_has_four_event_triggers() -> None:
    assert [cls.__name__ for cls in sorted(EVENT_TRIGGERS, key=lambda cls: cls.__name__)] == [
        "QuantemplateExecutionEventTrigger",
        "TailerRunEventTrigger",
        "TamrJobEventTrigger",
        "TracObjectEventTrigger",
    ]
