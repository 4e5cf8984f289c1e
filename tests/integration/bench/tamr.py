"""Tamr Cloud for the conformance bench."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.hooks.tamr import TamrHook
from airflow_provider_dataops.triggers.tamr import TamrJobEventTrigger, TamrJobTrigger
from tests.integration.bench.base import Bench

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch
    from airflow_provider_dataops.triggers.base import RunTrigger
    from airflow_provider_dataops.triggers.events import EventTrigger


class TamrBench(Bench):
    name = "tamr"
    platform = "Tamr"
    poll_operation = "list_jobs"
    status_operation = "get_job"
    submit_operation = "create_job"
    trigger_operations = ("list_jobs", "get_job")
    poll_pattern = "list jobs"
    failed_end: ClassVar[dict[str, Any]] = {"error": {"reason": "BROKEN", "message": "m"}}
    script: ClassVar[dict[str, Any]] = {"waiting": 0.0}

    def use_secret(self, secret: str) -> None:
        self.store.configure(api_key=secret)
        self.connect(password=secret)

    def use_wrong_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        """Do nothing: an API key does not expire."""

    def launch(self, hook: TamrHook) -> TamrJobLaunch:
        return hook.api.launch({"load": {"sourceId": "src_orders"}}, cancel_on_kill=True)

    def _hook(self) -> TamrHook:
        return TamrHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        job_id: str = self.store.start({"load": {"sourceId": resource or "src_orders"}})
        return job_id

    def look(self, hook: TamrHook, run_id: str) -> Any:
        return hook.get_job(run_id)

    def submit(self, hook: TamrHook) -> str:
        return hook.load_source("src_orders").job_id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return TamrJobTrigger(conn_id=self.conn_id, run_id=run_id, **arguments)

    def event_trigger(self, **arguments: Any) -> EventTrigger:
        return TamrJobEventTrigger(tamr_conn_id=self.conn_id, source_id="src_orders", **arguments)
