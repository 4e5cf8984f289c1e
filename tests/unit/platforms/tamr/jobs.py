"""A job of Tamr Cloud for the responses in the tests."""

from __future__ import annotations

from typing import Any

JOBS = "https://my-tenant.tamr.cloud/api/v1beta1/jobs"


def job(job_id: str = "j-1", state: str = "RUNNING", **members: Any) -> dict[str, Any]:
    status = {"state": state, "stateStartTime": "2026-11-20T10:05:00.000Z", **members.pop("status", {})}
    return {"jobId": job_id, "configuration": {"load": {"sourceId": "s"}}, "status": status, **members}
