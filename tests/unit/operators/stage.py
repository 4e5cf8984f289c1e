"""A Tamr tenant in memory, and a task that runs against it without Airflow's database."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_dataops.errors import ApiError, RateLimitedError, error_for_status
from airflow_provider_dataops.platforms.http import Body, Conceal, Pause, Reply, Request
from tests.unit.fakes import reply
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.platforms.http import Exchange
    from airflow_provider_dataops.platforms.tamr import TamrApi

PAST = "2026-11-20T10:00:00.000Z"


@dataclass
class Tenant:
    """Answers requests as Tamr does.

    :param ends: the answer's status of a new job, by its id.
    """

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=lambda: {"state": "RUNNING"})
    refusals: list[ApiError] = field(default_factory=list)
    on_request: Callable[[str], None] | None = None

    def answer(self, request: Request[Any]) -> Reply:
        """Do what a request says."""
        path = urlsplit(request.url).path.removeprefix("/api/v1beta1/jobs")
        self.sent.append(f"{request.method} {path or '/'}")
        if self.on_request is not None:
            self.on_request(self.sent[-1])
        if request.method == "POST" and not path:
            if self.refusals:
                raise self.refusals.pop(0)
            assert isinstance(request.body, Body)
            job_id = f"j-{len(self.jobs) + 1}"
            self.jobs[job_id] = {
                "jobId": job_id,
                "configuration": {"load": {"sourceId": "s"}},
                "status": {"stateStartTime": PAST, **self.status},
            }
            return reply(body=self.jobs[job_id])
        if request.method == "POST":
            job = self.jobs[path.removeprefix("/").removesuffix(":stop")]
            job["status"] = {"state": "DONE", "error": {"reason": "STOPPED_BY_USER"}}
            return reply(body={})
        if path:
            found = self.jobs.get(path.removeprefix("/"))
            if found is None:
                raise error_for_status(404)("unknown", status=404)
            return reply(body=found)
        return reply(body={"jobs": list(reversed(self.jobs.values()))})

    def submissions(self) -> int:
        return self.sent.count("POST /")

    def stops(self) -> list[str]:
        return [line for line in self.sent if line.endswith(":stop")]

    def end(self, job_id: str = "j-1", **error: str) -> None:
        status = {"state": "DONE", "stateStartTime": PAST}
        self.jobs[job_id]["status"] = {**status, "error": error} if error else status


class Hook:
    """The platform's hook with the tenant in place of a network."""

    def __init__(self, tenant: Tenant, pause: Callable[[float], None]) -> None:
        self.tenant = tenant
        self.pause = pause
        self.api: TamrApi = tamr()

    def run(self, exchange: Exchange[Any], policy: object = None) -> Any:
        step = next(exchange)
        try:
            while True:
                if isinstance(step, Pause):
                    value: Any = self.pause(step.seconds)
                elif isinstance(step, Conceal):
                    value = None
                else:
                    try:
                        value = step.parse(self.tenant.answer(step))
                    except ApiError as error:
                        step = exchange.throw(error)
                        continue
                step = exchange.send(value)
        except StopIteration as done:
            return done.value


@dataclass
class StateStore:
    """Airflow's task state store; a superseded try reads nothing and cannot write."""

    rows: dict[str, Any] = field(default_factory=dict)
    superseded: bool = False

    def get(self, key: str, default: Any = None) -> Any:
        return default if self.superseded else self.rows.get(key, default)

    def set(self, key: str, value: Any) -> None:
        if self.superseded:
            raise RuntimeError("404 Task instance not found")
        self.rows[key] = value

    def delete(self, key: str) -> None:
        self.rows.pop(key, None)


@dataclass
class Attempt:
    """One try of a task.

    :param store: None: an Airflow without a state store.
    """

    store: StateStore | None = field(default_factory=StateStore)
    try_number: int = 1
    max_tries: int = 2
    clear_number: int = 0
    xcoms: dict[str, Any] = field(default_factory=dict)

    def context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="d",
            task_id="t",
            run_id="r",
            map_index=-1,
            try_number=self.try_number,
            max_tries=self.max_tries,
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
            xcom_pull=lambda task_ids, key, map_indexes: self.xcoms.get(key),
        )
        told: Mapping[str, Any] = {"ti": ti, "dag_run": SimpleNamespace(clear_number=self.clear_number)}
        return {**told, "task_state_store": self.store} if self.store is not None else told


SLOTS_TAKEN = RateLimitedError("5 jobs run", status=429, retry_after=1.0)
