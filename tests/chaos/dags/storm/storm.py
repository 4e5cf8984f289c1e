"""200 mapped tasks, each on a resource of its own, and 20 on one pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.trac import TracImportModelOperator

#: How many tasks wait in which way, by platform.
SHARES = {
    ("tamr", True): 48,
    ("tamr", False): 18,
    ("quantemplate", True): 49,
    ("quantemplate", False): 18,
    ("trac", True): 49,
    ("trac", False): 18,
}
SHARED = 20
#: More than one task can be hit.
COMMON: dict[str, Any] = {"poll_interval": 2, "retries": 50, "retry_delay": timedelta(seconds=1)}


def name(index: int) -> str:
    """Return the name of the resource of one index; the ids are made from it."""
    return f"n{index:03}"


def resources(pattern: str, platform: str, *, deferrable: bool) -> list[str]:
    """Return the ids of the resources of a mapped task, by map index."""
    first = 0 if deferrable else SHARES[platform, True]
    return [pattern.format(name(first + index)) for index in range(SHARES[platform, deferrable])]


with DAG("storm", schedule=None, max_active_tasks=100):
    for deferrable in (True, False):
        mode = "deferrable" if deferrable else "on_worker"
        arguments = {**COMMON, "deferrable": deferrable}
        TamrLoadSourceOperator.partial(task_id=f"tamr_{mode}", **arguments).expand(
            source_id=resources("source_{}", "tamr", deferrable=deferrable)
        )
        QuantemplateExecutePipelineOperator.partial(task_id=f"quantemplate_{mode}", **arguments).expand(
            pipeline_id=resources("pipeline_{}", "quantemplate", deferrable=deferrable)
        )
        TracImportModelOperator.partial(
            task_id=f"trac_{mode}", repository="acme_models", version="v1.0.0", **arguments
        ).expand(entry_point=resources("chaos.{}.Model", "trac", deferrable=deferrable))

with DAG("shared", schedule=None, max_active_tasks=100):
    # Every second one on a worker: a submission is lost more easily there.
    QuantemplateExecutePipelineOperator.partial(
        task_id="shared", pipeline_id="pipeline_shared", **COMMON
    ).expand(deferrable=[index % 2 == 0 for index in range(SHARED)])
