"""A task without this provider that works, is deferred, and works again. It tests the tools of the tests."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class WorkWaitWork(BaseOperator):
    """Use a worker for two seconds, then none for ten seconds, then a worker again."""

    def execute(self, context: Context) -> None:
        time.sleep(2)
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=10)), method_name="resume")

    def resume(self, context: Context, event: Any = None) -> str:
        return "resumed"


with DAG("plain_deferral", schedule=None):
    WorkWaitWork(task_id="wait")

# Its runs stay queued. They cost a request to the api-server, and no worker.
with DAG("always_paused", schedule=None):
    WorkWaitWork(task_id="wait")
