"""Every trigger class of the package, with valid arguments."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import MISSING, fields
from typing import Any

from airflow_provider_dataops import triggers
from airflow_provider_dataops.triggers import base
from airflow_provider_dataops.triggers.base import TaskTrigger
from airflow_provider_dataops.triggers.events import EventTrigger

for _module in pkgutil.walk_packages(triggers.__path__, f"{triggers.__name__}."):
    # This module has no trigger class, and needs Airflow 3.3.
    if _module.name != f"{triggers.__name__}.streams":
        importlib.import_module(_module.name)


def _with_subclasses(cls: type[Any]) -> list[type[Any]]:
    return [cls, *(sub for child in cls.__subclasses__() for sub in _with_subclasses(child))]


#: The classes of triggers for tasks. Tests define other subclasses.
TRIGGERS = [
    cls
    for cls in _with_subclasses(TaskTrigger)
    if cls.__module__.startswith("airflow_provider_dataops.")
    # The other classes in triggers.base are base classes.
    and (cls.__module__ != base.__name__ or cls is base.PauseTrigger)
]
#: The classes of event triggers, for an ``AssetWatcher``.
EVENT_TRIGGERS = [
    cls
    for cls in _with_subclasses(EventTrigger)
    if cls.__module__.startswith("airflow_provider_dataops.") and cls is not EventTrigger
]

_VALUES: dict[str, Any] = {
    "str": "id-1",
    "str | None": None,
    "int": 1,
    "float": 1.9e9,
    "bool": False,
    "dict[str, Any]": {},
    "dict[str, Any] | None": None,
    "list[str]": ["SUCCESS"],
}


def arguments(cls: type[Any]) -> dict[str, Any]:
    """Return valid arguments of a trigger. If ids exclude each other, only the first is set."""
    values = {field.name: _VALUES[str(field.type)] for field in fields(cls)}
    optional = [field.name for field in fields(cls) if str(field.type) == "str | None"]
    return values | ({optional[0]: "id-2"} if optional else {})


def required(cls: type[Any]) -> list[str]:
    """Return the names of the required arguments of a trigger."""
    return [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
