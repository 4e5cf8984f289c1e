"""Many tasks that defer: those of this package, and the smallest ones that Airflow can defer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk import DAG, BaseOperator

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

INTERVAL = float(os.environ["LOAD_INTERVAL"])
FILES = [f"{os.environ['LOAD_FOLDER']}/{number}" for number in range(int(os.environ["LOAD_SMALLEST"]))]
SOURCES = [f"source_{number}" for number in range(int(os.environ["LOAD_TASKS"]))]


class SmallestOperator(BaseOperator):
    """Waits in the triggerer until a file exists."""

    template_fields = ("file",)

    def __init__(self, *, file: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file = file

    def execute(self, context: Context) -> None:
        """Defer the task."""
        self.defer(trigger=FileTrigger(self.file, poke_interval=INTERVAL), method_name="resume")

    def resume(self, context: Context, event: Any = None) -> str:
        """Return a result, as most operators do."""
        return self.file


with DAG("smallest", schedule=None, max_active_tasks=1000):
    SmallestOperator.partial(task_id="wait", retries=0).expand(file=FILES)

with DAG("tamr", schedule=None, max_active_tasks=1000):
    TamrLoadSourceOperator.partial(task_id="wait", deferrable=True, poll_interval=INTERVAL, retries=0).expand(
        source_id=SOURCES
    )
