"""The Tamr Cloud Jobs API, ``v1beta1``: create, read, list and stop jobs.

Facts: the vendor's guide "Coordinating data product refresh via API", its reference and the protobuf
definition in its SDK. ``DONE`` does not mean success: ``status.error`` decides. Nothing here speaks to Tamr
Core, the older product with another API.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.http import Exchange, json_body, read_nothing, segment
from airflow_provider_dataops.core.listing import Listed
from airflow_provider_dataops.core.run import RunState, instant
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    credential,
    read_settings,
)
from airflow_provider_dataops.errors import ApiError, BadRequestError, IncompleteListError
from airflow_provider_dataops.platforms.tamr.configurations import describe, includes, own_configuration
from airflow_provider_dataops.platforms.tamr.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.tamr.model import Job, read_job, read_page
from airflow_provider_dataops.platforms.tamr.runs import (
    TamrJobLaunch,
    TamrJobSucceededWatch,
    TamrJobWatch,
    TamrResourceIdleWatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

API_PATH = "/api/v1beta1"
DOMAIN = "tamr.cloud"
#: The platform's ceiling of jobs on a page.
PAGE_SIZE = 30
#: A tenant has few open jobs (5 running by default, and those that wait): a sweep reads no more pages.
SWEEP_PAGES = 3
#: Where no job may be left out, pages are read until that is certain, but no more than this.
MOST_PAGES = 100
OPEN_JOBS = "status.state != DONE"


class TamrApi(Api):
    """Tamr Cloud, reached with one user's API key."""

    platform = "Tamr"
    noun = "job"

    def __init__(self, settings: Settings, *, api_key: str) -> None:
        super().__init__(settings)
        self._api_key = api_key
        #: How to list open jobs; ``None`` once the tenant has refused the filter: the newest jobs have to do.
        self._open_jobs_filter: str | None = OPEN_JOBS

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> TamrApi:
        """Read an Airflow connection of type ``tamr``; the host is a tenant's name, host or URL.

        :raises ConnectionSettingsError: if the host or the API key is missing.
        """
        api_key = credential(fields, "password (the API key)", fields.password)
        host = (fields.host or "").strip().rstrip("/")
        if host and not set(host) & set("./:"):
            host = f"{host}.{DOMAIN}"
        if host.endswith(API_PATH):
            host = host.removesuffix(API_PATH)
        named = ConnectionFields(
            conn_id=fields.conn_id, host=host, port=fields.port, schema=fields.schema, extra=fields.extra
        )
        settings = read_settings(fields, base_url(named), secrets=(api_key,), placeholders=PLACEHOLDERS)
        return cls(settings, api_key=api_key)

    def credentials(self) -> Mapping[str, str]:
        """Return the API key's header."""
        return {"X-API-KEY": self._api_key}

    def _url(self, path: str) -> str:
        return f"{self.settings.base_url}{API_PATH}/{path}"

    def _job_url(self, job_id: str) -> str:
        return f"{self._url('jobs')}/{segment(job_id)}"

    # --- runs ------------------------------------------------------------------------------------------

    def launch(self, configuration: Mapping[str, Any], *, cancel_on_kill: bool = False) -> TamrJobLaunch:
        """Return a job to be created; the caller has checked its configuration."""
        return TamrJobLaunch(api=self, configuration=configuration, cancel_on_kill=cancel_on_kill)

    def watch_job(self, job_id: str) -> TamrJobWatch:
        """Return the watch of a job that something else created."""
        return TamrJobWatch(run_id=job_id, cancel_on_kill=False)

    def watch_idle(self, **resource: Any) -> TamrResourceIdleWatch:
        """Return the watch of a source or data product, for the time when no job on it is active."""
        return TamrResourceIdleWatch(**resource)

    def watch_succeeded(self, since: float, **resource: Any) -> TamrJobSucceededWatch:
        """Return the watch of a resource, for a job that was created at or after a time and succeeded."""
        return TamrJobSucceededWatch(since=since, **resource)

    # --- calls -----------------------------------------------------------------------------------------

    def create_job(self, configuration: Mapping[str, Any]) -> Exchange[Job]:
        """Create a job. Never repeated by itself: each call makes another job."""
        url, operation = self._url("jobs"), f"create job ({describe(configuration)})"
        return self.post(operation, url, json_body({"configuration": configuration}), read_job)

    def get_job(self, job_id: str) -> Exchange[Job]:
        """Return one job."""
        return self.get(f"get job {job_id}", self._job_url(job_id), read_job)

    def list_jobs(
        self,
        *,
        source_id: str | None = None,
        data_product_id: str | None = None,
        workflow_id: str | None = None,
        destination_id: str | None = None,
        filter: str | None = None,
        max_pages: int | None = None,
    ) -> Exchange[list[Job]]:
        """Return jobs, newest first, from as many pages of 30 as there are.

        :param filter: an expression of the platform, for instance ``status.state != DONE``; its fields are
            snake_case.
        :param max_pages: read no more pages than this.
        """
        parameters = _parameters(
            source_id=source_id,
            data_product_id=data_product_id,
            workflow_id=workflow_id,
            destination_id=destination_id,
        )
        jobs, _ = yield from self.listed({**parameters, "filter": filter}, max_pages)
        return jobs.whole()

    def listed(
        self,
        parameters: Mapping[str, str | None],
        max_pages: int | None = None,
        wanted: frozenset[str] | None = None,
        until: Callable[[Job], bool] | None = None,
    ) -> Exchange[tuple[Listed[Job], float | None]]:
        """Return jobs, and the time at the server when the first page was made.

        :param wanted: the ids of the jobs to return; the others do not become objects.
        :param until: read pages up to the first one with such a job, instead of ``max_pages``.
        """
        if until is not None:
            max_pages = MOST_PAGES
        parse = partial(read_page, wanted=wanted)
        jobs: Listed[Job] = Listed()
        listed_at: float | None = None
        query = {"pageSize": str(PAGE_SIZE), **{k: v for k, v in parameters.items() if v}}
        seen_tokens: set[str] = set()
        page = 0
        while True:
            url = self._url(f"jobs?{urlencode(query, quote_via=quote)}")
            found, page_token, date = yield from self.get("list jobs", url, parse)
            jobs.extend(found)
            page += 1
            listed_at = date if page == 1 else listed_at
            is_enough = until is not None and any(map(until, found.found))
            if not page_token or is_enough or page_token in seen_tokens or (max_pages and page >= max_pages):
                jobs.cut = bool(page_token)
                return jobs, listed_at
            seen_tokens.add(page_token)
            query["pageToken"] = page_token

    def stop_job(self, job_id: str) -> Exchange[None]:
        """Ask for a stop. It is a request: the job may still succeed or fail.

        How a stop is answered that comes too late is not documented. If the job has ended, a refusal is no
        failure.
        """
        # The colon belongs to the path; only the id is quoted.
        url = f"{self._job_url(job_id)}:stop"
        stop = self.post(f"stop job {job_id}", url, json_body({}), read_nothing, repeatable=True)
        return self._unless_ended(stop, job_id)

    def _unless_ended(self, stop: Exchange[None], job_id: str) -> Exchange[None]:
        try:
            yield from stop
        except ApiError as refusal:
            try:
                job = yield from self.get_job(job_id)
            except ApiError:
                raise refusal from None
            if not job.state.is_final:
                raise
            log.info("Job %s had ended before it was stopped: %s", job_id, refusal)

    def open_jobs(self, resource: Mapping[str, str | None]) -> Exchange[list[Job]]:
        """Return the jobs on a resource that have not ended.

        :param resource: the list's parameter that names it, ``sourceId`` for instance.
        :raises MalformedReplyError: if there is none but one that cannot be read, or that may be left out.
        """
        jobs = yield from self.open_or_newest(resource, until=_is_open)
        still_open = [job for job in jobs.found if _is_open(job)]
        if not still_open:
            jobs.whole()
            if jobs.cut:
                raise IncompleteListError(
                    f"none of the newest {len(jobs.found)} jobs is open, and the list has older ones",
                    platform=self.platform,
                )
        return still_open

    def open_or_newest(
        self,
        parameters: Mapping[str, str | None],
        *,
        wanted: frozenset[str] | None = None,
        until: Callable[[Job], bool] | None = None,
    ) -> Exchange[Listed[Job]]:
        """Return the jobs that have not ended; where the tenant refuses the filter, the newest jobs instead.

        :param wanted: the ids of the jobs to return.
        :param until: read pages up to the first one with such a job, not only the first ones.
        """
        expression = self._open_jobs_filter
        try:
            filtered = {**parameters, "filter": expression}
            jobs, _ = yield from self.listed(filtered, SWEEP_PAGES if expression else 1, wanted, until)
        except BadRequestError:
            if expression is None:
                raise
            if not parameters:
                # Nothing else in the request can have been refused.
                self._open_jobs_filter = None
            jobs, _ = yield from self.listed(parameters, 1, wanted, until)
        return jobs

    def succeeded_since(self, since: float, **resource: str | None) -> Exchange[Job | None]:
        """Return the newest job on a resource that was created at or after a time and succeeded."""
        own = own_configuration(resource)

        def is_wanted(job: Job) -> bool:
            created = instant(job.created_at)
            succeeded = job.state is RunState.SUCCEEDED and includes(job.configuration, own)
            return succeeded and created is not None and created >= since

        jobs, _ = yield from self.listed(
            _parameters(**resource), until=lambda job: is_wanted(job) or job.started_before(since)
        )
        return next(filter(is_wanted, jobs.found), None)

    def test(self) -> Exchange[str]:
        """List one job, which every user with a key may."""
        yield from self.get("list jobs", self._url("jobs?pageSize=1"), read_page)
        return "the API key is accepted"

    def job_url(self, job_id: str) -> str:
        """Return the link to a job; without a template the tenant's root, since no page is documented."""
        return self.link("{base_url}/", job_id=job_id, run_id=job_id)


def _is_open(job: Job) -> bool:
    return not job.state.is_final


def _parameters(
    *,
    source_id: str | None = None,
    data_product_id: str | None = None,
    workflow_id: str | None = None,
    destination_id: str | None = None,
) -> dict[str, str | None]:
    """Return the list's parameters that keep the jobs on a resource."""
    return {
        "sourceId": source_id,
        "dataProductId": data_product_id,
        "workflowId": workflow_id,
        "destinationId": destination_id,
    }
