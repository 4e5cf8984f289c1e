"""The Tamr Cloud Jobs API, ``v1beta1``: create, read, list and stop jobs.

Facts: the vendor's guide "Coordinating data product refresh via API", its reference and the protobuf
definition in its SDK. ``DONE`` does not mean success: ``status.error`` decides. Nothing here speaks to Tamr
Core, the older product with another API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.http import (
    Exchange,
    Request,
    call,
    json_body,
    read_nothing,
    segment,
)
from airflow_provider_dataops.core.run import RunState, instant
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    common_settings,
    credential,
    fill_template,
)
from airflow_provider_dataops.errors import (
    BadRequestError,
)
from airflow_provider_dataops.platforms.tamr.model import (
    _OWN_KIND,
    Job,
    _does,
    _read_job,
    _read_page,
    describe,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

API_PATH = "/api/v1beta1"
DOMAIN = "tamr.cloud"
#: The platform's ceiling of jobs on a page.
PAGE_SIZE = 30
#: A tenant has few open jobs (5 running by default, and those that wait): a sweep reads no more pages.
SWEEP_PAGES = 3
OPEN_JOBS = "status.state != DONE"


class TamrApi(Api):
    """Tamr Cloud, reached with one user's API key."""

    platform: ClassVar[str] = "Tamr"

    def __init__(self, settings: Settings, *, api_key: str) -> None:
        super().__init__(settings)
        self._api_key = api_key

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
        return cls(Settings(**common_settings(fields, base_url(named), secrets=(api_key,))), api_key=api_key)

    def credentials(self) -> Mapping[str, str]:
        """Return the API key's header."""
        return {"X-API-KEY": self._api_key}

    def _url(self, path: str) -> str:
        return f"{self.settings.base_url}{API_PATH}/{path}"

    # --- calls -----------------------------------------------------------------------------------------

    def create_job(self, configuration: Mapping[str, Any]) -> Exchange[Job]:
        """Create a job. Never repeated by itself: each call makes another job."""
        return call(
            Request(
                operation=f"create job ({describe(configuration)})",
                method="POST",
                url=self._url("jobs"),
                headers={"Accept": "application/json"},
                body=json_body({"configuration": configuration}),
                parse=_read_job,
            )
        )

    def get_job(self, job_id: str) -> Exchange[Job]:
        """Return one job."""
        return call(
            Request(
                operation=f"get job {job_id}",
                method="GET",
                url=self._url(f"jobs/{segment(job_id)}"),
                headers={"Accept": "application/json"},
                parse=_read_job,
                repeatable=True,
            )
        )

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
        """Return jobs, newest first, reading as many pages of 30 as there are or as are allowed.

        :param filter: an expression as the platform's reference describes it, ``status.state != DONE``.
        """
        jobs, _ = yield from self._list(
            {
                "sourceId": source_id,
                "dataProductId": data_product_id,
                "workflowId": workflow_id,
                "destinationId": destination_id,
                "filter": filter,
            },
            max_pages,
        )
        return jobs

    def _list(
        self, given: Mapping[str, str | None], max_pages: int | None
    ) -> Exchange[tuple[list[Job], float | None]]:
        """Return jobs, and the time at the server when the first page was made."""
        jobs: list[Job] = []
        listed_at: float | None = None
        query = {"pageSize": str(PAGE_SIZE), **{k: v for k, v in given.items() if v}}
        seen_tokens: set[str] = set()
        page = 0
        while True:
            found, page_token, date = yield from call(
                Request(
                    operation="list jobs",
                    method="GET",
                    url=self._url(f"jobs?{urlencode(query, quote_via=quote)}"),
                    headers={"Accept": "application/json"},
                    parse=_read_page,
                    repeatable=True,
                )
            )
            jobs += found
            page += 1
            listed_at = date if page == 1 else listed_at
            if not page_token or page_token in seen_tokens or (max_pages and page >= max_pages):
                return jobs, listed_at
            seen_tokens.add(page_token)
            query["pageToken"] = page_token

    def stop_job(self, job_id: str) -> Exchange[None]:
        """Ask for a stop. It is a request: the job may still succeed or fail."""
        return call(
            Request(
                operation=f"stop job {job_id}",
                method="POST",
                # The colon belongs to the path; only the id is quoted.
                url=self._url(f"jobs/{segment(job_id)}:stop"),
                headers={"Accept": "application/json"},
                body=json_body({}),
                parse=read_nothing,
                repeatable=True,
            )
        )

    def open_jobs(self, resource: Mapping[str, str | None]) -> Exchange[list[Job]]:
        """Return the jobs on a resource that have not ended."""
        try:
            jobs = yield from self.list_jobs(**resource, filter=OPEN_JOBS, max_pages=SWEEP_PAGES)
        except BadRequestError:
            jobs = yield from self.list_jobs(**resource, max_pages=1)
        return [job for job in jobs if not job.state.is_final]

    def succeeded_since(self, resource: Mapping[str, str | None], since: float) -> Exchange[Job | None]:
        """Return the newest job on a resource that was created at or after a time and succeeded."""
        # The list's parameter keeps every job that names the resource: a publish names its data product, too.
        (name, value) = next((name, value) for name, value in resource.items() if value)
        kind, member = _OWN_KIND[name]
        jobs = yield from self.list_jobs(**resource, max_pages=SWEEP_PAGES)
        for job in jobs:
            created = instant(job.created_at)
            own = _does(job.configuration, {kind: {member: value}})
            if own and job.state is RunState.SUCCEEDED and created is not None and created >= since:
                return job
        return None

    def test(self) -> Exchange[str]:
        """List one job, which every user with a key may."""
        yield from call(
            Request(
                operation="list jobs",
                method="GET",
                url=self._url("jobs?pageSize=1"),
                headers={"Accept": "application/json"},
                parse=_read_page,
                repeatable=True,
            )
        )
        return "the API key is accepted"

    def job_url(self, job_id: str) -> str:
        """Return the link to a job; without a template the tenant's root, since no page is documented."""
        template = self.settings.link_template or "{base_url}/"
        return fill_template(template, self.settings.base_url, {"job_id": job_id, "run_id": job_id})
