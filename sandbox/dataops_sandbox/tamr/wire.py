"""The HTTP interface of the sandbox's Tamr Cloud Jobs API.

Method, path, headers, body and errors of each operation follow three sources: the vendor's refresh guide, its
reference of the Jobs API, and the protobuf in its SDK. Where they leave a question open, the sandbox is
strict: a client that works with a strict server also works with a tolerant one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.rules import validate_request
from dataops_sandbox.tamr.filter import FilterError, parse
from dataops_sandbox.tamr.rules import JobQuery, NewJob, Stop
from dataops_sandbox.tamr.store import API_USER, TamrStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox.platform import World
    from dataops_sandbox.tamr.jobs import Job

_JOBS = "/api/v1beta1/jobs"
_JOB_QUERY = frozenset(map(to_camel, JobQuery.model_fields))
_DEFAULT_PAGE = 10


class Tamr(TamrStore):
    """The sandbox's Tamr Cloud tenant."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations = (
            Operation("create_job", "POST", _JOBS, self._create_job),
            Operation("list_jobs", "GET", _JOBS, self._list_jobs, _JOB_QUERY),
            Operation("get_job", "GET", _JOBS + "/{job}", self._get_job),
            Operation("stop_job", "POST", _JOBS + "/{job}:stop", self._stop_job),
        )

    @property
    def base_url(self) -> str:
        """URL of the tenant."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Return the connection fields: host and API key."""
        return {"conn_type": self.name, "host": self.base_url, "password": self.settings.api_key, "extra": {}}

    def denial(self, denied: DeniedError) -> Answer:
        """Return an error response: JSON with ``statusCode`` and ``message``."""
        payload = {"statusCode": denied.status, "message": denied.reason}
        return Answer.of_json(payload, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Return the response, with the current state of each job replaced by ``state``."""
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
        configuration = validate_request(NewJob, call.json_object()).configuration
        self._check_ids(configuration.ids)
        taken = sum(job.state in self.settings.slot_states for job in self.all())
        if taken >= self.settings.slots:
            raise DeniedError(
                429, f"{taken} jobs are running, and only {self.settings.slots} are allowed at once"
            )
        return Answer.of_json(self.launch(configuration, API_USER).as_json())

    def _check_ids(self, ids: dict[str, str]) -> None:
        for name, value in ids.items():
            if value not in self.resources[name]:
                raise DeniedError(404, f"{name} {value} not found")
        destination = ids.get("destinationId")
        if destination and (destination in self.without_data_product) == ("dataProductId" in ids):
            needs = "does not take a" if destination in self.without_data_product else "needs a"
            raise RefusedError(400, f"this destination {needs} dataProductId")

    def _get_job(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        return Answer.of_json(self._known(call.params["job"]).as_json())

    def _stop_job(self, call: Call) -> Answer:
        self._authorise(call)
        validate_request(Stop, call.json_object())
        self._known(call.params["job"]).stop(self.world.timeline.now())
        return Answer.of_json({})

    def _list_jobs(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        query = validate_request(JobQuery, call.query)
        jobs = self._selected(query)
        if query.page_token:
            before = query.page_token.partition(".")[0]
            if query.page_token != _make_token(before, query):
                raise RefusedError(400, "pageToken: this token was not issued for this query")
            jobs = [job for job in jobs if job.number < int(before)]
        size = query.page_size or _DEFAULT_PAGE
        page, rest = jobs[:size], jobs[size:]
        return Answer.of_json(
            {
                "jobs": [job.as_json() for job in page],
                "nextPageToken": _make_token(page[-1].number, query) if rest else "",
            }
        )

    def _selected(self, query: JobQuery) -> list[Job]:
        """Return the jobs that match a query, newest first."""
        ids, test = query.ids, self._filter(query.filter)
        return [
            job
            for job in reversed(self.all())
            if self._visible(job)
            and ids.items() <= job.configuration.ids.items()
            and query.job_type in ("JOB_TYPE_UNSPECIFIED", f"JOB_TYPE_{job.configuration.kind.upper()}")
            and test(job)
        ]

    def _filter(self, expression: str) -> Callable[[Job], bool]:
        if not expression or self.settings.filters == "ignored":
            return lambda _: True
        if self.settings.filters == "refused":
            raise DeniedError(400, "the setting filters='refused' of the sandbox rejects every filter")
        try:
            return parse(expression)
        except FilterError as error:
            raise RefusedError(400, f"filter: {error}") from error


def _make_token(number: object, query: JobQuery) -> str:
    """Return a token for the page after job ``number``. Jobs that start later do not change that page."""
    selection = query.model_dump_json(exclude={"page_size", "page_token"})
    return f"{number}.{hashlib.sha256(f'{number} {selection}'.encode()).hexdigest()[:12]}"
