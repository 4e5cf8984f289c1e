"""Every method that reads a platform's response.

They are found in the platform's classes, so the tests cover a new method without any change here.
"""

from __future__ import annotations

import inspect
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops import platforms
from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.watch import ConditionWatch, RunWatch
from airflow_provider_dataops.hooks.base import DataOpsHook
from airflow_provider_dataops.registry import hook_class
from tests.unit.answers.values import CALL_VALUES, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.transport.sync import SyncDriver

for _module in walk_packages(platforms.__path__, f"{platforms.__name__}."):
    import_module(_module.name)


@dataclass(frozen=True)
class Call:
    """A method of a platform's API, of one of its watches or launches, or of its hook."""

    conn_type: str
    cls: type[Any]
    method: str

    @property
    def name(self) -> str:
        return f"{self.cls.__name__}.{self.method}"

    @property
    def declared(self) -> str:
        """The return annotation of the method."""
        return str(inspect.signature(getattr(self.cls, self.method)).return_annotation)

    def run(self, driver: SyncDriver) -> Any:
        """Call the method with the values of :mod:`.values` and return its result."""
        owner: Any
        if issubclass(self.cls, DataOpsHook):
            hook: type[Any] = self.cls
            owner = hook(sleep=driver._sleep)
            vars(owner).update(api=driver.api, driver=driver)
        elif issubclass(self.cls, Api):
            owner = driver.api
        else:
            owner = self.cls(**self._arguments(self.cls.__name__, _required_fields(self.cls), driver.api))
        method = getattr(owner, self.method)
        result = method(**self._arguments(self.name, _required_arguments(method), driver.api))
        is_exchange = inspect.isgenerator(result)
        return driver.run(result) if is_exchange else result

    def _arguments(self, what: str, names: list[str], api: Any) -> dict[str, Any]:
        names = [*names, *CALL_VALUES.get(what, {})]
        return {name: api if name == "api" else value_of(self.conn_type, what, name) for name in names}


def calls(conn_type: str) -> dict[str, Call]:
    """Return every method of a platform that reads a response, by its name."""
    found = [Call(conn_type, cls, name) for cls in _classes(conn_type) for name in _exchanges(cls)]
    hook = hook_class(conn_type)
    found += [Call(conn_type, hook, name) for name in _public(hook) if not hasattr(DataOpsHook, name)]
    return {call.name: call for call in found}


def _classes(conn_type: str) -> list[type[Any]]:
    """Return the platform's API class, its watches and its launches."""
    package = f"{platforms.__name__}.{conn_type}."
    found = [cls for base in (RunWatch, ConditionWatch, Launch) for cls in _with_subclasses(base)]
    return [hook_class(conn_type).api_class, *(cls for cls in found if cls.__module__.startswith(package))]


def _exchanges(cls: type[Any]) -> list[str]:
    """Return the names of the public methods that are exchanges and that the platform implements itself."""
    methods = {name: getattr(cls, name) for name in _public(cls)}
    return [
        name
        for name, method in methods.items()
        if str(inspect.signature(method).return_annotation).startswith("Exchange")
        and not method.__module__.startswith("airflow_provider_dataops.core")
    ]


def _public(cls: type[Any]) -> list[str]:
    return [name for name, _ in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")]


def _required_arguments(method: Any) -> list[str]:
    """Return the names of the arguments that have no default."""
    parameters = inspect.signature(method).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def _required_fields(cls: type[Any]) -> list[str]:
    return [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]


def _with_subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _with_subclasses(child)
