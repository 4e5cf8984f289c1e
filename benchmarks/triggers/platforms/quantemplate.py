"""The adapter of the Quantemplate trigger. All executions belong to one pipeline, so one list serves all."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks.triggers.adapter import Answer, Options, compact, has_ended
from benchmarks.triggers.platforms.base import OwnAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

_ORGANISATION, _PIPELINE = "c-benchmark-organisation", "p-5f2c1d7e9b3a48c6a0d4e8f1"
_LIST = re.compile(rf"/organisations/{_ORGANISATION}/pipelines/{_PIPELINE}/executions")


class Quantemplate(OwnAdapter):
    """``QuantemplateExecutionTrigger``."""

    trigger = "airflow_provider_dataops.triggers.quantemplate.QuantemplateExecutionTrigger"

    def run(self, job: int) -> dict[str, Any]:
        """Return the arguments that identify a run at the platform."""
        return {
            "run_id": _id("e", job),
            "organisation_id": _ORGANISATION,
            "pipeline_id": _PIPELINE,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection whose token endpoint is the simulated platform."""
        return {
            "conn_type": "quantemplate",
            "host": options.url,
            "login": "client-id",
            "password": "client-secret",
            "extra": json.dumps({"auth_url": f"{options.url}/openid-connect/token"}),
        }

    def answer(
        self,
        plan: Mapping[str, Any],
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        now: float,
    ) -> Answer | None:
        """Return the list of all executions of the pipeline."""
        if method != "GET" or not _LIST.fullmatch(path):
            return None
        jobs = range(1, plan["n"] + 1)
        entries = b",".join(_execution(job, has_ended(job, plan, now)) for job in jobs)
        return 200, b"[" + entries + b"]", self.count_news(jobs, plan, now), "list"


def _id(kind: str, job: int) -> str:
    return f"{kind}-{job:024x}"


@cache
def _execution(job: int, ended: bool) -> bytes:
    """Return an entry with all members of the vendor's OpenAPI file."""
    execution: dict[str, Any] = {
        "id": _id("e", job),
        "runNumber": job,
        "createdBy": "u-5f2c1d7e9b3a48c6a0d4e8f1",
        "version": 12,
        "status": "Succeeded" if ended else "Started",
        "createdAt": "2026-01-31T07:05:09.120Z",
        "startedAt": "2026-01-31T07:05:11.480Z",
        "outputs": [],
    }
    if ended:
        execution["finishedAt"] = "2026-01-31T07:12:40.003Z"
        execution["outputs"] = [{"id": _id("o", job), "name": "Cleansed"}]
    return compact(execution)
