"""Every call that reads an answer of a platform, found by walking its classes: what is added is found, too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from importlib import import_module
from io import BytesIO
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops import platforms
from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.http import Exchange
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.watch import ConditionWatch, RunWatch
from airflow_provider_dataops.files.destinations import Download
from airflow_provider_dataops.platforms import trac
from airflow_provider_dataops.platforms.tailer.model import Configuration
from airflow_provider_dataops.platforms.toucan import work
from airflow_provider_dataops.platforms.trac.model.definitions import RunRequest
from airflow_provider_dataops.registry import hook_class
from tests.unit.platforms.apis import MemorySource

if TYPE_CHECKING:
    from collections.abc import Iterator

for _module in walk_packages(platforms.__path__, f"{platforms.__name__}."):
    import_module(_module.name)

#: Makes an exchange with a platform.
Call = Callable[[Any], Exchange[Any]]
UUID = "019b76da-a800-70f8-832d-cfda3e721aea"
MODEL, FLOW = f"MODEL-{UUID}-v1", f"FLOW-{UUID}-v1"
CUSTOM = {"objectType": "CUSTOM", "custom": {"customSchemaType": "x", "customSchemaVersion": 1}}
CONFIGURATION = Configuration(
    account="000099", environment="DEV", configuration_type="table-to-table", configuration_id="a_DEV"
)
#: What arguments and fields of these names are given; a platform's own values go before.
VALUES: dict[str, Any] = {
    "trace_id": "dag/run",
    "source": MemorySource(b"a,b\n1,2\n"),
    "version": None,
    "run_id": "r-1",
    "job_id": "r-1",
    "execution_id": "r-1",
    "operation_id": "r-1",
    "status": "SUCCESS",
    "keys": frozenset({"r-1", "r-2"}),
    "wanted": frozenset({"r-1"}),
    "baseline": {},
    "token": "t0ken",
    "content": b"a,b\n1,2\n",
    "name": "claims.csv",
    "filename": "claims.csv",
}
PLATFORM_VALUES: dict[str, dict[str, Any]] = {
    "quantemplate": {
        "organisation_id": "c-sandbox",
        "pipeline_id": "a",
        "dataset_id": "d-claims",
        "output_id": "o-1",
        "after_run_number": 0,
        "baseline": {"pipeline": ["c-sandbox", "a"], "highest": 0, "unreadable": []},
    },
    "tamr": {
        "configuration": {"load": {"sourceId": "a"}},
        "parameters": {},
        "max_pages": 3,
        "resource": {},
        "since": 0.0,
        "source_id": "a",
        "data_product_id": "dp",
        "workflow_id": "w",
        "destination_id": "d",
        "baseline": {"resource": {}, "configuration": {"load": {"sourceId": "a"}}, "known": [], "listed_at": 0.0},
    },
    "tailer": {
        "account": "000099",
        "environment": "DEV",
        "configuration_type": "table-to-table",
        "configuration_id": "a_DEV",
        "configuration": CONFIGURATION,
        "success_statuses": ["SUCCESS"],
        "failure_statuses": [],
        "baseline": {"configuration": {}, "job_id": None, "known": [], "listed_at": 0.0},
    },
    "toucan": {
        "small_app": "product-corporation",
        "work": work.run_operations(),
        "source": MemorySource(b"a,b\n1,2\n"),
    },
    "trac": {
        "tenant": "ACME_CORP",
        "selector": {"objectType": "JOB", "objectId": UUID},
        "selectors": [{"objectType": "JOB", "objectId": UUID}],
        "prior_version": None,
        "object_type": "JOB",
        "object_id": UUID,
        "job_id": UUID,
        "run_id": UUID,
        "resource_type": "MODEL_REPOSITORY",
        "resource_key": "acme_models",
        "definition": CUSTOM,
        "operator": "EQ",
        "search": None,
        "min_results": 1,
        "job_attrs": None,
        "model": MODEL,
        "flow": FLOW,
        "models": {"model": MODEL},
        "schema": {"fields": []},
        "job": trac.import_model(
            repository="acme_models", path="src", entry_point="risk.var.VarModel", version="v1"
        ),
        "keys": frozenset({f"{UUID} t0ken"}),
    },
}
#: What single calls and classes are given instead.
CALL_VALUES: dict[str, dict[str, Any]] = {
    "TracApi.download_data": {"selector": f"DATA-{UUID}-v1"},
    "TracApi.download_file": {"selector": f"FILE-{UUID}-v1"},
    "TracApi.read_small_dataset": {"selector": f"DATA-{UUID}-v1"},
    "TracApi.read_small_file": {"selector": f"FILE-{UUID}-v1"},
    "TracApi.create_object": {"object_type": "CUSTOM"},
    "TracApi.update_object": {"object_type": "CUSTOM", "prior_version": f"CUSTOM-{UUID}-v1"},
    "TracApi.update_tag": {"attrs": {"region": "north"}},
    "TracApi.write_batch": {"create_objects": [{"objectType": "CUSTOM", "definition": CUSTOM}]},
    "TracApi.write_small_dataset": {"schema": {"schemaType": "TABLE_SCHEMA", "table": {"fields": []}}},
    "TracApi.start_job": {"job": RunRequest.of("MODEL", MODEL)},
    "TracApi.plan": {"job": RunRequest.of("FLOW", FLOW, models={"model": MODEL})},
    "TracJobLaunch": {"job": RunRequest.of("MODEL", MODEL)},
    "TailerApi.reset_workflow": {"configuration": replace(CONFIGURATION, configuration_type="workflow")},
    "TailerApi.set_configuration_status": {"status": "disabled"},
    "TamrApi.succeeded_since": {"source_id": "a"},
    "TamrJobSucceededWatch": {"source_id": "a"},
    "TamrResourceIdleWatch": {"source_id": "a"},
}

def calls(conn_type: str) -> dict[str, Call]:
    """Return every call of a platform that reads an answer, by name."""
    return {
        f"{cls.__name__}.{name}": _method(conn_type, cls, name)
        for cls in _classes(conn_type)
        for name in _own_exchanges(cls)
    }


def declared(conn_type: str, name: str) -> str:
    """Return what a call declares to return."""
    owner, _, method = name.partition(".")
    [cls] = [cls for cls in _classes(conn_type) if cls.__name__ == owner]
    return str(inspect.signature(getattr(cls, method)).return_annotation)


def _classes(conn_type: str) -> list[type[Any]]:
    """Return the platform's class, and those of its watches and launches."""
    package = f"{platforms.__name__}.{conn_type}."
    found = [cls for base in (RunWatch, ConditionWatch, Launch) for cls in _with_subclasses(base)]
    return [hook_class(conn_type).api_class, *(cls for cls in found if cls.__module__.startswith(package))]


def _own_exchanges(cls: type[Any]) -> list[str]:
    """Return the public exchanges of a class, without those that its base leaves to a platform."""
    return [
        name
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
        and str(inspect.signature(method).return_annotation).startswith("Exchange")
        and not method.__module__.startswith("airflow_provider_dataops.core")
    ]


def _method(conn_type: str, cls: type[Any], name: str) -> Call:
    """Return a call of a method of a platform, or of a watch or launch that is made for it."""

    def call(api: Any) -> Exchange[Any]:
        owner = api
        if not issubclass(cls, Api):
            needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
            owner = cls(**_given(conn_type, cls.__name__, needed, api))
        parameters = inspect.signature(getattr(owner, name)).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        exchange: Exchange[Any] = getattr(owner, name)(**_given(conn_type, f"{cls.__name__}.{name}", needed, api))
        return exchange

    return call


def _given(conn_type: str, what: str, names: list[str], api: Any) -> dict[str, Any]:
    """Return what a call or a class is given, in the order of preference."""
    own = {"api": api, "sink": Download("memory", BytesIO()), **CALL_VALUES.get(what, {})}
    values = {**VALUES, **PLATFORM_VALUES[conn_type], **own}
    for name in names:
        if name not in values:
            raise LookupError(f"{what} takes {name!r}, which has no value in {__name__} yet")
    return {name: values[name] for name in [*names, *CALL_VALUES.get(what, {})]}


def _with_subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _with_subclasses(child)
