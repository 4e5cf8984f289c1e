"""Sensors whose platforms send values that Airflow's database, its sockets or Python cannot represent."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.sensors.quantemplate import QuantemplateExecutionSensor
from airflow_provider_dataops.sensors.tailer import TailerRunSensor
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from airflow_provider_dataops.sensors.toucan import ToucanOperationSensor
from airflow_provider_dataops.sensors.trac import TracSearchSensor

#: Nasty JSON literals, by name.
VALUES = {
    "nul": json.dumps("a\x00b"),
    "surrogate": r'"\ud83d"',
    "beyond_64_bits": str(2**70),
    "below_64_bits": str(-(2**70)),
    "not_a_number": "NaN",
    "infinity": "-Infinity",
    "long_text": json.dumps("x" * 2**20),
    "deep": "[" * 400 + "]" * 400,
    "escapes": json.dumps("\x1b[31mred\r\nINFO fake"),
}
ENDS: dict[str, Any] = {"deferrable": True, "poke_interval": 1, "timeout": 20, "retries": 0}

with DAG("nasty", schedule=None):
    for name in VALUES:
        ID = f"{{{{ dag_run.conf['tamr_{name}'] }}}}"
        TamrJobSensor(task_id=f"tamr_{name}", job_id=ID, **ENDS)
        QuantemplateExecutionSensor(
            task_id=f"quantemplate_{name}",
            pipeline_id=f"p-{name}",
            execution_id=f"{{{{ dag_run.conf['quantemplate_{name}'] }}}}",
            **ENDS,
        )
        ToucanOperationSensor(
            task_id=f"toucan_{name}",
            small_app="product-corporation",
            operation_id=f"{{{{ dag_run.conf['toucan_{name}'] }}}}",
            **ENDS,
        )
    for name in ("nul", "beyond_64_bits", "not_a_number", "deep", "surrogate"):
        TracSearchSensor(task_id=f"trac_{name}", object_type="CUSTOM", tenant=f"NASTY_{name}".upper(), **ENDS)
    TailerRunSensor(
        task_id="tailer_binary",
        configuration_id="000099_iowa_liquor_prepare_pda_DEV",
        run_id="{{ dag_run.conf['tailer_binary'] }}",
        **ENDS,
    )
