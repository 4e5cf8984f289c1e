"""Mill for the conformance bench."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from tests.integration.bench.base import Bench
from tests.mill.graft import grafted

# isort: split
# These modules can be imported only after the graft.
from airflow_provider_dataops.hooks.mill import MillHook
from airflow_provider_dataops.triggers.mill import MillBatchTrigger

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow_provider_dataops.platforms.mill.runs import BatchLaunch
    from airflow_provider_dataops.triggers.base import RunTrigger
    from dataops_sandbox import Sandbox


class MillBench(Bench):
    name = "mill"
    platform = "Mill"
    poll_operation = "list_batches"
    status_operation = "get_batch"
    submit_operation = "run_recipe"
    trigger_operations = ("list_batches", "get_batch")
    poll_pattern = "list batches"
    failed_end: ClassVar[dict[str, Any]] = {"error": "the stone broke"}

    @classmethod
    def mounted(cls, sandbox: Sandbox) -> AbstractContextManager[None]:
        return grafted(sandbox)

    def use_secret(self, secret: str) -> None:
        self.store.configure(api_key=secret)
        self.connect(password=secret)

    def use_wrong_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        """Do nothing: an API key does not expire."""

    def launch(self, hook: MillHook) -> BatchLaunch:
        return hook.api.launch("flour", cancel_on_kill=True)

    def _hook(self) -> MillHook:
        return MillHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        batch_id: str = self.store.start(resource or "flour")
        return batch_id

    def look(self, hook: MillHook, run_id: str) -> Any:
        return hook.get_batch(run_id)

    def submit(self, hook: MillHook) -> str:
        return hook.run_recipe("flour").id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return MillBatchTrigger(conn_id=self.conn_id, run_id=run_id, **arguments)
