"""The record of a run for each platform, and the fingerprint of each operator's arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.lifecycle.record import Adopted, Generation, Phase, Record, fingerprint
from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import (
    TamrCreateJobOperator,
    TamrLoadSourceOperator,
    TamrPublishOperator,
    TamrRunWorkflowOperator,
    TamrUpdateDataProductOperator,
)
from airflow_provider_dataops.operators.toucan import (
    ToucanPopulateOperator,
    ToucanPreprocessOperator,
    ToucanRunOperationsOperator,
)
from airflow_provider_dataops.operators.trac import (
    TracImportModelOperator,
    TracRunFlowOperator,
    TracRunModelOperator,
    TracSubmitJobOperator,
)
from tests.unit.fakes import play, reply
from tests.unit.operators.stage import Attempt
from tests.unit.platforms import apis
from tests.unit.platforms.quantemplate.executions import execution
from tests.unit.platforms.tailer.runs import IOWA, item, results
from tests.unit.platforms.tamr.jobs import job
from tests.unit.platforms.trac.payloads import FLOW_ID, MODEL_ID

#: When the platform responded with its list of runs.
DATE = {"Date": "Fri, 20 Nov 2026 10:00:30 GMT"}
TOKEN = "0123456789abcdef0123456789abcdef"
GENERATION = Generation(max_tries=3, clear_number=1, retries=2)
#: How each platform responds when a task lists the runs before its submission. Toucan and TRAC list nothing.
BEFORE: dict[str, list[Any]] = {
    "quantemplate": [reply(body=[execution(id="e-9", runNumber=9)], headers=DATE)],
    "tailer": [results(item("old"), headers=DATE)],
    "tamr": [reply(body={"jobs": [job("old")]}, headers=DATE)],
    "toucan": [],
    "trac": [],
}

PARAMETERS = {"rate": 0.5, "as_of": "2026-11-20"}
DATASETS = {"sales": "DATA-9a1e37c4-88a5-4f2f-8f0f-3a2c1b0d9e8f-v3"}
#: Arguments of each operator that starts a run.
ARGUMENTS: dict[type[Any], dict[str, Any]] = {
    QuantemplateExecutePipelineOperator: {"pipeline_id": "p-1"},
    TailerLaunchJobOperator: {
        "configuration_id": IOWA,
        "logical_date": "2026-11-20",
        "job_id": "nightly",
    },
    TamrLoadSourceOperator: {"source_id": "s"},
    TamrUpdateDataProductOperator: {"data_product_id": "dp-1"},
    TamrRunWorkflowOperator: {"workflow_id": "w-1"},
    TamrPublishOperator: {"destination_id": "d-1", "data_product_id": "dp-1"},
    TamrCreateJobOperator: {"configuration": {"load": {"sourceId": "s-2"}}},
    ToucanRunOperationsOperator: {"operations": ["preprocess_data_sources", "populate_basemaps"]},
    ToucanPreprocessOperator: {"input_domains": ["sales"], "output_domains": ["sales_by_day"]},
    ToucanPopulateOperator: {"input_domains": ["sales"], "functions": ["clean"], "release": True},
    TracImportModelOperator: {"repository": "models", "entry_point": "acme.Reserve", "version": "v1"},
    TracRunModelOperator: {
        "model": f"MODEL-{MODEL_ID}-v2",
        "parameters": PARAMETERS,
        "inputs": DATASETS,
    },
    TracRunFlowOperator: {
        "flow": f"FLOW-{FLOW_ID}-v1",
        "models": {"reserve": f"MODEL-{MODEL_ID}-v2"},
        "parameters": PARAMETERS,
        "inputs": DATASETS,
    },
    TracSubmitJobOperator: {
        "job": {"jobType": "RUN_MODEL", "runModel": {"model": f"MODEL-{MODEL_ID}-v2"}},
    },
}
#: The operator of each platform whose record is stored.
OPERATORS: dict[str, type[Any]] = {
    "quantemplate": QuantemplateExecutePipelineOperator,
    "tailer": TailerLaunchJobOperator,
    "tamr": TamrLoadSourceOperator,
    "toucan": ToucanRunOperationsOperator,
    "trac": TracImportModelOperator,
}


def launch(operator: type[Any]) -> Launch:
    """Return what an operator with the arguments of this module is about to start."""
    task = operator(task_id="t", **ARGUMENTS[operator])
    started = task.launch(getattr(apis, task.conn_type)(), Attempt().context())
    assert isinstance(started, Launch)
    return started


def records() -> dict[str, Any]:
    """Return two records for each platform: before the response to the submission, and during the wait."""
    stored = {}
    for platform, operator in OPERATORS.items():
        begun = launch(operator)
        intent = Record(
            generation=GENERATION,
            phase=Phase.ON_WORKER,
            token=TOKEN,
            baseline=play(begun.record_baseline(), *BEFORE[platform]).value,
            fingerprint=fingerprint(begun.identity()),
            id_scope=begun.id_scope,
        )
        waiting = replace(
            intent,
            phase=Phase.DEFERRED,
            run_id="run-1",
            adopted=Adopted.GUESSED,
            timed_out=True,
            search_until=1_800_000_300.0,
            candidates=("run-1", "run-2"),
            lost=True,
            reattached=True,
            deadline=1_800_086_400.0,
            crash_try=2,
            crashes=1,
        )
        stored[platform] = {"submitted": intent.as_json(), "waiting": waiting.as_json()}
    return {KEY: stored}


def fingerprints() -> dict[str, Any]:
    """Return the fingerprint of each operator that starts a run, by its name."""
    return {operator.__name__: fingerprint(launch(operator).identity()) for operator in ARGUMENTS}
