"""Platforms in memory, and a task that runs against them without Airflow's database."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.core.http import Body, Pause, RegisterSecret, Reply, Request
from airflow_provider_dataops.errors import (
    ApiError,
    DataOpsError,
    RateLimitedError,
    RunLostError,
    TransportError,
    error_for_status,
)
from tests.unit.fakes import reply
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pytest_mock import MockerFixture

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.operators.base import RunOperator

PAST = "2026-11-20T10:00:00.000Z"


@dataclass
class Tenant:
    """A Tamr tenant in memory.

    :param status: the status of a new job.
    :param submit_errors: raised by the next submissions.
    :param status_errors: raised by the next requests for a job.
    """

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=lambda: {"state": "RUNNING"})
    submit_errors: list[ApiError] = field(default_factory=list)
    status_errors: list[ApiError] = field(default_factory=list)
    on_request: Callable[[str], None] | None = None
    #: How many of the next submissions get no response.
    lost: int = 0

    def answer(self, request: Request[Any]) -> Reply:
        """Handle a request and return the response."""
        path = urlsplit(request.url).path.removeprefix("/api/v1beta1/jobs")
        self.sent.append(f"{request.method} {path or '/'}")
        if self.on_request is not None:
            self.on_request(self.sent[-1])
        if request.method == "POST" and not path:
            if self.submit_errors:
                raise self.submit_errors.pop(0)
            assert isinstance(request.body, Body)
            job_id = f"j-{len(self.jobs) + 1}"
            self.jobs[job_id] = {
                "jobId": job_id,
                "configuration": {"load": {"sourceId": "s"}},
                "status": {"stateStartTime": PAST, **self.status},
            }
            if self.lost:
                self.lost -= 1
                raise TransportError("reset")
            return reply(body=self.jobs[job_id])
        if request.method == "POST":
            job = self.jobs[path.removeprefix("/").removesuffix(":stop")]
            job["status"] = {"state": "DONE", "error": {"reason": "STOPPED_BY_USER"}}
            return reply(body={})
        if path:
            if self.status_errors:
                raise self.status_errors.pop(0)
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


@dataclass
class Pipeline:
    """Quantemplate in memory, with any pipeline.

    :param executions: the executions of each pipeline.
    """

    executions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    submit_errors: list[ApiError] = field(default_factory=list)

    def answer(self, request: Request[Any]) -> Reply:
        """Handle a request and return the response."""
        if request.path.endswith("/token"):
            return reply(body={"access_token": "t0ken", "expires_in": 3600})
        (pipeline_id,) = re.findall(r"/pipelines/([^/]+)/executions$", request.path)
        self.sent.append(f"{request.method} {pipeline_id}")
        listed = self.executions.setdefault(pipeline_id, [])
        if request.method == "GET":
            return reply(body=listed)
        if self.submit_errors:
            raise self.submit_errors.pop(0)
        number = len(listed) + 1
        listed.append({"id": f"e-{number}", "runNumber": number, "status": "Started", "createdAt": PAST})
        return reply(body=listed[-1])

    def end(self, status: str = "Succeeded", pipeline_id: str = "p-1") -> None:
        self.executions[pipeline_id][-1].update(status=status, finishedAt=PAST, outputs=[])


class Time:
    """A clock on which a sleep takes no real time."""

    def __init__(self) -> None:
        self.slept = 0.0
        #: How far the wall clock was set forward, in seconds.
        self.jumped = 0.0
        self.on_sleep: list[Callable[[], None]] = []

    def time(self) -> float:
        return time.time() + self.slept + self.jumped

    wall = time

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def random(self) -> float:
        return 0.5

    def sleep(self, duration: float) -> None:
        self.slept += duration
        for callback in self.on_sleep:
            callback()


class Platform(Protocol):
    """Anything that answers requests."""

    def answer(self, request: Request[Any]) -> Reply: ...


class Hook:
    """A hook that sends requests to a platform in memory."""

    conn_id = "tamr_default"

    def __init__(self, platform: Platform, pause: Callable[[float], None], api: Api | None = None) -> None:
        self.platform = platform
        self.pause = pause
        self.api: Any = api or tamr()

    def run(self, exchange: Exchange[Any], policy: object = None) -> Any:
        step = next(exchange)
        try:
            while True:
                if isinstance(step, Pause):
                    value: Any = self.pause(step.seconds)
                elif isinstance(step, RegisterSecret):
                    value = None
                else:
                    assert isinstance(step, Request)
                    try:
                        value = step.parse(self.platform.answer(step))
                    except DataOpsError as error:
                        step = exchange.throw(error)
                        continue
                step = exchange.send(value)
        except StopIteration as done:
            return done.value


@dataclass
class StateStore:
    """Airflow's task state store. A superseded try reads nothing and cannot write."""

    rows: dict[str, Any] = field(default_factory=dict)
    superseded: bool = False
    #: The key of each write, in order.
    writes: list[str] = field(default_factory=list)

    def get(self, key: str, default: Any = None) -> Any:
        return default if self.superseded else self.rows.get(key, default)

    def set(self, key: str, value: Any) -> None:
        if self.superseded:
            raise RuntimeError("404 Task instance not found")
        self.writes.append(key)
        self.rows[key] = value

    def delete(self, key: str) -> None:
        self.rows.pop(key, None)


@dataclass
class Attempt:
    """One try of a task.

    :param store: ``None`` for an Airflow without a state store.
    :param retries: the argument of the task; ``None`` if Airflow does not report it.
    :param start_date: when the try began; ``None`` if Airflow does not report it.
    """

    store: StateStore | None = field(default_factory=StateStore)
    try_number: int = 1
    max_tries: int = 2
    clear_number: int = 0
    retries: int | None = None
    start_date: datetime | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)

    def context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="d",
            task_id="t",
            run_id="r",
            map_index=-1,
            try_number=self.try_number,
            max_tries=self.max_tries,
            start_date=self.start_date,
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
            xcom_pull=lambda task_ids, key, map_indexes: self.xcoms.get(key),
        )
        context: Mapping[str, Any] = {
            "ti": ti,
            "task": SimpleNamespace(retries=self.retries),
            "dag_run": SimpleNamespace(clear_number=self.clear_number),
        }
        return {**context, "task_state_store": self.store} if self.store is not None else context


def catch_links(mocker: MockerFixture) -> list[str]:
    """Return a list that receives each link that a task stores."""
    stored: list[str] = []
    xcom = mocker.patch("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db")
    xcom.side_effect = lambda **row: stored.append(row["value"])
    return stored


SLOTS_TAKEN = RateLimitedError("5 jobs run", status=429, retry_after=1.0)


def deferral(task: RunOperator, attempt: Attempt) -> TaskDeferred:
    """Run a task until it defers, and return the deferral."""
    with pytest.raises(TaskDeferred) as caught:
        task.act(attempt.context())
    return caught.value


def event(tenant: Tenant, job_id: str = "j-1") -> dict[str, Any]:
    """Return the event that the trigger sends when a job has ended."""
    hook = Hook(tenant, lambda _: None)
    snapshot = hook.run(hook.api.get_job(job_id)).snapshot()
    return {
        "ending": "finished",
        "run_id": job_id,
        "snapshot": snapshot.as_json(),
        "message": "",
        "permanent": False,
    }


def lose(task: RunOperator, attempt: Attempt, run_id: str) -> None:
    """Resume a task after its trigger reported that the platform no longer lists the run."""
    lost = {"ending": "lost", "run_id": run_id, "snapshot": None, "message": "404", "permanent": False}
    with pytest.raises(RunLostError, match=run_id):
        task.execute_complete(attempt.context(), lost)
