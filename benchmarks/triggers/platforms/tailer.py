"""The adapters of the Tailer trigger: lists of the last runs, and single runs."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from benchmarks.triggers.adapter import Answer, Options, compact, has_ended
from benchmarks.triggers.platforms.base import OwnAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ACCOUNT, _ENVIRONMENT, _TYPE = "000099", "DEV", "table-to-table"
_DAY, _TIME = "20260131", "070509"
#: The limit of a list if the request does not contain one.
_DEFAULT_LIMIT = 3
_STATUSES = {"RUNNING": False, "SUCCESS": True}


class Tailer(OwnAdapter):
    """``TailerRunTrigger``. All runs belong to one configuration."""

    trigger = "airflow_provider_dataops.triggers.tailer.TailerRunTrigger"

    def configuration_id(self, job: int) -> str:
        """Return the id of the configuration of a run."""
        return "000099_iowa_liquor_prepare_pda_DEV"

    def run(self, job: int) -> dict[str, Any]:
        """Return the arguments that identify a run at the platform."""
        return {
            "run_id": _run_id(job),
            "account": _ACCOUNT,
            "environment": _ENVIRONMENT,
            "configuration_type": _TYPE,
            "configuration_id": self.configuration_id(job),
            "success_statuses": ["SUCCESS"],
            "failure_statuses": [],
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with a token. So no request to Google is needed."""
        extra = {
            "auth_type": "bearer",
            "api_token": "t" * 900,
            "account": _ACCOUNT,
            "environment": _ENVIRONMENT,
        }
        return {"conn_type": "tailer", "host": options.url, "extra": json.dumps(extra)}

    def answer(
        self,
        plan: Mapping[str, Any],
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        now: float,
    ) -> Answer | None:
        """Return one run, or the last runs of a configuration or of the account."""
        if method != "POST" or path != "/v1/dag/status":
            return None
        request = json.loads(body)
        action = request["action"]
        if action == "check_run_status":
            jobs = [_number(request["run_id"])]
        elif action in {"get_last_status", "get_by_status"}:
            jobs = self._listed(request, plan, now)[: request.get("limit", _DEFAULT_LIMIT)]
        else:
            return None
        entries = [_run(job, self.configuration_id(job), has_ended(job, plan, now)) for job in jobs]
        reply = b'{"results":[' + b",".join(entries) + b"]}"
        return 200, reply, self.count_news(jobs, plan, now), action

    def _listed(self, request: Mapping[str, Any], plan: Mapping[str, Any], now: float) -> list[int]:
        """Return the runs that match the filters of a list, the newest first."""
        jobs: Iterable[int] = range(plan["n"], 0, -1)
        if request["action"] == "get_last_status":
            jobs = (job for job in jobs if self.configuration_id(job) == request["configuration_id"])
        if "status" in request:
            ended = _STATUSES.get(request["status"])
            jobs = (job for job in jobs if has_ended(job, plan, now) is ended)
        return list(jobs)


class TailerEach(Tailer):
    """``TailerRunTrigger``. Each run belongs to a configuration of its own."""

    def configuration_id(self, job: int) -> str:
        """Return the id of the configuration of a run."""
        return f"000099_iowa_liquor_prepare_{job:06d}_DEV"


def _run_id(job: int) -> str:
    return f"{_DAY}-{_TIME}-{UUID(int=job)}"


def _number(run_id: str) -> int:
    return UUID(run_id.removeprefix(f"{_DAY}-{_TIME}-")).int


@cache
def _run(job: int, configuration_id: str, ended: bool) -> bytes:
    """Return a run with all members of the vendor's guide. Only a run that has ended has a duration."""
    run = {
        "account": _ACCOUNT,
        "environment": _ENVIRONMENT,
        "configuration_type": _TYPE,
        "configuration_id": configuration_id,
        "job_id": f"gbq-to-gbq|{configuration_id}",
        "run_id": _run_id(job),
        "start_execution_date": "2026-01-31T07:05:14.253121+00:00",
        "status": "SUCCESS" if ended else "RUNNING",
        "last_update_date": "2026-01-31T07:05:40.716442+00:00",
    }
    return compact(run | ({"duration": "0:00:26.463321"} if ended else {}))
