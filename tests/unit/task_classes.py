"""All operators and sensors, for tests of what they have in common."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from airflow_provider_dataops.registry import PLATFORMS
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.base import DataOpsTask


def task_classes() -> list[type[DataOpsTask]]:
    """Return the classes in the modules of all platforms."""
    modules = [
        import_module(f"airflow_provider_dataops.{kind}.{platform}")
        for platform in PLATFORMS
        for kind in ("operators", "sensors")
    ]
    found = [value for module in modules for value in vars(module).values() if inspect.isclass(value)]
    return [cls for cls in found if issubclass(cls, DataOpsTask) and cls is not DataOpsSensor]


def public_task_classes() -> dict[str, type[DataOpsTask]]:
    """Return the classes that users import, by name."""
    own = [cls for cls in task_classes() if set(cls.__module__.split(".")) & set(PLATFORMS)]
    public = [cls for cls in own if not cls.__name__.startswith("_") and ".tasks." not in cls.__module__]
    return {cls.__name__: cls for cls in public}


def class_of(task: Any) -> type[Any]:
    """Return the class of a task of a DAG, also of a mapped task."""
    return task.operator_class if task.is_mapped else type(task)
