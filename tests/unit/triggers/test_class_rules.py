"""An invalid trigger class raises an error when it is defined, and not later in the triggerer."""

from __future__ import annotations

import sys
from dataclasses import field
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_dataops.triggers import base
from airflow_provider_dataops.triggers.base import DataclassTrigger, RunTrigger


def define(body: str, *, bases: str = "DataclassTrigger") -> type[Any]:
    """Define a class with this body in a new module, and return it."""
    module = ModuleType("tests.unit.triggers.written")
    vars(module).update(DataclassTrigger=DataclassTrigger, RunTrigger=RunTrigger, field=field)
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
