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
from dataops_sandbox.tamr.filter import FilterError, parse
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
_MEMBERS = {"load": {"sourceId"}, "update": {"dataProductId", "workflowId"}, "publish": set(_RESOURCES[1:3])}


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
        return {"conn_type": self.name, "host": self.base_url, "password": self.api_key, "extra": {}}

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
        if key != self.api_key:
            raise DeniedError(401, "this API key is not valid")

    def _known(self, job_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is None or not self._visible(job):
            raise DeniedError(404, f"job {job_id} not found")
        return self.job(job_id)

    def _visible(self, job: Job) -> bool:
        return self.world.timeline.now() >= job.history[0][1] + job.script.hidden

    # The operations

    def _create_job(self, call: Call) -> Answer:
        self._authorise(call)
        body = call.json_object()
        if body.keys() != {"configuration"}:
            raise RefusedError(400, f"a new job has one member, configuration, not {sorted(body)}")
        kind, ids = self._configuration(body["configuration"])
        self._check_ids(kind, ids)
        taken = sum(self.job(job_id).true_state in self.slot_states for job_id in self.jobs)
        if taken >= self.slots:
            raise DeniedError(429, f"{taken} jobs are running at once, and {self.slots} are allowed")
        return Answer.of_json(self.job(self.start({kind: ids}, created_by=API_USER)).as_json())

    @staticmethod
    def _configuration(configuration: object) -> tuple[str, dict[str, str]]:
        """Give the kind of a job and its ids, unset ones left out."""
        if not isinstance(configuration, dict) or len(configuration) != 1:
            raise RefusedError(400, "configuration is an object with exactly one of load, update, publish")
        [(kind, ids)] = configuration.items()
        if kind not in _MEMBERS:
            raise RefusedError(400, f"no kind of job {kind!r}; known: load, update, publish")
        if not isinstance(ids, dict) or not all(isinstance(value, str) for value in ids.values()):
            raise RefusedError(400, f"{kind} is an object of id strings")
        if ids.keys() - _MEMBERS[kind]:
            raise RefusedError(400, f"{kind} has no member {sorted(ids.keys() - _MEMBERS[kind])}")
        # In JSON mapped from protobuf an empty string is an unset member.
        return kind, {name: value for name, value in ids.items() if value}

    def _check_ids(self, kind: str, ids: dict[str, str]) -> None:
        if kind == "update" and len(ids) != 1:
            raise RefusedError(400, "update takes dataProductId or workflowId, one of them")
        if kind == "load" and not ids:
            raise RefusedError(400, "load needs sourceId")
        if kind == "publish" and "destinationId" not in ids:
            raise RefusedError(400, "publish needs destinationId")
        known: dict[str, Any] = {
            "sourceId": self.sources,
            "dataProductId": self.data_products,
            "workflowId": self.workflows,
            "destinationId": self.destinations,
        }
        for name, value in ids.items():
            if value not in known[name]:
                raise DeniedError(404, f"{name} {value} not found")
        if kind == "publish" and self.destinations[ids["destinationId"]] != ("dataProductId" in ids):
            needs = self.destinations[ids["destinationId"]]
            raise RefusedError(400, f"this destination {'needs a' if needs else 'takes no'} dataProductId")

    def _get_job(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json(self._known(call.params["job"]).as_json())

    def _stop_job(self, call: Call) -> Answer:
        self._authorise(call)
        if call.json_object():
            raise RefusedError(400, "a stop takes an empty JSON object")
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
        jobs = [self.job(job_id) for job_id in reversed(self.jobs)]
        jobs = [job for job in jobs if self._visible(job)]
        for name in _RESOURCES:
            if query.get(name):
                jobs = [job for job in jobs if job.ids.get(name) == query[name]]
        job_type = query.get("jobType", "JOB_TYPE_UNSPECIFIED")
        if job_type != "JOB_TYPE_UNSPECIFIED":
            if job_type not in _JOB_TYPES:
                raise RefusedError(400, f"no jobType {job_type!r}")
            jobs = [job for job in jobs if job.kind == _JOB_TYPES[job_type]]
        expression = query.get("filter")
        if expression and self.filters == "refused":
            raise DeniedError(400, "filters are switched off")
        if expression and self.filters == "obeyed":
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
