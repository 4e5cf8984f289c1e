"""The arguments with which the tests call the platforms' methods and make watches and launches, by name."""

from __future__ import annotations

from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.files.destinations import Download
from airflow_provider_dataops.platforms import trac
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionWatch
from airflow_provider_dataops.platforms.tailer.model import Configuration
from airflow_provider_dataops.platforms.tailer.runs import TailerRunWatch
from airflow_provider_dataops.platforms.tamr.runs import TamrJobWatch
from airflow_provider_dataops.platforms.toucan import work
from airflow_provider_dataops.platforms.trac.model.definitions import RunRequest
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.runs import TracJobWatch
from tests.unit.platforms.apis import MemorySource

if TYPE_CHECKING:
    from airflow_provider_dataops.core.watch import RunWatch

UUID = "019b76da-a800-70f8-832d-cfda3e721aea"
MODEL, FLOW = f"MODEL-{UUID}-v1", f"FLOW-{UUID}-v1"
CUSTOM = {"objectType": "CUSTOM", "custom": {"customSchemaType": "x", "customSchemaVersion": 1}}
SCHEMA = {"schemaType": "TABLE_SCHEMA", "table": {"fields": []}}
CONFIGURATION = Configuration(
    account="000099", environment="DEV", configuration_type="table-to-table", configuration_id="a_DEV"
)
#: The header of a job that a search found.
JOB_HEADER = {
    "objectType": "JOB",
    "objectId": UUID,
    "objectVersion": 1,
    "objectTimestamp": {"isoDatetime": "2026-11-20T10:00:00Z"},
    "tagVersion": 1,
    "tagTimestamp": {"isoDatetime": "2026-11-20T10:00:00Z"},
}
#: The runs in a list for several tasks.
RUN_IDS = ("r-1", "r-2", "r-3")


def by_key(*watches: RunWatch) -> dict[str, RunWatch]:
    return {watch.key: watch for watch in watches}


def run_watch(run_id: str) -> TailerRunWatch:
    return TailerRunWatch(
        run_id=run_id, **asdict(CONFIGURATION), success_statuses=["SUCCESS"], failure_statuses=[]
    )


def ended_job() -> trac.Tag:
    """Return a job as a search finds it after its end."""
    status = {"trac_job_status": {"stringValue": "SUCCEEDED"}}
    return trac.Tag.from_json({"header": JOB_HEADER, "attrs": status, "definition": {"objectType": "JOB"}})


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
        "watches": by_key(
            *(
                QuantemplateExecutionWatch(run_id=run_id, organisation_id="c-sandbox", pipeline_id="a")
                for run_id in RUN_IDS
            )
        ),
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
        "watches": by_key(*(TamrJobWatch(run_id=run_id) for run_id in RUN_IDS)),
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
        "watches": by_key(*map(run_watch, RUN_IDS)),
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
        "tokens": ["t0ken"],
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
        "watches": by_key(TracJobWatch(run_id=UUID, tenant="ACME_CORP", submission_id="t0ken")),
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
    "TracApi.job_snapshot": {"job": ended_job()},
    "TracApi.found_snapshot": {"job": ended_job(), "result": Selector.of(f"RESULT-{UUID}-v1")},
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
