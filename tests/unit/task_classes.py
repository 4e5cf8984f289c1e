"""All operators and sensors, for tests of what they have in common."""

from __future__ import annotations

import inspect
from importlib import import_module

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
