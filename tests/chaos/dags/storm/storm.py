"""200 mapped tasks, each with a resource of its own, and 20 tasks that share one pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.trac import TracImportModelOperator

#: How many tasks each platform has, deferrable (true) and on the worker (false).
SHARES = {
    ("tamr", True): 48,
    ("tamr", False): 18,
    ("quantemplate", True): 49,
    ("quantemplate", False): 18,
    ("trac", True): 49,
    ("trac", False): 18,
}
SHARED = 20
#: The ids of resources, made from names.
NAMING = {"tamr": "source_{}", "quantemplate": "pipeline_{}", "trac": "chaos.{}.Model"}
#: Many acts may end a try of the same task.
COMMON: dict[str, Any] = {"poll_interval": 2, "retries": 50, "retry_delay": timedelta(seconds=1)}


def name(index: int) -> str:
    """Return the name of a resource, which its id contains."""
    return f"n{index:03}"


def resource_of(task_id: str, index: int) -> str:
    """Return the id of the resource of a mapped task instance."""
    platform, _, mode = task_id.partition("_")
    first = 0 if mode == "deferrable" else SHARES[platform, True]
    return NAMING[platform].format(name(first + index))


def resources(task_id: str) -> list[str]:
    """Return the ids of the resources of a mapped task, by map index."""
    platform, _, mode = task_id.partition("_")
    return [resource_of(task_id, index) for index in range(SHARES[platform, mode == "deferrable"])]


with DAG("storm", schedule=None, max_active_tasks=100):
    for deferrable in (True, False):
        mode = "deferrable" if deferrable else "on_worker"
        arguments = {**COMMON, "deferrable": deferrable}
        TamrLoadSourceOperator.partial(task_id=f"tamr_{mode}", **arguments).expand(
            source_id=resources(f"tamr_{mode}")
        )
        QuantemplateExecutePipelineOperator.partial(task_id=f"quantemplate_{mode}", **arguments).expand(
            pipeline_id=resources(f"quantemplate_{mode}")
        )
        TracImportModelOperator.partial(
            task_id=f"trac_{mode}", repository="acme_models", version="v1.0.0", **arguments
        ).expand(entry_point=resources(f"trac_{mode}"))

with DAG("shared", schedule=None, max_active_tasks=100):
    # Half of them wait on a worker: acts reach more submissions there.
    QuantemplateExecutePipelineOperator.partial(
        task_id="shared", pipeline_id="pipeline_shared", **COMMON
    ).expand(deferrable=[index % 2 == 0 for index in range(SHARED)])
