"""The adapter of the Tamr trigger: lists of open jobs, and single jobs."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks.triggers.adapter import Answer, Options, compact, has_ended
from benchmarks.triggers.platforms.base import OwnAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

_JOBS = "/api/v1beta1/jobs"
#: The largest page. Tamr documents this number.
_LARGEST_PAGE = 30
_DEFAULT_PAGE = 10
_OPEN = "status.state != DONE"


class Tamr(OwnAdapter):
    """``TamrJobTrigger``. The trigger reads the first 90 open jobs from lists, and the others one by one."""

    trigger = "airflow_provider_dataops.triggers.tamr.TamrJobTrigger"

    def run(self, job: int) -> dict[str, Any]:
        """Return the arguments that identify a run at the platform."""
        return {
            "run_id": f"job_{job:06d}",
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with an API key."""
        return {"conn_type": "tamr", "host": options.url, "password": "apk_benchmark"}

    def answer(
        self,
        plan: Mapping[str, Any],
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        now: float,
    ) -> Answer | None:
        """Return one job, or a page of jobs."""
        if method != "GET":
            return None
        if match := re.fullmatch(rf"{_JOBS}/job_(\d+)", path):
            job = int(match[1])
            return 200, _job(job, has_ended(job, plan, now)), 1, "job"
        if path != _JOBS or query.get("filter", _OPEN) != _OPEN:
            return None
        # The newest job has the highest number. The token of a page is the number of its first job.
        first = int(query.get("pageToken", plan["n"]))
        jobs = [job for job in range(first, 0, -1) if "filter" not in query or not has_ended(job, plan, now)]
        size = min(int(query.get("pageSize", _DEFAULT_PAGE)), _LARGEST_PAGE)
        page, rest = jobs[:size], jobs[size:]
        entries = b",".join(_job(job, has_ended(job, plan, now)) for job in page)
        token = compact(str(rest[0]) if rest else "")
        reply = b'{"jobs":[' + entries + b'],"nextPageToken":' + token + b"}"
        return 200, reply, self.count_news(page, plan, now), "list"


@cache
def _job(job: int, ended: bool) -> bytes:
    """Return a job as in the protobuf file of the vendor's SDK, with its history."""
    history = [
        {"state": "PENDING", "stateStartTime": "2026-01-31T07:05:09.120Z"},
        {"state": "RUNNING", "stateStartTime": "2026-01-31T07:05:11.480Z"},
        {"state": "DONE", "stateStartTime": "2026-01-31T07:35:40.003Z"},
    ][: 3 if ended else 2]
    return compact(
        {
            "jobId": f"job_{job:06d}",
            "configuration": {"load": {"sourceId": "src_customers"}},
            "status": history[-1],
            "statusHistory": history[:-1],
        }
    )
