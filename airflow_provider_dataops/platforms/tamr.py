"""The Tamr Cloud Jobs API, ``v1beta1``: create, read, list and stop jobs.

Facts: the vendor's guide "Coordinating data product refresh via API", its reference and the protobuf
definition in its SDK. ``DONE`` does not mean success: ``status.error`` decides. Nothing here speaks to Tamr
Core, the older product with another API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_provider_dataops.errors import (
    BadRequestError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
)
from airflow_provider_dataops.platforms.api import Api
from airflow_provider_dataops.platforms.http import (
    Exchange,
    Reply,
    Request,
    call,
    json_body,
    read_nothing,
    segment,
)
from airflow_provider_dataops.platforms.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.platforms.settings import (
    ConnectionFields,
    Settings,
    base_url,
    common_settings,
    credential,
    fill_template,
)

API_PATH = "/api/v1beta1"
DOMAIN = "tamr.cloud"

#: The platform's ceiling of jobs on a page.
PAGE_SIZE = 30
#: A tenant has few open jobs (5 running by default, and those that wait): a sweep reads no more pages.
SWEEP_PAGES = 3
#: A job that was really created is listed within this time, in seconds.
SETTLE_SECONDS = 30.0
#: The clock that stamps jobs and the one of the answers' Date need not agree, in seconds.
CLOCK_MARGIN = 60.0
#: The reason of a job that was stopped.
STOPPED = "STOPPED_BY_USER"
OPEN_JOBS = "status.state != DONE"

_STATES = {"PENDING": RunState.PENDING, "RUNNING": RunState.RUNNING, "STOPPING": RunState.RUNNING}

#: What a job on a resource itself looks like, by the name of the resource's id.
_OWN_KIND = {
    "source_id": ("load", "sourceId"),
    "data_product_id": ("update", "dataProductId"),
    "workflow_id": ("update", "workflowId"),
    "destination_id": ("publish", "destinationId"),
}

#: Which ids a configuration of each kind may hold.
_CONFIGURATION_IDS = {
    "load": {"sourceId"},
    "update": {"dataProductId", "workflowId"},
    "publish": {"destinationId", "dataProductId"},
}


@dataclass(frozen=True)
class JobStatus:
    """A state that a job was or is in.

    :param state: the platform's word, upper-case.
    :param since: when the job entered it, ISO 8601.
    """

    state: str
    since: str | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    :param configuration: what it does, without unset ids.
    :param status: the platform's word, upper-case.
    :param reason: why it was not successful, a constant such as ``STOPPED_BY_USER``.
    :param message: the same for people.
    :param history: the states it went through, oldest first, the current one last.
    """

    job_id: str
    configuration: Mapping[str, Any]
    status: str
    state: RunState
    reason: str = ""
    message: str = ""
    history: tuple[JobStatus, ...] = ()

    def entered(self, *states: str) -> str | None:
        """Return when the job first entered one of these states."""
        return next((s.since for s in self.history if s.state in states and s.since), None)

    @property
    def created_at(self) -> str | None:
        """When the job's first known state began, ISO 8601; its end does not count as one."""
        return self.entered("PENDING", "RUNNING", "STOPPING")

    def snapshot(self) -> RunSnapshot:
        """Return the job in the vocabulary that all platforms share."""
        words = ": ".join(part for part in (self.reason, self.message) if part)
        return RunSnapshot(
            run_id=self.job_id,
            state=self.state,
            raw_state=self.status,
            started_at=self.entered("RUNNING") or self.created_at or self.entered("DONE"),
            finished_at=self.entered("DONE"),
            message=words,
            details={
                "job_id": self.job_id,
                "configuration": dict(self.configuration),
                "reason": self.reason,
                "message": self.message,
                "history": [{"state": s.state, "since": s.since} for s in self.history],
            },
        )


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


@dataclass(frozen=True, kw_only=True)
class JobLaunch:
    """One job to be created."""

    api: TamrApi
    configuration: Mapping[str, Any]

    noun: ClassVar[str] = "job"
    settle_seconds: ClassVar[float] = SETTLE_SECONDS
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = True
    #: More than the tenant's concurrent jobs (5 by default) is answered by 429.
    waits_for_slot: ClassVar[bool] = True
    absence_proves: ClassVar[bool] = True

    @property
    def realm(self) -> str:
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

    def orphans(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
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


def load(source_id: str) -> dict[str, Any]:
    """Return the configuration that refreshes a source."""
    return {"load": {"sourceId": source_id}}


def update_data_product(data_product_id: str) -> dict[str, Any]:
    """Return the configuration that runs a data product."""
    return {"update": {"dataProductId": data_product_id}}


def run_workflow(workflow_id: str) -> dict[str, Any]:
    """Return the configuration that runs a workflow."""
    return {"update": {"workflowId": workflow_id}}


def publish(destination_id: str, data_product_id: str | None = None) -> dict[str, Any]:
    """Return the configuration that publishes: of a data product with both ids, of RealTime with one."""
    ids = {"destinationId": destination_id}
    if data_product_id:
        ids["dataProductId"] = data_product_id
    return {"publish": ids}


def check_configuration(configuration: object) -> None:
    """Refuse a job's configuration that the platform would not take.

    :raises InvalidArgumentError: unless it has exactly one of load, update, publish, with its ids.
    """
    if not isinstance(configuration, Mapping) or len(configuration) != 1:
        raise InvalidArgumentError(
            f"configuration must be exactly one of {', '.join(_CONFIGURATION_IDS)}; given: {configuration!r}"
        )
    kind, ids = next(iter(configuration.items()))
    allowed = _CONFIGURATION_IDS.get(kind)
    if allowed is None:
        raise InvalidArgumentError(
            f"configuration must hold exactly one of {', '.join(_CONFIGURATION_IDS)}; given: {kind!r}"
        )
    if not isinstance(ids, Mapping) or not set(ids) <= allowed:
        raise InvalidArgumentError(f"configuration[{kind!r}] may hold {sorted(allowed)}; given: {ids!r}")
    for name, value in ids.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(
                f"configuration[{kind!r}][{name!r}] must be a non-empty text; given: {value!r}"
            )
    if kind == "update" and len(ids) != 1:
        raise InvalidArgumentError(
            "configuration['update'] takes either dataProductId or workflowId; given: " + str(dict(ids))
        )
    required = {"load": "sourceId", "publish": "destinationId"}.get(kind)
    if required and required not in ids:
        raise InvalidArgumentError(f"configuration[{kind!r}] lacks {required!r}")


def describe(configuration: Mapping[str, Any]) -> str:
    """Return a configuration in a few words: ``load sourceId=src_1``."""
    return " ".join(
        f"{kind} " + " ".join(f"{name}={value}" for name, value in ids.items())
        for kind, ids in configuration.items()
    )


def _resource(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the list's parameter that keeps the jobs on the configuration's resource."""
    ids = next(iter(configuration.values()))
    for name in ("sourceId", "workflowId", "destinationId", "dataProductId"):
        if ids.get(name):
            return {name: ids[name]}
    return {}


def _does(echoed: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Tell whether a job does what was asked; the platform may echo more than it was told."""
    return all(
        isinstance(echoed.get(kind), Mapping) and ids.items() <= echoed[kind].items()
        for kind, ids in asked.items()
    )


def _read_job(reply: Reply) -> Job:
    return _job(reply.json(), reply)


def _read_page(reply: Reply) -> tuple[list[Job], str, float | None]:
    told = reply.json()
    jobs = told.get("jobs") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(jobs or [], list):
        raise MalformedReplyError("no page of jobs", status=reply.status, body=reply.text())
    return [_job(job, reply) for job in jobs or []], str(told.get("nextPageToken") or ""), reply.date


def _job(told: object, reply: Reply) -> Job:
    status = told.get("status") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(status, dict) or not told.get("jobId"):
        raise MalformedReplyError("a job without jobId and status", status=reply.status, body=reply.text())
    word = str(status.get("state") or "STATE_UNSPECIFIED").upper()
    error = status.get("error") or {}
    if not isinstance(error, dict):
        error = {"message": str(error)}
    reason = str(error.get("reason") or "")
    if word == "DONE":
        failed = RunState.CANCELLED if reason == STOPPED else RunState.FAILED
        state = failed if error else RunState.SUCCEEDED
    else:
        state = _STATES.get(word, RunState.UNKNOWN)
    return Job(
        job_id=str(told["jobId"]),
        configuration=_without_unset(told.get("configuration")),
        status=word,
        state=state,
        reason=reason,
        message=str(error.get("message") or ""),
        history=_history(told.get("statusHistory"), status),
    )


def _history(past: object, current: Mapping[str, Any]) -> tuple[JobStatus, ...]:
    told = [entry for entry in past if isinstance(entry, dict)] if isinstance(past, list) else []
    known = [
        JobStatus(str(entry.get("state") or "").upper(), entry.get("stateStartTime"))
        for entry in (*told, current)
    ]
    # Whether the history already holds the current status, and its order, are not documented.
    ordered = sorted(dict.fromkeys(known), key=lambda s: instant(s.since) or float("inf"))
    return tuple(ordered)


def _without_unset(told: object) -> dict[str, Any]:
    """Return a configuration without ids that the platform echoes as empty texts."""
    if not isinstance(told, dict):
        return {}
    return {
        kind: {name: value for name, value in ids.items() if value}
        for kind, ids in told.items()
        if isinstance(ids, dict)
    }
