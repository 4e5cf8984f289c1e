"""Import a model in the background, store a flow that uses it, run the flow, and download the job's log.

``submit_import`` submits the job and does not wait for it. ``wait_for_import`` waits, and returns the model.
The flow runs on the newest positions of the day. Another DAG stores them, for example ``trac_model_run``.

The connection ``trac_default`` contains the gateway's URL and the tenant.
"""

from __future__ import annotations

import os
from tempfile import gettempdir
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_dataops.operators.trac import (
    TracCreateObjectOperator,
    TracDownloadFileOperator,
    TracReadObjectOperator,
    TracRunFlowOperator,
    TracSubmitJobOperator,
)
from airflow_provider_dataops.sensors.trac import TracJobSensor, TracSearchSensor

DOWNLOADS = os.environ.get("DATAOPS_DOWNLOADS", gettempdir())

#: The start of the day of the DAG run, in UTC. Use ``run_after``, because a DAG run that a user triggers may
#: have no logical date.
TODAY = "{{ dag_run.run_after | ds }}T00:00:00Z"


def _var(socket: str) -> dict[str, str]:
    return {"node": "var", "socket": socket}


with DAG(
    dag_id="trac_flow_run",
    schedule=None,
    catchup=False,
    default_args={"deferrable": True},
    tags=["trac", "example"],
    doc_md=__doc__,
) as dag:
    # [START howto_trac_search_sensor]
    positions = TracSearchSensor(
        task_id="wait_for_positions",
        object_type="DATA",
        search={
            "all": [
                ["dataset_class", "=", "positions"],
                ["trac_create_time", ">=", TODAY, "DATETIME"],
            ]
        },
        poke_interval=15,
        timeout=6 * 3600,
    )
    # [END howto_trac_search_sensor]
    # [START howto_trac_submit_job]
    submit = TracSubmitJobOperator(
        task_id="submit_import",
        job={
            "jobType": "IMPORT_MODEL",
            "importModel": {
                "language": "python",
                "repository": "acme_models",
                "path": "src",
                "entryPoint": "risk.var.VarModel",
                "version": "v1.4.0",
            },
        },
        wait_for_completion=False,
    )
    # [END howto_trac_submit_job]
    # [START howto_trac_job_sensor]
    imported = TracJobSensor(task_id="wait_for_import", job_id=submit.output["job_id"], timeout=3600)
    # [END howto_trac_job_sensor]
    # [START howto_trac_read_object]
    model = TracReadObjectOperator(
        task_id="read_model", selector="{{ ti.xcom_pull(task_ids='wait_for_import')['model'] }}"
    )
    # [END howto_trac_read_object]

    @task
    def flow_of(model: Any) -> dict[str, Any]:
        """Return a flow with the model as node ``var``, and a node for each parameter, input and output."""
        declared = model["definition"]["model"]
        parameters, inputs, outputs = (list(declared[part]) for part in ("parameters", "inputs", "outputs"))
        var = {"nodeType": "MODEL_NODE", "parameters": parameters, "inputs": inputs, "outputs": outputs}
        ends = [(parameters, "PARAMETER_NODE"), (inputs, "INPUT_NODE"), (outputs, "OUTPUT_NODE")]
        nodes = {name: {"nodeType": kind} for names, kind in ends for name in names}
        into = [{"source": {"node": name}, "target": _var(name)} for name in (*parameters, *inputs)]
        out = [{"source": _var(name), "target": {"node": name}} for name in outputs]
        # TRAC's runtime also needs the declarations of the parameters, inputs and outputs.
        parts = {part: declared[part] for part in ("parameters", "inputs", "outputs")}
        return {"flow": {"nodes": {**nodes, "var": var}, "edges": into + out, **parts}}

    # [START howto_trac_create_object]
    flow = TracCreateObjectOperator(
        task_id="create_flow",
        object_type="FLOW",
        definition=flow_of(model.output),
        attrs={"flow_family": "risk", "airflow_run": "{{ run_id }}"},
    )
    # [END howto_trac_create_object]
    # [START howto_trac_run_flow]
    run = TracRunFlowOperator(
        task_id="run_flow",
        flow=flow.output["key"],
        models={"var": model.output["key"]},
        inputs={"positions": "{{ ti.xcom_pull(task_ids='wait_for_positions')[0]['key'] }}"},
        parameters={"confidence": 0.99, "as_of": "2026-02-27"},
        output_attrs={"airflow_run": "{{ run_id }}"},
    )
    # [END howto_trac_run_flow]
    # [START howto_trac_download_file]
    log = TracDownloadFileOperator(
        task_id="download_log",
        selector="{{ ti.xcom_pull(task_ids='run_flow')['log_file'] }}",
        destination=DOWNLOADS + "/{{ dag.dag_id }}/{{ run_id }}/run_flow.log",
    )
    # [END howto_trac_download_file]

    # A task that uses the ``.output`` of another task runs after that task. A template does not set such an
    # order, so set it here.
    imported >> model
    positions >> run >> log
