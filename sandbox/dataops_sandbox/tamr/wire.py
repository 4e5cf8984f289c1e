"""The sandbox's Tamr Cloud Jobs API on the wire.

Method, path, header, body and error of each operation follow the vendor's refresh guide, its reference of
the Jobs API and the protobuf definition in its SDK. Where these are silent the sandbox takes the stricter
reading, since a client that passes it passes the laxer one too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.rules import obeyed
from dataops_sandbox.tamr.filter import FilterError, parse
from dataops_sandbox.tamr.rules import NewJob, Stop
from dataops_sandbox.tamr.store import API_USER, TamrStore

if TYPE_CHECKING:
    from dataops_sandbox.platform import World
    from dataops_sandbox.tamr.jobs import Job

_JOBS = "/api/v1beta1/jobs"
_RESOURCES = ("sourceId", "destinationId", "dataProductId", "workflowId")
_JOB_TYPES = {"JOB_TYPE_LOAD": "load", "JOB_TYPE_UPDATE": "update", "JOB_TYPE_PUBLISH": "publish"}
_LIST_QUERY = frozenset({"pageSize", "pageToken", *_RESOURCES, "jobType", "filter"})
_DEFAULT_PAGE = 10
_LARGEST_PAGE = 30


class Tamr(TamrStore):
    """Tamr Cloud on loopback."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("create_job", "POST", _JOBS, self._create_job),
            Operation("list_jobs", "GET", _JOBS, self._list_jobs, _LIST_QUERY),
            Operation("get_job", "GET", _JOBS + "/{job}", self._get_job),
            Operation("stop_job", "POST", _JOBS + "/{job}:stop", self._stop_job),
        )

    @property
    def base_url(self) -> str:
        """URL of the tenant."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Give host and key as the connection type ``tamr`` has them."""
        return {"conn_type": self.name, "host": self.base_url, "password": self.settings.api_key, "extra": {}}

    def denial(self, denied: DeniedError) -> Answer:
        """Say no in JSON with ``statusCode`` and ``message``."""
        payload = {"statusCode": denied.status, "message": denied.reason}
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Replace the current state of each job."""
        if isinstance(payload, dict) and "jobs" in payload:
            return {**payload, "jobs": [self.disguise(job, state) for job in payload["jobs"]]}
        if isinstance(payload, dict) and "status" in payload:
            return {**payload, "status": {**payload["status"], "state": state}}
        return payload

    def _authorise(self, call: Call) -> None:
        key = call.headers.get("X-API-KEY")
        if key is None:
            raise RefusedError(401, "no X-API-KEY header")
        if key != self.settings.api_key:
            raise DeniedError(401, "this API key is not valid")

    def _known(self, job_id: str) -> Job:
        if job_id not in self.started or not self._visible(self.started[job_id]):
            raise DeniedError(404, f"job {job_id} not found")
        return self.run(job_id)

    def _visible(self, job: Job) -> bool:
        return self.world.timeline.now() >= job.created_at + job.script.hidden

    # The operations

    def _create_job(self, call: Call) -> Answer:
        self._authorise(call)
        configuration = obeyed(NewJob, call.json_object()).configuration
        self._check_ids(configuration.ids)
        taken = sum(job.state in self.settings.slot_states for job in self.all())
        if taken >= self.settings.slots:
            raise DeniedError(429, f"{taken} jobs are running at once, and {self.settings.slots} are allowed")
        return Answer.of_json(self.launch(configuration, API_USER).as_json())

    def _check_ids(self, ids: dict[str, str]) -> None:
        for name, value in ids.items():
            if value not in self.resources[name]:
                raise DeniedError(404, f"{name} {value} not found")
        destination = ids.get("destinationId")
        if destination and (destination in self.without_data_product) == ("dataProductId" in ids):
            needs = "takes no" if destination in self.without_data_product else "needs a"
            raise RefusedError(400, f"this destination {needs} dataProductId")

    def _get_job(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json(self._known(call.params["job"]).as_json())

    def _stop_job(self, call: Call) -> Answer:
        self._authorise(call)
        obeyed(Stop, call.json_object())
        self._known(call.params["job"]).stop(self.world.timeline.now())
        return Answer.of_json({})

    def _list_jobs(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        query = dict(call.query)
        size = _page_size(query.pop("pageSize", ""))
        token = query.pop("pageToken", "")
        jobs = self._selected(query)
        if token:
            before = _read_token(token, query)
            jobs = [job for job in jobs if job.number < before]
        page, rest = jobs[:size], jobs[size:]
        return Answer.of_json(
            {
                "jobs": [job.as_json() for job in page],
                "nextPageToken": _make_token(page[-1].number, query) if rest else "",
            }
        )

    def _selected(self, query: dict[str, str]) -> list[Job]:
        """Give the jobs that fit a query, newest first."""
        jobs = [job for job in reversed(self.all()) if self._visible(job)]
        for name in _RESOURCES:
            if query.get(name):
                jobs = [job for job in jobs if job.ids.get(name) == query[name]]
        job_type = query.get("jobType", "JOB_TYPE_UNSPECIFIED")
        if job_type != "JOB_TYPE_UNSPECIFIED":
            if job_type not in _JOB_TYPES:
                raise RefusedError(400, f"no jobType {job_type!r}")
            jobs = [job for job in jobs if job.kind == _JOB_TYPES[job_type]]
        expression = query.get("filter")
        if expression and self.settings.filters == "refused":
            raise DeniedError(400, "filters are switched off")
        if expression and self.settings.filters == "obeyed":
            try:
                test = parse(expression)
            except FilterError as error:
                raise RefusedError(400, f"filter: {error}") from error
            jobs = [job for job in jobs if test(job)]
        return jobs


def _page_size(text: str) -> int:
    if text in ("", "0"):
        return _DEFAULT_PAGE
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > _LARGEST_PAGE:
        raise RefusedError(400, f"pageSize is a number up to {_LARGEST_PAGE}, not {text!r}")
    return int(text)


def _fingerprint(query: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(query.items())).encode()).hexdigest()[:12]


def _make_token(number: int, query: dict[str, str]) -> str:
    """Make a token for the jobs older than ``number``: jobs that come meanwhile do not shift the pages."""
    return base64.urlsafe_b64encode(f"{number}.{_fingerprint(query)}".encode()).decode()


def _read_token(token: str, query: dict[str, str]) -> int:
    try:
        number, _, fingerprint = base64.b64decode(token, b"-_", validate=True).decode().partition(".")
        before = int(number)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(400, "this pageToken was never given out") from error
    if fingerprint != _fingerprint(query):
        raise RefusedError(400, "a pageToken goes with the query that it came from")
    return before
