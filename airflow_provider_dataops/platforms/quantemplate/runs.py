"""How an execution is started and found again, and what can be waited for.

There is no call to read one execution and none to cancel one: executions are found in the pipeline's list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_dataops.core import listing
from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.watch import RunConditionWatch, RunWatch, Watch
from airflow_provider_dataops.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


#: So many ids of unreadable entries are remembered; with more of them a lost execution is not searched for.
UNREADABLE_IDS = 100


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
        """Return the pipeline's highest run number, and the ids of entries that show none."""
        listed, listed_at = yield from self.api.run_numbers(self.organisation_id, self.pipeline_id)
        return {
            "pipeline": [self.organisation_id, self.pipeline_id],
            "highest": max(listed.found, default=0),
            "unreadable": listed.known_texts("id")[:UNREADABLE_IDS],
            "listed_at": listed_at,
        }

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
        """Return the executions above the baseline: run numbers grow. No older one is among them, either.

        :raises MalformedReplyError: if an entry that may be one of them cannot be read.
        """
        organisation_id, pipeline_id = baseline["pipeline"]
        listed = yield from self.api.listed(organisation_id, pipeline_id, after=baseline["highest"])
        # The record of an earlier release has no ids and no time.
        known = baseline.get("unreadable", ())
        listed.check_unreadable(lambda entry: entry.get("id") in known)
        later = [
            e for e in listed.found if e.id not in known and listing.may_be_later(e.created_at, baseline)
        ]
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
    looks_singly = False

    @property
    def group(self) -> str:
        """The pipeline."""
        return f"{self.organisation_id}/{self.pipeline_id}"

    def sweep(
        self, api: QuantemplateApi, keys: frozenset[str]
    ) -> Exchange[Mapping[str, RunSnapshot | ApiError]]:
        """Return all these executions from one list; those that are not listed are absent.

        Whether one is listed cannot be told if its entry cannot be read, or the id of any entry. Nothing is
        known of one that is not listed if the list does not begin with the pipeline's first execution.
        """
        listed = yield from api.listed(self.organisation_id, self.pipeline_id, wanted=keys)
        found = {e.id: e.snapshot(self.pipeline_id, self.organisation_id) for e in listed.found}
        ids = listed.known_texts("id")
        answers: dict[str, RunSnapshot | ApiError] = {}
        for key in keys:
            if key in found:
                answers[key] = found[key]
            elif listed.error is not None and (key in ids or len(ids) < len(listed.unreadable)):
                answers[key] = listed.error
            elif listed.cut:
                answers[key] = RunSnapshot(
                    run_id=key,
                    state=RunState.UNLISTED,
                    raw_state="not listed, and the list leaves out the oldest executions",
                )
            else:
                answers[key] = RunSnapshot(run_id=key, state=RunState.ABSENT, raw_state="not listed")
        return answers

    def look(self, api: QuantemplateApi) -> Exchange[RunSnapshot]:
        """Return the execution as it is now."""
        answers = yield from self.sweep(api, frozenset({self.run_id}))
        answer = answers[self.run_id]
        if isinstance(answer, ApiError):
            raise answer
        return answer

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
