"""The arguments with which the tests call the platforms' methods and make watches and launches, by name."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow_provider_dataops.files.destinations import Download
from airflow_provider_dataops.platforms import trac
from airflow_provider_dataops.platforms.tailer.model import Configuration
from airflow_provider_dataops.platforms.toucan import work
from airflow_provider_dataops.platforms.trac.model.definitions import RunRequest
from tests.unit.platforms.apis import MemorySource

UUID = "019b76da-a800-70f8-832d-cfda3e721aea"
MODEL, FLOW = f"MODEL-{UUID}-v1", f"FLOW-{UUID}-v1"
CUSTOM = {"objectType": "CUSTOM", "custom": {"customSchemaType": "x", "customSchemaVersion": 1}}
SCHEMA = {"schemaType": "TABLE_SCHEMA", "table": {"fields": []}}
CONFIGURATION = Configuration(
    account="000099", environment="DEV", configuration_type="table-to-table", configuration_id="a_DEV"
)
#: The values of arguments and fields, by name. A platform's own values take precedence.
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
        "baseline": {
            "resource": {},
            "configuration": {"load": {"sourceId": "a"}},
            "known": [],
            "listed_at": 0.0,
        },
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
        "object_version": 1,
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
#: The values for single methods and classes. They take precedence over all others.
CALL_VALUES: dict[str, dict[str, Any]] = {
    "TracApi.download_data": {"selector": f"DATA-{UUID}-v1"},
    "TracApi.download_file": {"selector": f"FILE-{UUID}-v1"},
    "TracApi.read_small_dataset": {"selector": f"DATA-{UUID}-v1"},
    "TracApi.read_small_file": {"selector": f"FILE-{UUID}-v1"},
    "TracApi.create_object": {"object_type": "CUSTOM"},
    "TracApi.update_object": {"object_type": "CUSTOM", "prior_version": f"CUSTOM-{UUID}-v1"},
    "TracApi.update_tag": {"attrs": {"region": "north"}},
    "TracApi.write_batch": {"create_objects": [{"objectType": "CUSTOM", "definition": CUSTOM}]},
    "TracApi.write_small_dataset": {"schema": SCHEMA},
    "TracApi.start_job": {"job": RunRequest.of("MODEL", MODEL)},
    "TracApi.plan": {"job": RunRequest.of("FLOW", FLOW, models={"model": MODEL})},
    "TracJobLaunch": {"job": RunRequest.of("MODEL", MODEL)},
    "TailerApi.reset_workflow": {"configuration": replace(CONFIGURATION, configuration_type="workflow")},
    "TailerApi.set_configuration_status": {"status": "disabled"},
    "TailerHook.set_configuration_status": {"status": "disabled"},
    "TailerHook.reset_workflow": {"configuration_id": "w"},
    "TracHook.download_data": {"selector": f"DATA-{UUID}-v1"},
    "TracHook.download_file": {"selector": f"FILE-{UUID}-v1"},
    "TracHook.read_small_dataset": {"selector": f"DATA-{UUID}-v1"},
    "TracHook.read_small_file": {"selector": f"FILE-{UUID}-v1"},
    "TracHook.create_object": {"object_type": "CUSTOM"},
    "TracHook.update_object": {"object_type": "CUSTOM", "prior_version": f"CUSTOM-{UUID}-v1"},
    "TracHook.update_tag": {"attrs": {"region": "north"}},
    "TracHook.write_batch": {"create_objects": [{"objectType": "CUSTOM", "definition": CUSTOM}]},
    "TracHook.create_small_dataset": {"content": b"", "schema": SCHEMA},
    "TracHook.create_small_file": {"content": b"x", "name": "x.txt"},
    "TamrApi.succeeded_since": {"source_id": "a"},
    "TamrJobSucceededWatch": {"source_id": "a"},
    "TamrResourceIdleWatch": {"source_id": "a"},
}

_DIRECTORY = TemporaryDirectory(prefix="answers-")
_FILE = Path(_DIRECTORY.name) / "claims.csv"
_FILE.write_bytes(b"a,b\n1,2\n")
#: Hooks read and write files, and take their names.
HOOK_VALUES: dict[str, Any] = {"source": str(_FILE), "destination": f"{_DIRECTORY.name}/received.csv"}


def value_of(conn_type: str, call: str, name: str) -> Any:
    """Return the value of an argument.

    :param call: the class and method, or the class alone if an object of it is made.
    :raises LookupError: if this module has no value for the argument.
    """
    owner = call.partition(".")[0]
    own = HOOK_VALUES if owner.endswith("Hook") else {"sink": Download("memory", BytesIO)}
    for values in (CALL_VALUES.get(call, {}), own, PLATFORM_VALUES[conn_type], VALUES):
        if name in values:
            return values[name]
    raise LookupError(f"{call} takes {name!r}, which has no value in {__name__} yet")
