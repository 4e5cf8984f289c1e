"""Start a Tamr job, find it again after a lost response, and wait for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_dataops.core import listing
from airflow_provider_dataops.core.arguments import require_one_text, require_time
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.core.watch import ConditionWatch, RunConditionWatch, RunWatch
from airflow_provider_dataops.errors import NotFoundError
from airflow_provider_dataops.platforms.tamr.configurations import OfResource, includes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.tamr.model import Job

#: Before a job is created, at most this many pages are read, to record which jobs exist already.
BASELINE_PAGES = 3


class TamrJobLaunch(Launch):
    """A job to create.

    :param configuration: what the job does, as the Jobs API expects it.
    """

    api: TamrApi
    configuration: JsonObject

    #: A new job appears in the list within this many seconds.
    listing_delay = 30.0
    #: If the tenant already runs its maximum of jobs (5 by default), Tamr responds 429.
    waits_for_slot = True

    def identity(self) -> JsonObject:
        """Return the values that decide what the job does."""
        return {"base_url": self.api.settings.base_url, "configuration": self.configuration}

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the configuration of the job to create, and the ids of the newest jobs on its resource."""
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
        """Return a copy of this launch, with the configuration that an earlier try stored."""
        return replace(self, configuration=baseline["configuration"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Create the job and return it.

        The submission token is not sent, because the API has no field for it.
        """
        job = yield from self.api.create_job(self.configuration)
        return job.snapshot()

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the jobs with the same configuration that did not exist before the submission.

        :raises MalformedReplyError: if an entry that may be such a job cannot be read.
        :raises IncompleteListError: if the list may leave out such a job.
        """
        since, resource = listing.since(baseline), baseline["resource"]

        def is_older(job: Job) -> bool:
            return job.started_before(since)

        jobs, _ = yield from self.api.listed(resource, until=is_older)
        if jobs.cut:
            # The list is sorted by start. Jobs that have not started may be anywhere in it. So the open jobs
            # are read, too.
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
        """Return the watch, which describes how to wait for the job."""
        return TamrJobWatch(run_id=run_id, cancel_on_kill=self.cancel_on_kill)


class TamrJobWatch(RunWatch):
    """Describes how to wait for the end of one job.

    One list contains all open jobs of the tenant. Jobs that have ended are read one by one.
    """

    cancel_on_kill: bool = True

    sweeps = True

    @property
    def group(self) -> str:
        """The group of the job. All jobs of the tenant are in one group, so one poller reads them."""
        return "jobs"

    def sweep(
        self, api: TamrApi, watches: Mapping[str, Self], cache: EntryCache[Any] | None = None
    ) -> Exchange[Mapping[str, RunSnapshot]]:
        """Read the list of open jobs, and return the jobs in it that have these ids.

        The cache is not used, because a tenant has few open jobs.
        """
        jobs = yield from api.open_or_newest({}, wanted=frozenset(watches))
        return {job.job_id: job.snapshot() for job in jobs.found}

    def look(self, api: TamrApi) -> Exchange[RunSnapshot]:
        """Read this job alone, and return its present state."""
        try:
            job = yield from api.get_job(self.run_id)
        except NotFoundError as error:
            return RunSnapshot.absent(self.run_id, error.body)
        return job.snapshot()

    def cancel(self, api: TamrApi) -> Exchange[None]:
        """Ask Tamr to stop the job."""
        return api.stop_job(self.run_id)

    def url(self, api: TamrApi) -> str:
        """Return the link to the job."""
        return api.job_url(self.run_id)


class TamrResourceIdleWatch(ConditionWatch):
    """Describes how to wait until no job on a source or data product is active.

    :param source_id: the id of the source; ``None`` for a data product.
    :param data_product_id: the id of the data product; ``None`` for a source.
    """

    source_id: str | None = None
    data_product_id: str | None = None

    def check(self) -> None:
        """Check that exactly one id is given."""
        super().check()
        require_one_text(**self.resource)

    @property
    def resource(self) -> dict[str, str | None]:
        """The two ids by argument name. The id of the resource is set; the other one is ``None``."""
        return {"source_id": self.source_id, "data_product_id": self.data_product_id}

    @property
    def in_words(self) -> str:
        """The resource on which no job may be active."""
        return f"no active job on {_named(self.resource)}"

    def question(self, api: TamrApi) -> Exchange[JsonObject | None]:
        """Return an empty object if the resource has no open jobs, else ``None``."""
        resource = {"sourceId": self.source_id, "dataProductId": self.data_product_id}
        jobs = yield from api.open_jobs(resource)
        return None if jobs else {}


class TamrJobSucceededWatch(OfResource, RunConditionWatch):
    """Describes how to wait until a job on a resource has succeeded.

    :param since: the job must have been created at or after this time, in seconds since the epoch.
    """

    since: float
    source_id: str | None = None
    data_product_id: str | None = None
    workflow_id: str | None = None
    destination_id: str | None = None

    def check(self) -> None:
        """Check that exactly one id is given, and that the time is valid."""
        super().check()
        require_one_text(**self.resource)
        require_time(since=self.since)

    @property
    def in_words(self) -> str:
        """The resource on which a job must succeed, and since when."""
        since = datetime.fromtimestamp(self.since, UTC)
        return f"a job on {_named(self.resource)}, created since {since:%Y-%m-%d %H:%M:%S} UTC, has succeeded"

    def question(self, api: TamrApi) -> Exchange[JsonObject | None]:
        """Return the newest job that meets the condition, as JSON; ``None`` if there is no such job yet."""
        job = yield from api.succeeded_since(self.since, **self.resource)
        return None if job is None else job.snapshot().as_json()

    def found(self, run_id: str) -> TamrJobWatch:
        """Return a watch for the job that was found."""
        return TamrJobWatch(run_id=run_id)


def _named(resource: Mapping[str, str | None]) -> str:
    """Return the kind and the id of a resource: ``data product d-1``."""
    return next(
        f"{name.removesuffix('_id').replace('_', ' ')} {id_}" for name, id_ in resource.items() if id_
    )


def _resource(configuration: JsonObject) -> dict[str, str]:
    """Return the query parameter for a list of only the jobs on this configuration's resource."""
    ids = next(iter(configuration.values()))
    for name in ("sourceId", "workflowId", "destinationId", "dataProductId"):
        if ids.get(name):
            return {name: ids[name]}
    return {}
