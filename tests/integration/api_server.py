"""An API server of Airflow in memory. It counts the requests that a task costs.

Airflow's own task runner and supervisor run here, in the process of the test. So each request is counted that
the supervisor sends for itself or for the task, except heartbeats. A connection is one request: an API server
stores it. (A connection in an environment variable is none.)
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

from tests.airflow_names import deserialize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import BaseOperator

NOW = "2026-11-20T10:00:00Z"
DAG_RUN: dict[str, Any] = {
    "dag_id": "d",
    "run_id": "r",
    "logical_date": NOW,
    "data_interval_start": NOW,
    "data_interval_end": NOW,
    "run_after": NOW,
    "start_date": NOW,
    "end_date": None,
    "clear_number": 0,
    "run_type": "manual",
    "state": "running",
    "conf": {},
    "consumed_asset_events": [],
    "partition_key": None,
}


@dataclass
class ApiServer:
    """The part of Airflow's execution API that a task uses.

    :param connection: the fields of the only connection.
    """

    connection: Mapping[str, Any] = field(default_factory=dict)
    #: The name of each request since the last :meth:`run`, in order.
    calls: list[str] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)
    #: The body of the last request that set the state of the task.
    task: dict[str, Any] = field(default_factory=dict)
    event: Any = None

    def run(self, make: Callable[[], BaseOperator]) -> list[str]:
        """Run one process of the task, and return the names of its requests.

        :param make: returns the task. Each process parses the DAG file again.
        """
        self.calls = []
        client = InProcessTestSupervisor._Client(
            base_url=None, token="", dry_run=True, transport=httpx.MockTransport(self._respond)
        )
        client.base_url = httpx.URL("http://in-process.invalid./")
        with DAG("d", schedule=None):
            task = make()
        instance = TaskInstance(
            id=uuid4(),
            task_id=task.task_id,
            dag_id="d",
            run_id="r",
            try_number=1,
            map_index=-1,
            dag_version_id=uuid4(),
        )
        InProcessTestSupervisor.start(what=instance, task=task, client=client)
        return self.calls

    def fire(self) -> None:
        """Run the trigger of the deferred task until it sends its event."""
        module, _, name = self.task["classpath"].rpartition(".")
        arguments: Any = deserialize(self.task["trigger_kwargs"])
        trigger = getattr(import_module(module), name)(**arguments)

        async def first() -> Any:
            events = trigger.run()
            try:
                return (await anext(events)).payload
            finally:
                await events.aclose()
                await trigger.cleanup()

        self.event = asyncio.run(first())

    def _respond(self, request: httpx.Request) -> httpx.Response:
        kind, *names = request.url.path.strip("/").split("/")
        body: Any = json.loads(request.content) if request.content else None
        match kind, request.method, names[-1]:
            case "task-instances", _, "run":
                return self._called("start", self._context())
            case "task-instances", _, "rtif":
                return self._called("store the rendered templates")
            case "task-instances", _, "state":
                self.task = body
                return self._called(f"end as {body['state']}")
            case "connections", _, conn_id:
                return self._called(f"read the connection {conn_id}", {"conn_id": conn_id, **self.connection})
            case "dag-runs", _, _:
                return self._called("read the DAG run", DAG_RUN)
            case "store", "PUT", key:
                self.states[key] = body["value"]
                return self._called(f"store the task state {key}")
            case "store", "GET", key:
                missing = {"detail": {"reason": "not_found"}}
                found = {"value": self.states[key]} if key in self.states else missing
                return self._called(f"read the task state {key}", found, 200 if key in self.states else 404)
            case "xcoms", "POST", key:
                self.xcoms[key] = body
                return self._called(f"store the XCom {key}", {"message": "stored"}, 201)
            case "xcoms", "GET", key:
                return self._called(f"read the XCom {key}", {"key": key, "value": self.xcoms.get(key)})
        raise AssertionError(f"a request that this API server does not know: {request.method} {request.url}")

    def _called(self, name: str, response: Any = None, status: int = 200) -> httpx.Response:
        self.calls.append(name)
        return httpx.Response(status, json=response)

    def _context(self) -> dict[str, Any]:
        context: dict[str, Any] = {"dag_run": DAG_RUN, "max_tries": 0, "task_reschedule_count": 0}
        if self.task.get("state") != "deferred":
            return context
        resumption = {"next_method": self.task["next_method"], "start_date": NOW}
        return {
            **context,
            **resumption,
            "next_kwargs": {**(self.task["next_kwargs"] or {}), "event": self.event},
        }
