"""Find each platform's hook and triggers. They are imported when a task runs, not when a DAG is parsed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.watch import Watch
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.sensors.base import DataOpsSensor
    from airflow_provider_dataops.triggers.base import DataOpsTrigger


class Modules(NamedTuple):
    """The names of the modules with a platform's hook and its triggers."""

    hook: str
    triggers: str


#: The modules of each platform, by connection type.
PLATFORMS = {
    name: Modules(f"airflow_provider_dataops.hooks.{name}", f"airflow_provider_dataops.triggers.{name}")
    for name in ("quantemplate", "tailer", "tamr", "toucan", "trac")
}

#: The package with the sensors of all platforms.
SENSORS = "airflow_provider_dataops.sensors."


def hook_class(conn_type: str) -> type[DataOpsHook[Any]]:
    """Import and return the hook class of a connection type."""
    module = vars(import_module(PLATFORMS[conn_type].hook))
    hook: type[DataOpsHook[Any]] = next(
        cls for cls in module.values() if getattr(cls, "conn_type", "") == conn_type
    )
    return hook


def trigger_class(conn_type: str, watch: Watch) -> Callable[..., DataOpsTrigger]:
    """Import and return the trigger class for a watch, which describes what to wait for.

    Each trigger class is a subclass of exactly one watch class.
    """
    module, kind = vars(import_module(PLATFORMS[conn_type].triggers)), type(watch)
    classes = [cls for cls in module.values() if isinstance(cls, type) and issubclass(cls, kind)]
    return cast("Callable[..., DataOpsTrigger]", next(cls for cls in classes if cls is not kind))


def sensor_class(path: str) -> type[DataOpsSensor]:
    """Import and return a sensor class of this package, and import the triggers of its platform.

    :param path: the path of the class, which a trigger has stored.
    :raises InvalidArgumentError: if the package has no such class.
    """
    module, _, name = path.rpartition(".")
    if not module.startswith(SENSORS) or module.removeprefix(SENSORS) not in PLATFORMS:
        raise InvalidArgumentError(f"sensor must be a class in {SENSORS}*; given: {path!r}")
    sensor: type[DataOpsSensor] = getattr(import_module(module), name)
    import_module(PLATFORMS[sensor.conn_type].triggers)
    return sensor
