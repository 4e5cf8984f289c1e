"""An account of Tailer in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.http import Body, Reply, Request
from airflow_provider_dataops.errors import ApiError, TransportError
from tests.unit.fakes import reply
from tests.unit.operators.stage import PAST

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The members that identify a configuration in requests and responses.
SCOPE = ("account", "environment", "configuration_type", "configuration_id")


@dataclass
class Account:
    """A Tailer account in memory, with any configuration.

    :param status: the status of a new run.
    :param hidden: whether Tailer does not list any run yet.
    :param lost: how many of the next launches get no response.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    status: str = "RUNNING"
    hidden: bool = False
    lost: int = 0
    submit_errors: list[ApiError] = field(default_factory=list)
    silent: bool = False

    def answer(self, request: Request[Any]) -> Reply:
        """Handle a request and return the response."""
        assert isinstance(request.body, Body)
        payload = json.loads(request.body.content)
        self.requests.append(payload)
        if self.submit_errors:
            raise self.submit_errors.pop(0)
        match payload["action"]:
            case "launch_job":
                return self._launched(payload)
            case "check_run_status":
                return self._listed(run for run in self._of(payload) if run["run_id"] == payload["run_id"])
            case "get_last_status":
                wanted = payload.get("status")
                return self._listed(run for run in self._of(payload) if wanted in {None, run["status"]})
            case _:
                return reply() if self.silent else reply(body={"message": "ok"})

    def _of(self, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [run for run in self.runs if all(run[name] == payload[name] for name in SCOPE)]

    def _listed(self, runs: Any) -> Reply:
        return reply(body={"results": [] if self.hidden else list(runs)})

    def _launched(self, payload: Mapping[str, Any]) -> Reply:
        run_id = f"r-{len(self.runs) + 1}"
        self.add(run_id, **{name: payload[name] for name in SCOPE})
        if self.lost:
            self.lost -= 1
            raise TransportError("reset")
        return reply(body={"run_id": run_id})

    def add(self, run_id: str, **members: Any) -> None:
        """Start a run."""
        run = {"run_id": run_id, "status": self.status, "start_execution_date": PAST, **members}
        self.runs.insert(0, {"job_id": "as-given|{{FD_DATE}}", **run})

    def end(self, status: str = "SUCCESS") -> None:
        """End the newest run."""
        self.runs[0] |= {"status": status, "last_update_date": PAST, "duration": "0:01:00"}

    def actions(self) -> list[str]:
        return [payload["action"] for payload in self.requests]

    def launches(self) -> list[Mapping[str, Any]]:
        return [payload for payload in self.requests if payload["action"] == "launch_job"]
