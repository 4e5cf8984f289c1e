"""Toucan Toco for the conformance bench."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.hooks.toucan import ToucanHook
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationLaunch
from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger
from tests.integration.bench.base import Bench

if TYPE_CHECKING:
    from airflow_provider_dataops.triggers.base import RunTrigger


SMALL_APP = "product-corporation"


class ToucanBench(Bench):
    name = "toucan"
    platform = "Toucan"
    poll_operation = "get_operation"
    status_operation = "get_operation"
    submit_operation = "run_operations"
    trigger_operations = ("get_operation",)
    poll_pattern = r"get operation op-\S+"
    can_list = False
    failed_end: ClassVar[dict[str, Any]] = {"status": "failed"}
    script: ClassVar[dict[str, Any]] = {"pending": 0.0}

    def use_secret(self, secret: str) -> None:
        self.store.configure(password=secret)
        self.connect(password=secret)

    def use_wrong_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        """Do nothing: a password does not expire."""

    def launch(self, hook: ToucanHook) -> ToucanOperationLaunch:
        return ToucanOperationLaunch(api=hook.api, small_app=SMALL_APP, work=toucan_work.run_operations())

    def _hook(self) -> ToucanHook:
        return ToucanHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        operation_id: str = self.store.start(resource or SMALL_APP)
        return operation_id

    def look(self, hook: ToucanHook, run_id: str) -> Any:
        return hook.get_operation(run_id)

    def submit(self, hook: ToucanHook) -> str:
        return hook.run_operations().operation_id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return ToucanOperationTrigger(
            conn_id=self.conn_id, run_id=run_id, small_app=resource or SMALL_APP, **arguments
        )
