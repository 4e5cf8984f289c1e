"""TRAC for the conformance bench."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.hooks.trac import TracHook
from airflow_provider_dataops.platforms import trac
from airflow_provider_dataops.triggers.trac import TracJobTrigger, TracObjectEventTrigger
from tests.integration.bench.base import Bench

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.trac.runs import TracJobLaunch
    from airflow_provider_dataops.triggers.base import RunTrigger
    from airflow_provider_dataops.triggers.events import EventTrigger


class TracBench(Bench):
    """Jobs that import a model. Each trigger polls its own job."""

    name = "trac"
    platform = "TRAC"
    poll_operation = "get_latest_tag"
    event_operation = "search"
    status_operation = "get_latest_tag"
    submit_operation = "submit_job"
    trigger_operations = ("get_latest_tag",)
    poll_pattern = r"get JOB-\S+"
    can_forget = False
    adoption = "exact"
    failed_end: ClassVar[dict[str, Any]] = {"status": "FAILED", "message": "m"}
    late_script: ClassVar[dict[str, Any]] = {"duration": 0.5}
    script: ClassVar[dict[str, Any]] = {"duration": 0.02}
    test_message = "the gateway responds"

    tenant = "ACME_CORP"
    job = trac.import_model(
        repository="acme_models", path="src", entry_point="risk.var.VarModel", version="v1.4.0"
    )

    def use_secret(self, secret: str) -> None:
        self.store.configure(auth="bearer", api_token=secret)
        self.connect()

    def use_wrong_secret(self, secret: str) -> None:
        self.store.configure(auth="bearer")
        self.connect(api_token=secret)

    def expire(self) -> None:
        """Do nothing: TRAC issues no tokens; a proxy in front of it does."""

    def launch(self, hook: TracHook) -> TracJobLaunch:
        return hook.api.launch(self.job, tenant=self.tenant)

    def _hook(self) -> TracHook:
        return TracHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        job_id: str = self.store.start(self.job.definition)
        while self.store.run(job_id).began(0) is None:
            time.sleep(0.005)  # the sandbox starts the job a moment later, and has no event for this
        return job_id

    def look(self, hook: TracHook, run_id: str) -> Any:
        status = str(hook.get_latest_tag("JOB", run_id, 1).attrs["trac_job_status"])
        return SimpleNamespace(state=trac.state_of(status), status=status)

    def text_of(self, error: object) -> str:
        """Return the text of an error in a form that is the same for all platforms.

        TRAC puts its error message in place of the reason phrase. This adds the phrase of the status code.
        """

        def named(found: re.Match[str]) -> str:
            phrase = HTTPStatus(int(found[1])).phrase
            return found[0] if found[2].startswith(phrase) else f"HTTP {found[1]} {phrase}: {found[2]}"

        return re.sub(r"HTTP (\d+) (.*)", named, str(error))

    def submit(self, hook: TracHook) -> str:
        status = hook.submit_job(self.job)
        assert status.job is not None
        return status.job.object_id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return TracJobTrigger(conn_id=self.conn_id, run_id=run_id, tenant=self.tenant, **arguments)

    def event_trigger(self, **arguments: Any) -> EventTrigger:
        """Return a trigger for the jobs that have succeeded. They are found by an attribute."""
        arguments.pop("states", None)
        search = ["trac_job_status", "=", "SUCCEEDED"]
        return TracObjectEventTrigger(
            trac_conn_id=self.conn_id, object_type="JOB", search=search, tenant=self.tenant, **arguments
        )

    def event_id(self, run_id: str) -> str:
        return f"JOB-{run_id}-v1"


class MarkedTracBench(TracBench):
    """Jobs that have a token as an attribute. One search for the tokens returns all jobs."""

    poll_operation = "search"
    poll_pattern = "search JOB"

    def start(self, resource: str = "") -> str:
        token = f"token-{len(self.sandbox.runs())}"
        job_id: str = self.store.start(
            self.job.definition, [{"attrName": "airflow_token", "value": {"stringValue": token}}]
        )
        self.tokens = {**getattr(self, "tokens", {}), job_id: token}
        return job_id

    def sweeps(self) -> list[Any]:
        """Return the searches for many jobs; a search for the outputs of one job is none of them."""
        return [
            entry for entry in self.requests(self.poll_operation) if b'"operator":"IN"' in (entry.body or b"")
        ]

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        return super().trigger(run_id, resource, submission_id=self.tokens[run_id], **changes)
