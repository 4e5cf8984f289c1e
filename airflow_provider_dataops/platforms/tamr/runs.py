"""How a Tamr job is started, found again, asked about and stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.errors import (
    BadRequestError,
    NotFoundError,
)
from airflow_provider_dataops.platforms.tamr.api import OPEN_JOBS, SWEEP_PAGES, TamrApi
from airflow_provider_dataops.platforms.tamr.model import _does, _resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import (
        Exchange,
    )

#: A job that was really created is listed within this time, in seconds.
LISTING_DELAY = 30.0
#: The clock that stamps jobs and the one of the answers' Date need not agree, in seconds.
CLOCK_MARGIN = 60.0


@dataclass(frozen=True, kw_only=True)
class JobLaunch:
    """One job to be created."""

    api: TamrApi
    configuration: Mapping[str, Any]

    noun: ClassVar[str] = "job"
    listing_delay: ClassVar[float] = LISTING_DELAY
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = True
    #: More than the tenant's concurrent jobs (5 by default) is answered by 429.
    waits_for_slot: ClassVar[bool] = True
    not_found_is_final: ClassVar[bool] = True

    @property
    def id_scope(self) -> str:
        """The host; run ids mean nothing elsewhere."""
        return self.api.settings.base_url

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        return {"base_url": self.api.settings.base_url, "configuration": self.configuration}

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell the newest jobs on the same resource."""
        resource = _resource(self.configuration)
        jobs, listed_at = yield from self.api._list(resource, SWEEP_PAGES)
        return {
            "resource": resource,
            "configuration": self.configuration,
            "known": [job.job_id for job in jobs],
            "listed_at": listed_at,
        }

    def earlier(self, mark: Mapping[str, Any]) -> JobLaunch:
        """Return the launch that made a mark."""
        return replace(self, configuration=mark["configuration"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Create the job; the API takes no token."""
        job = yield from self.api.create_job(self.configuration)
        return job.snapshot()

    def find_candidates(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Return the jobs that do the same and are not in the mark."""
        jobs, _ = yield from self.api._list(mark["resource"], SWEEP_PAGES)
        since = (mark.get("listed_at") or 0.0) - CLOCK_MARGIN
        return [
            job.snapshot()
            for job in jobs
            if job.job_id not in mark["known"]
            and _does(job.configuration, mark["configuration"])
            and (instant(job.created_at) or since) >= since
        ]

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the job as it is now."""
        return JobWatch(api=self.api).look(run_id)

    def stop(self, run_id: str) -> Exchange[None]:
        """Ask for a stop."""
        return self.api.stop_job(run_id)

    def url(self, run_id: str) -> str:
        """Return the link to the job."""
        return self.api.job_url(run_id)


class JobWatch:
    """The jobs of a tenant: one list tells of the open ones, those that left it are read one by one."""

    group: ClassVar[str] = "jobs"
    sweeps: ClassVar[bool] = True

    def __init__(self, *, api: TamrApi) -> None:
        self.api = api
        # Expressions to try in turn: a tenant may refuse the filter, then the newest jobs have to do.
        self._filters: list[str | None] = [OPEN_JOBS, None]

    def sweep(self, run_ids: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of the jobs that have not ended."""
        while self._filters:
            try:
                pages = SWEEP_PAGES if self._filters[0] else 1
                jobs = yield from self.api.list_jobs(filter=self._filters[0], max_pages=pages)
            except BadRequestError:
                self._filters.pop(0)
            else:
                return {job.job_id: job.snapshot() for job in jobs if job.job_id in run_ids}
        return {}

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Tell of one job."""
        try:
            job = yield from self.api.get_job(run_id)
        except NotFoundError as error:
            return RunSnapshot(run_id=run_id, state=RunState.ABSENT, raw_state=f"404: {error.body}".strip())
        return job.snapshot()
