"""How an execution is started, found again and asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.http import (
    Exchange,
    call,
)
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.platforms.quantemplate.model import _read_some

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


#: A new execution that is not listed yet counts as running for this long, in seconds.
LISTING_DELAY = 60.0


@dataclass(frozen=True, kw_only=True)
class ExecutionLaunch:
    """One execution to be started."""

    api: QuantemplateApi
    organisation_id: str
    pipeline_id: str
    trace_id: str = ""

    noun: ClassVar[str] = "execution"
    listing_delay: ClassVar[float] = LISTING_DELAY
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = False
    waits_for_slot: ClassVar[bool] = False
    not_found_is_final: ClassVar[bool] = True

    @property
    def id_scope(self) -> str:
        """The host; run ids mean nothing elsewhere."""
        return self.api.settings.base_url

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            "organisation_id": self.organisation_id,
            "pipeline_id": self.pipeline_id,
        }

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell the pipeline's highest run number."""
        listed = yield from self.api.list_executions(self.organisation_id, self.pipeline_id)
        highest = max((e.run_number for e in listed), default=0)
        return {"pipeline": [self.organisation_id, self.pipeline_id], "highest": highest}

    def earlier(self, mark: Mapping[str, Any]) -> ExecutionLaunch:
        """Return the launch that made a mark: an execution is listed by its own pipeline alone."""
        organisation_id, pipeline_id = mark["pipeline"]
        return replace(self, organisation_id=organisation_id, pipeline_id=pipeline_id)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the execution; the API takes no token."""
        started = yield from self.api.execute_pipeline(
            self.organisation_id, self.pipeline_id, trace_id=self.trace_id
        )
        return started.snapshot(self.pipeline_id, self.organisation_id)

    def find_candidates(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Return the executions above the mark: run numbers grow, so no clock is needed."""
        organisation_id, pipeline_id = mark["pipeline"]
        listed = yield from self.api.list_executions(organisation_id, pipeline_id)
        return [
            e.snapshot(pipeline_id, organisation_id)
            for e in sorted(listed, key=lambda e: e.run_number)
            if e.run_number > mark["highest"]
        ]

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the execution as the pipeline's list tells it."""
        return ExecutionWatch(
            api=self.api, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id
        ).look(run_id)

    def stop(self, run_id: str) -> Exchange[None]:
        """Refuse: the API has no such call."""
        raise NotImplementedError(f"Quantemplate cannot cancel execution {run_id}")

    def url(self, run_id: str) -> str:
        """Return the link to the execution."""
        return self.api.execution_url(self.organisation_id, self.pipeline_id, run_id)


@dataclass(frozen=True, kw_only=True)
class ExecutionWatch:
    """The executions of one pipeline: one list tells of all."""

    api: QuantemplateApi
    organisation_id: str
    pipeline_id: str

    sweeps: ClassVar[bool] = True

    @property
    def group(self) -> str:
        """The pipeline."""
        return f"{self.organisation_id}/{self.pipeline_id}"

    def sweep(self, run_ids: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of all these executions from one list."""
        read = partial(_read_some, wanted=run_ids)
        found = yield from call(self.api._list(self.organisation_id, self.pipeline_id, read))
        return {
            run_id: found[run_id].snapshot(self.pipeline_id, self.organisation_id)
            if run_id in found
            else RunSnapshot(run_id=run_id, state=RunState.ABSENT, raw_state="not listed")
            for run_id in run_ids
        }

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Tell of one execution."""
        told = yield from self.sweep(frozenset({run_id}))
        return told[run_id]
