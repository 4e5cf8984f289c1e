"""Start an execution, find it again after a lost response, and wait for it.

The API has no request that reads or cancels one execution. So an execution is read from the list of its
pipeline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

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
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


#: Before a submission, the provider lists the executions. It stores the ids of at most this many unreadable
#: entries. With more such entries, a retry cannot find an execution after a lost response.
UNREADABLE_IDS = 100


class QuantemplateExecutionLaunch(Launch):
    """An execution to start.

    :param organisation_id: the organisation that owns the pipeline.
    :param pipeline_id: the pipeline.
    :param trace_id: an id in the request, by which the platform's support can find the request.
    """

    api: QuantemplateApi
    organisation_id: str
    pipeline_id: str
    trace_id: str = ""

    #: A new execution appears in the list within this many seconds.
    listing_delay = 60.0

    def identity(self) -> JsonObject:
        """Return the values that decide what the execution does."""
        return {
            "base_url": self.api.settings.base_url,
            "organisation_id": self.organisation_id,
            "pipeline_id": self.pipeline_id,
        }

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the highest run number of the pipeline, and the ids of the entries without a run number."""
        listed, listed_at = yield from self.api.run_numbers(self.organisation_id, self.pipeline_id)
        return {
            "pipeline": [self.organisation_id, self.pipeline_id],
            "highest": max(listed.found, default=0),
            "unreadable": listed.known_texts("id")[:UNREADABLE_IDS],
            "listed_at": listed_at,
        }

    def earlier(self, baseline: JsonObject) -> QuantemplateExecutionLaunch:
        """Return a copy of this launch, with the pipeline that an earlier try stored in ``baseline``."""
        organisation_id, pipeline_id = baseline["pipeline"]
        return replace(self, organisation_id=organisation_id, pipeline_id=pipeline_id)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the execution. The submission token is not sent, because the API has no field for it."""
        started = yield from self.api.execute_pipeline(
            self.organisation_id, self.pipeline_id, trace_id=self.trace_id
        )
        return started.snapshot(self.pipeline_id, self.organisation_id)

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the executions that were created after the baseline was recorded.

        The baseline contains the highest run number in the list before the submission. The run numbers of new
        executions are higher. But that list may have been stale. So this method also leaves out executions
        that were created clearly before that list was read.

        :raises MalformedReplyError: if an entry that may be such an execution cannot be read.
        """
        organisation_id, pipeline_id = baseline["pipeline"]
        listed = yield from self.api.listed(organisation_id, pipeline_id, baseline["highest"])
        # A baseline from an earlier release of this provider does not contain the ids of unreadable entries.
        known = baseline.get("unreadable", ())
        listed.check_unreadable(lambda entry: entry.get("id") in known)
        later = [
            e for e in listed.found if e.id not in known and listing.may_be_later(e.created_at, baseline)
        ]
        return [e.snapshot(pipeline_id, organisation_id) for e in sorted(later, key=lambda e: e.run_number)]

    def watch(self, run_id: str, token: str = "") -> QuantemplateExecutionWatch:
        """Return the watch, which describes how to wait for the execution."""
        return QuantemplateExecutionWatch(
            run_id=run_id, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id
        )


class QuantemplateWatch(Watch):
    """Base class of the watches for one pipeline.

    :param organisation_id: the organisation that owns the pipeline.
    :param pipeline_id: the pipeline.
    """

    organisation_id: str
    pipeline_id: str

    def check(self) -> None:
        """Check that the ids are set."""
        super().check()
        require_text(organisation_id=self.organisation_id, pipeline_id=self.pipeline_id)


class QuantemplateExecutionWatch(QuantemplateWatch, RunWatch):
    """Describes how to wait for the end of one execution, which is read from the list of its pipeline."""

    sweeps = True
    looks_singly = False

    @property
    def group(self) -> str:
        """The group of the execution: its pipeline. One poller reads all executions of a pipeline."""
        return f"{self.organisation_id}/{self.pipeline_id}"

    def sweep(
        self,
        api: QuantemplateApi,
        watches: Mapping[str, Self],
        cache: EntryCache[RunSnapshot] | None = None,
    ) -> Exchange[Mapping[str, RunSnapshot | ApiError]]:
        """Return an execution or an error for each id. All executions are read from one list.

        An execution whose entry cannot be read gets an error. An entry without a readable id may belong to
        any execution that was not found. So with such an entry, all executions that were not found get the
        error. Otherwise their state is ``UNLISTED`` if the list leaves out the oldest executions, else
        ``ABSENT``.
        """
        wanted = frozenset(watches)
        listed = yield from api.snapshots(self.organisation_id, self.pipeline_id, wanted, cache)
        found = {snapshot.run_id: snapshot for snapshot in listed.found}
        ids = listed.known_texts("id")
        answers: dict[str, RunSnapshot | ApiError] = {}
        for key in watches:
            if key in found:
                answers[key] = found[key]
            elif listed.error is not None and (key in ids or len(ids) < len(listed.unreadable)):
                answers[key] = listed.error
            elif listed.cut:
                answers[key] = RunSnapshot(
                    run_id=key,
                    state=RunState.UNLISTED,
                    raw_state="not in the list, and the list leaves out the oldest executions",
                )
            else:
                answers[key] = RunSnapshot(run_id=key, state=RunState.ABSENT, raw_state="not in the list")
        return answers

    def look(self, api: QuantemplateApi) -> Exchange[RunSnapshot]:
        """Read the list, and return the present state of this execution."""
        answers = yield from self.sweep(api, {self.run_id: self})
        answer = answers[self.run_id]
        if isinstance(answer, ApiError):
            raise answer
        return answer

    def url(self, api: QuantemplateApi) -> str:
        """Return the link to the execution."""
        return api.execution_url(self.organisation_id, self.pipeline_id, self.run_id)

    def namespace(self, api: QuantemplateApi) -> str:
        """Return the namespace of the execution's datasets in lineage."""
        return api.namespace(self.organisation_id)


class QuantemplateNextExecutionWatch(QuantemplateWatch, RunConditionWatch):
    """Describes how to wait until the first execution after a run number has ended.

    Any user may have started the execution.

    :param after_run_number: the execution's run number must be higher than this number.
    """

    after_run_number: int

    def check(self) -> None:
        """Check that the run number is a whole number."""
        super().check()
        require_whole(after_run_number=self.after_run_number)

    @property
    def in_words(self) -> str:
        """The pipeline, and the run number after which the execution comes."""
        number = self.after_run_number
        return f"the first execution of pipeline {self.pipeline_id} after number {number} has ended"

    def question(self, api: QuantemplateApi) -> Exchange[JsonObject | None]:
        """Return the first execution after the run number as JSON if it has ended, else ``None``."""
        found = yield from api.next_execution(self.organisation_id, self.pipeline_id, self.after_run_number)
        if found is None or not found.state.is_final:
            return None
        return found.snapshot(self.pipeline_id, self.organisation_id).as_json()

    def found(self, run_id: str) -> QuantemplateExecutionWatch:
        """Return a watch for the execution that was found."""
        return QuantemplateExecutionWatch(
            run_id=run_id, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id
        )
