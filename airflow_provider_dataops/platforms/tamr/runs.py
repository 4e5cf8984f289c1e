"""How a Tamr job is started and found again, and what can be waited for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_dataops.core import listing
from airflow_provider_dataops.core.arguments import require_one_text, require_time
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.core.watch import ConditionWatch, RunConditionWatch, RunWatch
from airflow_provider_dataops.errors import NotFoundError
from airflow_provider_dataops.platforms.tamr.configurations import includes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.tamr.model import Job

#: A baseline reads no more pages than this.
BASELINE_PAGES = 3


class TamrJobLaunch(Launch):
    """One job to be created.

    :param configuration: what it does, as the Jobs API has it.
    """

    api: TamrApi
    configuration: JsonObject

    #: A job that was really created is listed within this time.
    listing_delay = 30.0
    #: More than the tenant's concurrent jobs (5 by default) is answered by 429.
    waits_for_slot = True

    def identity(self) -> JsonObject:
        """Return what decides the remote work."""
        return {"base_url": self.api.settings.base_url, "configuration": self.configuration}

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the newest jobs on the same resource."""
        resource = _resource(self.configuration)
        jobs, listed_at = yield from self.api.listed(resource, BASELINE_PAGES)
        return {
            "resource": resource,
            "configuration": self.configuration,
            "known": [job.job_id for job in jobs.found] + jobs.known_texts("jobId"),
            "listed_at": listed_at,
            "cut": jobs.cut,
        }

    def earlier(self, baseline: JsonObject) -> TamrJobLaunch:
        """Return the launch that recorded a baseline."""
        return replace(self, configuration=baseline["configuration"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Create the job; the API takes no token."""
        job = yield from self.api.create_job(self.configuration)
        return job.snapshot()

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the jobs that do the same and are not in the baseline.

        :raises MalformedReplyError: if an entry that may be one of them cannot be read, or may be left out.
        """
        since, resource = listing.since(baseline), baseline["resource"]

        def is_older(job: Job) -> bool:
            return job.started_before(since)

        jobs, _ = yield from self.api.listed(resource, until=is_older)
        if jobs.cut:
            # The list is ordered by start. Where in it a job stands that waits for a slot is not documented.
            jobs.extend((yield from self.api.open_or_newest(resource)))
            jobs.cut = not any(map(is_older, jobs.found))
        jobs.check_unreadable(lambda entry: entry.get("jobId") in baseline["known"])
        new = {
            job.job_id: job.snapshot()
            for job in jobs.found
            if job.job_id not in baseline["known"]
            and includes(job.configuration, baseline["configuration"])
            and listing.may_be_later(job.created_at, baseline)
        }
        return listing.checked_candidates([*new.values()], jobs, baseline, self.api.platform)

    def watch(self, run_id: str, token: str = "") -> TamrJobWatch:
        """Return how to wait for the job."""
        return TamrJobWatch(run_id=run_id, cancel_on_kill=self.cancel_on_kill)


class TamrJobWatch(RunWatch):
    """One job. A list of the tenant's open jobs answers for all; those that left it are read one by one."""

    cancel_on_kill: bool = True

    sweeps = True

    @property
    def group(self) -> str:
        """The tenant's jobs."""
        return "jobs"

    def sweep(self, api: TamrApi, keys: frozenset[str]) -> Exchange[Mapping[str, RunSnapshot]]:
        """Return the jobs that have not ended, and those that have where the list still holds them."""
        jobs = yield from api.open_or_newest({}, wanted=keys)
        return {job.job_id: job.snapshot() for job in jobs.found}

    def look(self, api: TamrApi) -> Exchange[RunSnapshot]:
        """Return the job as it is now."""
        try:
            job = yield from api.get_job(self.run_id)
        except NotFoundError as error:
            return RunSnapshot.absent(self.run_id, error.body)
        return job.snapshot()

    def cancel(self, api: TamrApi) -> Exchange[None]:
        """Ask for a stop."""
        return api.stop_job(self.run_id)

    def url(self, api: TamrApi) -> str:
        """Return the link to the job."""
        return api.job_url(self.run_id)


class TamrResourceIdleWatch(ConditionWatch):
    """No job on a source or data product is active."""

    source_id: str | None = None
    data_product_id: str | None = None

    def check(self) -> None:
        """Validate the fields."""
        super().check()
        require_one_text(source_id=self.source_id, data_product_id=self.data_product_id)

    def question(self, api: TamrApi) -> Exchange[JsonObject | None]:
        """Ask for the resource's open jobs."""
        resource = {"sourceId": self.source_id, "dataProductId": self.data_product_id}
        jobs = yield from api.open_jobs(resource)
        return None if jobs else {}


class TamrJobSucceededWatch(RunConditionWatch):
    """A job on a resource was created at or after a time and succeeded.

    :param since: seconds since the epoch.
    """

    since: float
    source_id: str | None = None
    data_product_id: str | None = None
    workflow_id: str | None = None
    destination_id: str | None = None

    @property
    def resource(self) -> dict[str, str | None]:
        """The resource, by the name of its id."""
        return {
            "source_id": self.source_id,
            "data_product_id": self.data_product_id,
            "workflow_id": self.workflow_id,
            "destination_id": self.destination_id,
        }

    def check(self) -> None:
        """Validate the fields."""
        super().check()
        require_one_text(**self.resource)
        require_time(since=self.since)

    def question(self, api: TamrApi) -> Exchange[JsonObject | None]:
        """Ask for the newest such job."""
        job = yield from api.succeeded_since(self.since, **self.resource)
        return None if job is None else job.snapshot().as_json()

    def found(self, run_id: str) -> TamrJobWatch:
        """Return the watch of the job that was found."""
        return TamrJobWatch(run_id=run_id)


def _resource(configuration: JsonObject) -> dict[str, str]:
    """Return the list's parameter that keeps the jobs on the configuration's resource."""
    ids = next(iter(configuration.values()))
    for name in ("sourceId", "workflowId", "destinationId", "dataProductId"):
        if ids.get(name):
            return {name: ids[name]}
    return {}
