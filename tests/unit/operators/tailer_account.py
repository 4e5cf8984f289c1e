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

#: What a run is asked for by, and told with.
SCOPE = ("account", "environment", "configuration_type", "configuration_id")


@dataclass
class Account:
    """Answers requests as Tailer does, for any configuration.

    :param status: what a new run is in.
    :param hidden: whether runs have no record yet.
    :param lost: the answers to so many launches do not arrive.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    status: str = "RUNNING"
    hidden: bool = False
    lost: int = 0
    refusals: list[ApiError] = field(default_factory=list)
    silent: bool = False

    def answer(self, request: Request[Any]) -> Reply:
        """Do what a request says."""
        assert isinstance(request.body, Body)
        told = json.loads(request.body.content)
        self.asked.append(told)
        if self.refusals:
            raise self.refusals.pop(0)
        match told["action"]:
            case "launch_job":
                return self._launched(told)
            case "check_run_status":
                return self._listed(run for run in self._of(told) if run["run_id"] == told["run_id"])
            case "get_last_status":
                wanted = told.get("status")
                return self._listed(run for run in self._of(told) if wanted in {None, run["status"]})
            case _:
                return reply() if self.silent else reply(body={"message": "ok"})

    def _of(self, told: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [run for run in self.runs if all(run[name] == told[name] for name in SCOPE)]

    def _listed(self, runs: Any) -> Reply:
        return reply(body={"results": [] if self.hidden else list(runs)})

    def _launched(self, told: Mapping[str, Any]) -> Reply:
        run_id = f"r-{len(self.runs) + 1}"
        self.add(run_id, **{name: told[name] for name in SCOPE})
        if self.lost:
            self.lost -= 1
            raise TransportError("reset")
        return reply(body={"run_id": run_id})

    def add(self, run_id: str, **members: Any) -> None:
        """Begin a run."""
        run = {"run_id": run_id, "status": self.status, "start_execution_date": PAST, **members}
        self.runs.insert(0, {"job_id": "as-told|{{FD_DATE}}", **run})

    def end(self, status: str = "SUCCESS") -> None:
        """End the newest run."""
        self.runs[0] |= {"status": status, "last_update_date": PAST, "duration": "0:01:00"}

    def actions(self) -> list[str]:
        return [told["action"] for told in self.asked]

    def launches(self) -> list[Mapping[str, Any]]:
        return [told for told in self.asked if told["action"] == "launch_job"]
