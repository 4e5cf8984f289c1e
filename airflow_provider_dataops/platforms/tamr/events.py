"""List the jobs that have ended, for an event trigger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_one_text
from airflow_provider_dataops.core.feed import ABOUT_ONE_RUN, Ended, Listing, RunFeed, kept
from airflow_provider_dataops.errors import NotFoundError
from airflow_provider_dataops.platforms.tamr.configurations import OfResource, includes, own_configuration

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.errors import ApiError
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.tamr.model import Job

#: The first poll of a trigger reads this many pages of 30 jobs.
FIRST_PAGES = 10


@dataclass(frozen=True)
class _Memory:
    """What the next poll needs: the ids of the listed jobs that have ended, and of the open jobs."""

    ended: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


class TamrJobFeed(OfResource, RunFeed):
    """Describes the jobs of a tenant or of one resource, also those that other users have created.

    At most one of the four ids may be set. Without an id, the trigger reports all jobs of the tenant.

    :param tamr_conn_id: the Airflow connection.
    :param source_id: report the jobs that load this source.
    :param data_product_id: report the jobs that update this data product.
    :param workflow_id: report the jobs that run this workflow.
    :param destination_id: report the jobs that publish to this destination.
    """

    tamr_conn_id: str = "tamr_default"
    source_id: str | None = None
    data_product_id: str | None = None
    workflow_id: str | None = None
    destination_id: str | None = None

    conn_type = "tamr"

    def check(self) -> None:
        """Validate the fields. At most one id may be set."""
        super().check()
        if any(value is not None for value in self.resource.values()):
            require_one_text(**self.resource)

    def poll(self, api: TamrApi, before: Listing | None) -> Exchange[Listing]:
        """List the newest jobs, and read the open jobs that are not among them.

        The list is sorted by start, newest first. So the pages after a job that had ended before the last
        poll contain only jobs that are known already. A long job may be on a later page when it ends.
        """
        memory = _Memory() if before is None else before.memory
        if before is None:
            jobs = yield from api.newest_and_open(self.resource, FIRST_PAGES)
        else:
            jobs = yield from api.of_resource(self.resource, until=lambda job: job.job_id in memory.ended)
        found = {job.job_id: job for job in jobs.found}
        known = frozenset(job.job_id for job in jobs.found if job.state.is_final) or memory.ended
        still_open: set[str] = set()
        unreadable: ApiError | None = jobs.error
        for job_id in sorted(memory.open - found.keys()):
            try:
                found[job_id] = yield from api.get_job(job_id)
            except ABOUT_ONE_RUN as error:
                still_open.add(job_id)
                unreadable = error
            except NotFoundError:
                continue
        ended = {job_id for job_id, job in found.items() if job.state.is_final}
        own = [self._ended(api, found[job_id]) for job_id in ended if self._is_own(found[job_id])]
        return Listing(
            ended=kept(before, sorted(own, key=lambda run: run.order)),
            memory=_Memory(known, frozenset(still_open | (found.keys() - ended))),
            error=unreadable,
        )

    def _is_own(self, job: Job) -> bool:
        """Return whether a job works on the resource. A list of a data product also contains publish jobs."""
        if not any(self.resource.values()):
            return True
        return includes(job.configuration, own_configuration(self.resource))

    def _ended(self, api: TamrApi, job: Job) -> Ended:
        return Ended.of(job.snapshot(), partial(api.job_url, job.job_id))
