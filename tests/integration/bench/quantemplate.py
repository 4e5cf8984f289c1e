"""Quantemplate for the conformance bench."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionLaunch
from airflow_provider_dataops.triggers.quantemplate import (
    QuantemplateExecutionEventTrigger,
    QuantemplateExecutionTrigger,
)
from tests.integration.bench.base import Bench, Connections

if TYPE_CHECKING:
    from airflow_provider_dataops.triggers.base import RunTrigger
    from airflow_provider_dataops.triggers.events import EventTrigger
    from dataops_sandbox import Sandbox


ORGANISATION = "c-sandbox"


class QuantemplateBench(Bench):
    name = "quantemplate"
    platform = "Quantemplate"
    poll_operation = "list_executions"
    status_operation = "list_executions"
    submit_operation = "execute_pipeline"
    trigger_operations = ("list_executions",)
    poll_pattern = "list executions of p-1"
    failed_end: ClassVar[dict[str, Any]] = {"status": "Failed"}

    def __init__(self, sandbox: Sandbox, connections: Connections, conn_id: str = "") -> None:
        super().__init__(sandbox, connections, conn_id)
        self.store.upload("d-claims", b"id,amount\n1,2\n")

    def use_secret(self, secret: str) -> None:
        self.store.configure(client_secret=secret)
        self.connect(password=secret)

    def use_wrong_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        self.store.revoke()

    def launch(self, hook: QuantemplateHook) -> QuantemplateExecutionLaunch:
        return QuantemplateExecutionLaunch(api=hook.api, organisation_id=ORGANISATION, pipeline_id="p-1")

    def _hook(self) -> QuantemplateHook:
        return QuantemplateHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        execution_id: str = self.store.start(resource or "p-1")
        return execution_id

    def look(self, hook: QuantemplateHook, run_id: str) -> Any:
        return hook.get_execution(pipeline_id="p-1", execution_id=run_id)

    def submit(self, hook: QuantemplateHook) -> str:
        return hook.execute_pipeline(pipeline_id="p-1").id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return QuantemplateExecutionTrigger(
            conn_id=self.conn_id,
            run_id=run_id,
            organisation_id=ORGANISATION,
            pipeline_id=resource or "p-1",
            **arguments,
        )

    def event_trigger(self, **arguments: Any) -> EventTrigger:
        return QuantemplateExecutionEventTrigger(
            quantemplate_conn_id=self.conn_id, pipeline_id="p-1", **arguments
        )
