"""Tailer for the conformance bench."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.hooks.tailer import TailerHook
from airflow_provider_dataops.triggers.tailer import TailerRunEventTrigger, TailerRunTrigger
from tests.integration.bench.base import Bench

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch
    from airflow_provider_dataops.triggers.base import RunTrigger
    from airflow_provider_dataops.triggers.events import EventTrigger


class TailerBench(Bench):
    """The connection has a service account, which signs tokens; ``use_secret`` sets a fixed token instead."""

    name = "tailer"
    platform = "Tailer"
    poll_operation = "run_status"
    status_operation = "run_status"
    submit_operation = "launch_job"
    trigger_operations = ("run_status",)
    poll_pattern = r"check run \S+"
    status_method = "POST"
    error_prefix = "ko: "
    failed_end: ClassVar[dict[str, Any]] = {"status": "FAILED"}
    late_script: ClassVar[dict[str, Any]] = {"start_gap": 0.5}
    script: ClassVar[dict[str, Any]] = {"start_gap": 0.0}

    #: A configuration of the vendor's guide.
    configuration_id = "000099_iowa_liquor_prepare_pda_DEV"

    def use_secret(self, secret: str) -> None:
        self.store.configure(api_token=secret)
        self.use_wrong_secret(secret)

    def use_wrong_secret(self, secret: str) -> None:
        self.connect(auth_type="bearer", api_token=secret)

    def use(self, auth_type: str, **options: Any) -> None:
        """Set the connection to another kind of credential."""
        self.connections.set(self.conn_id, self.store.connection(auth_type, **options))

    def expire(self) -> None:
        self.store.revoke()

    def launch(self, hook: TailerHook) -> TailerJobLaunch:
        return hook.api.launch(hook.api.configuration(self.configuration_id, "table-to-table"))

    def _hook(self) -> TailerHook:
        return TailerHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        if resource and resource not in {c["configuration_id"] for c in self.store.configurations()}:
            self.store.add_configuration(resource)
        run_id: str = self.store.start(resource or self.configuration_id)
        return run_id

    def look(self, hook: TailerHook, run_id: str) -> Any:
        return hook.check_run_status(self.configuration_id, run_id)

    def submit(self, hook: TailerHook) -> str:
        return hook.launch_job(self.configuration_id)

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments: dict[str, Any] = {
            "deadline": time.time() + 60.0,
            "poll_interval": 1.0,
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": resource or self.configuration_id,
            "success_statuses": ["SUCCESS"],
            "failure_statuses": [],
        }
        return TailerRunTrigger(conn_id=self.conn_id, run_id=run_id, **arguments | changes)

    def event_trigger(self, **arguments: Any) -> EventTrigger:
        return TailerRunEventTrigger(
            tailer_conn_id=self.conn_id, configuration_id=self.configuration_id, **arguments
        )
