"""How an execution is started and found again, and what can be waited for.

There is no call to read one execution and none to cancel one: executions are found in the pipeline's list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.watch import RunConditionWatch, RunWatch, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


class QuantemplateExecutionLaunch(Launch):
    """One execution to be started.

    :param trace_id: identifies the request to the platform's support.
    """

    api: QuantemplateApi
    organisation_id: str
    pipeline_id: str
    trace_id: str = ""

    #: An execution that was really started is listed within this time.
    listing_delay = 60.0

    def identity(self) -> JsonObject:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            "organisation_id": self.organisation_id,
            "pipeline_id": self.pipeline_id,
        }

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the pipeline's highest run number."""
        listed = yield from self.api.list_executions(self.organisation_id, self.pipeline_id)
        highest = max((e.run_number for e in listed), default=0)
        return {"pipeline": [self.organisation_id, self.pipeline_id], "highest": highest}

    def earlier(self, baseline: JsonObject) -> QuantemplateExecutionLaunch:
        """Return the launch that recorded a baseline: only its own pipeline lists an execution."""
        organisation_id, pipeline_id = baseline["pipeline"]
        return replace(self, organisation_id=organisation_id, pipeline_id=pipeline_id)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the execution; the API takes no token."""
        started = yield from self.api.execute_pipeline(
            self.organisation_id, self.pipeline_id, trace_id=self.trace_id
        )
        return started.snapshot(self.pipeline_id, self.organisation_id)

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the executions above the baseline: run numbers grow, so no clock is needed."""
        organisation_id, pipeline_id = baseline["pipeline"]
        listed = yield from self.api.list_executions(organisation_id, pipeline_id)
        later = (e for e in listed if e.run_number > baseline["highest"])
        return [e.snapshot(pipeline_id, organisation_id) for e in sorted(later, key=lambda e: e.run_number)]

    def watch(self, run_id: str, token: str = "") -> QuantemplateExecutionWatch:
        """Return how to wait for the execution."""
        return QuantemplateExecutionWatch(
            run_id=run_id, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id
        )


class QuantemplateWatch(Watch):
    """Something about one pipeline.

    :param organisation_id: whose pipeline it is.
    """

    organisation_id: str
    pipeline_id: str

    def check(self) -> None:
        """Validate the fields."""
        super().check()
        require_text(organisation_id=self.organisation_id, pipeline_id=self.pipeline_id)


class QuantemplateExecutionWatch(QuantemplateWatch, RunWatch):
    """One execution. The pipeline's list answers for all that are waited for."""

    sweeps = True

    @property
    def group(self) -> str:
        """The pipeline."""
        return f"{self.organisation_id}/{self.pipeline_id}"

    def sweep(self, api: QuantemplateApi, keys: frozenset[str]) -> Exchange[Mapping[str, RunSnapshot]]:
        """Return all these executions from one list; those that are not listed are absent."""
        found = yield from api.list_executions(self.organisation_id, self.pipeline_id, wanted=keys)
        absent = {key: RunSnapshot(run_id=key, state=RunState.ABSENT, raw_state="not listed") for key in keys}
        return absent | {e.id: e.snapshot(self.pipeline_id, self.organisation_id) for e in found}

    def look(self, api: QuantemplateApi) -> Exchange[RunSnapshot]:
        """Return the execution as it is now."""
        found = yield from self.sweep(api, frozenset({self.run_id}))
        return found[self.run_id]

    def url(self, api: QuantemplateApi) -> str:
        """Return the link to the execution."""
        return api.execution_url(self.organisation_id, self.pipeline_id, self.run_id)


class QuantemplateNextExecutionWatch(QuantemplateWatch, RunConditionWatch):
    """The first execution after a run number has ended, whoever started it.

    :param after_run_number: the execution's run number is higher than this.
    """

    after_run_number: int

    def check(self) -> None:
        """Validate the fields."""
        super().check()
        require_whole(after_run_number=self.after_run_number)

    def question(self, api: QuantemplateApi) -> Exchange[JsonObject | None]:
        """Ask for the execution's end."""
        found = yield from api.next_execution(self.organisation_id, self.pipeline_id, self.after_run_number)
        if found is None or not found.state.is_final:
            return None
        return found.snapshot(self.pipeline_id, self.organisation_id).as_json()

    def found(self, run_id: str) -> QuantemplateExecutionWatch:
        """Return the watch of the execution that was found."""
        return QuantemplateExecutionWatch(
            run_id=run_id, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id
        )
