"""The Tamr Cloud Jobs API, ``v1beta1``: create, read, list and stop jobs.

Sources: the vendor's guide "Coordinating data product refresh via API", its API reference, and the protobuf
definition in its SDK. A job that is ``DONE`` may have failed: then ``status.error`` is set. Tamr Core, the
older product, has another API and is not supported.
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
from airflow_provider_dataops.platforms.tamr.lineage import NAMES, tenant_host
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
#: The maximum number of jobs on a page.
PAGE_SIZE = 30
#: The maximum number of pages in a list of open jobs. A tenant has few open jobs: by default, at most 5 jobs
#: run at once, and some wait.
SWEEP_PAGES = 3
#: The maximum number of pages to read in the search for a certain job.
MOST_PAGES = 100
#: The filter for jobs that have not ended.
OPEN_JOBS = "status.state != DONE"


class TamrApi(Api):
    """The calls to Tamr Cloud, with the API key of one user."""

    platform = "Tamr"
    noun = "job"
    names = NAMES

    def __init__(self, settings: Settings, *, api_key: str) -> None:
        super().__init__(settings)
        self._api_key = api_key
        #: The filter for open jobs. After the tenant has rejected the filter, the value is ``None``, and the
        #: newest jobs are listed instead.
        self._open_jobs_filter: str | None = OPEN_JOBS

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> TamrApi:
        """Return the API for an Airflow connection of type ``tamr``.

        The connection's host can be the name of the tenant, its host name, or its URL.

        :raises ConnectionSettingsError: if the host or the API key is missing or invalid.
        """
        api_key = credential(fields, "password (the API key)", fields.password)
        host = (fields.host or "").strip().rstrip("/")
        host = tenant_host(host) if host else ""
        if host.endswith(API_PATH):
            host = host.removesuffix(API_PATH)
        named = ConnectionFields(
            conn_id=fields.conn_id, host=host, port=fields.port, schema=fields.schema, extra=fields.extra
        )
        settings = read_settings(fields, base_url(named), secrets=(api_key,), placeholders=PLACEHOLDERS)
        return cls(settings, api_key=api_key)

    def credentials(self) -> Mapping[str, str]:
        """Return the header with the API key."""
        return {"X-API-KEY": self._api_key}

    def _url(self, path: str) -> str:
        return f"{self.settings.base_url}{API_PATH}/{path}"

    def _job_url(self, job_id: str) -> str:
        return f"{self._url('jobs')}/{segment(job_id)}"

    # --- runs ------------------------------------------------------------------------------------------

    def launch(self, configuration: Mapping[str, Any], *, cancel_on_kill: bool = False) -> TamrJobLaunch:
        """Return the launch, which can create a job. The caller must validate the configuration first."""
        return TamrJobLaunch(api=self, configuration=configuration, cancel_on_kill=cancel_on_kill)

    def watch_job(self, job_id: str) -> TamrJobWatch:
        """Return the watch, which describes how to wait for a job that exists already."""
        return TamrJobWatch(run_id=job_id, cancel_on_kill=False)

    def watch_idle(self, **resource: Any) -> TamrResourceIdleWatch:
        """Return a watch that waits until no job on a source or data product is active."""
        return TamrResourceIdleWatch(**resource)

    def watch_succeeded(self, since: float, **resource: Any) -> TamrJobSucceededWatch:
        """Return a watch that waits until a job on a resource has succeeded.

        :param since: jobs that were created before this time do not count; in seconds since the epoch.
        """
        return TamrJobSucceededWatch(since=since, **resource)

    # --- calls -----------------------------------------------------------------------------------------

    def create_job(self, configuration: Mapping[str, Any]) -> Exchange[Job]:
        """Create a job and return it. The request is not idempotent, so it is not sent twice."""
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
        """Return jobs, newest first.

        :param filter: a filter expression of the platform, such as ``status.state != DONE``. The names of its
            fields are in snake_case.
        :param max_pages: read at most this many pages of 30 jobs; ``None`` reads all.
        :raises MalformedReplyError: if one of the jobs cannot be read.
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
        """Return jobs, and when the server sent the first page, in seconds since the epoch.

        :param parameters: the query parameters of the list.
        :param max_pages: read at most this many pages.
        :param wanted: the ids of the jobs to return. The other jobs are not decoded. Pages are read until all
            of these jobs are found.
        :param until: a function that gets a job. Pages are read until it returns ``True`` for a job, but at
            most :data:`MOST_PAGES` pages. With this function, ``max_pages`` is ignored.
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
            is_enough |= wanted is not None and len(jobs.found) >= len(wanted)
            if not page_token or is_enough or page_token in seen_tokens or (max_pages and page >= max_pages):
                jobs.cut = bool(page_token)
                return jobs, listed_at
            seen_tokens.add(page_token)
            query["pageToken"] = page_token

    def stop_job(self, job_id: str) -> Exchange[None]:
        """Ask Tamr to stop a job. The job may still succeed or fail.

        The documentation does not show Tamr's response for a job that has already ended. So after an error,
        this method reads the job. It raises the error only if the job has not ended.
        """
        # The colon is part of the path. Only the id is percent-encoded.
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
            log.info("Tamr job %s had already ended, so the stop request failed: %s", job_id, refusal)

    def open_jobs(self, resource: Mapping[str, str | None]) -> Exchange[list[Job]]:
        """Return the jobs on a resource that have not ended.

        :param resource: the query parameter for the resource, such as ``sourceId``.
        :raises MalformedReplyError: if no open job is found, but a job in the list cannot be read.
        :raises IncompleteListError: if no open job is found, but the list leaves out older jobs.
        """
        jobs = yield from self.open_or_newest(resource, until=_is_open)
        still_open = [job for job in jobs.found if _is_open(job)]
        if not still_open:
            jobs.whole()
            if jobs.cut:
                raise IncompleteListError(
                    f"the newest {len(jobs.found)} jobs have ended, but older jobs that were not read may be "
                    "open",
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
        """Return the jobs that have not ended. If the tenant rejects the filter, return the newest jobs.

        :param parameters: the query parameters of the list.
        :param wanted: the ids of the jobs to return.
        :param until: a function that gets a job. Pages are read until it returns ``True`` for a job.
        """
        expression = self._open_jobs_filter
        try:
            filtered = {**parameters, "filter": expression}
            jobs, _ = yield from self.listed(filtered, SWEEP_PAGES if expression else 1, wanted, until)
        except BadRequestError:
            if expression is None:
                raise
            if not parameters:
                # The request has no other parameter, so only the filter can be the cause of this 400.
                self._open_jobs_filter = None
            jobs, _ = yield from self.listed(parameters, 1, wanted, until)
        return jobs

    def succeeded_since(self, since: float, **resource: str | None) -> Exchange[Job | None]:
        """Return the newest successful job on a resource. Jobs created before ``since`` do not count.

        :param since: the time in seconds since the epoch.
        :param resource: the id of the resource as a keyword argument, such as ``source_id``.
        :return: ``None`` if there is no such job.
        """
        own = own_configuration(resource)

        def is_wanted(job: Job) -> bool:
            created = instant(job.created_at)
            succeeded = job.state is RunState.SUCCEEDED and includes(job.configuration, own)
            return succeeded and created is not None and created >= since

        jobs = yield from self.of_resource(
            resource, until=lambda job: is_wanted(job) or job.started_before(since)
        )
        return next(filter(is_wanted, jobs.found), None)

    def of_resource(self, resource: Mapping[str, str | None], **which: Any) -> Exchange[Listed[Job]]:
        """Return the jobs on a resource, newest start first.

        :param resource: ids by argument name; without an id, all jobs of the tenant.
        :param which: which jobs to return: ``max_pages`` or ``until``, as in :meth:`listed`.
        """
        jobs, _ = yield from self.listed(_parameters(**resource), **which)
        return jobs

    def newest_and_open(self, resource: Mapping[str, str | None], max_pages: int) -> Exchange[Listed[Job]]:
        """Return the newest jobs on a resource, and the jobs on it that have not ended.

        :param resource: ids by argument name; without an id, all jobs of the tenant.
        :param max_pages: read at most this many pages of the newest jobs.
        """
        jobs = yield from self.of_resource(resource, max_pages=max_pages)
        if jobs.cut:
            jobs.extend((yield from self.open_or_newest(_parameters(**resource))))
        return jobs

    def test(self) -> Exchange[str]:
        """Request a list of one job. Every user with an API key may list jobs."""
        yield from self.get("list jobs", self._url("jobs?pageSize=1"), read_page)
        return "the API key is accepted"

    def job_url(self, job_id: str) -> str:
        """Return the link to a job. Without ``link_template``, the link leads to the tenant's start page.

        The documentation shows no URL for the page of a job.
        """
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
    """Return the query parameters that restrict the list to the jobs on a resource."""
    return {
        "sourceId": source_id,
        "dataProductId": data_product_id,
        "workflowId": workflow_id,
        "destinationId": destination_id,
    }
