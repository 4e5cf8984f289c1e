"""The JSON of TRAC's objects, with only the fields that the tests need."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.platforms.trac.model.values import as_wire

DATA_ID = "01a1fb75-c019-71d7-8a93-232d7ad13939"
JOB_ID = "01a1fb77-00d0-74d8-9fb0-12b1baaeb626"
MODEL_ID = "01a1fb76-2999-7257-a414-ae80b538a87a"
FLOW_ID = "01a1fb70-c01c-70a2-9e7c-69661df4e9ae"
RESULT_ID = "01a1fb77-00f9-7abf-b4d1-a5f343713c47"
LOG_ID = "01a1fb77-00f9-722e-a28a-53a9ebd2b922"


def header(
    kind: str = "DATA", object_id: str = DATA_ID, version: int = 1, tag: int = 1, at: str = "10:00:00"
) -> dict[str, Any]:
    return {
        "objectType": kind,
        "objectId": object_id,
        "objectVersion": version,
        "objectTimestamp": {"isoDatetime": f"2026-11-20T{at}Z"},
        "tagVersion": tag,
        "tagTimestamp": {"isoDatetime": "2026-11-20T10:09:00Z"},
        "isLatestTag": True,
    }


def tag(head: dict[str, Any], body: dict[str, Any] | None = None, **attrs: Any) -> dict[str, Any]:
    """Return a tag: with a body as read-object returns it, without one as a search does."""
    kind = head["objectType"]
    payload: dict[str, Any] = {"header": head, "attrs": {n: as_wire(v, typed=True) for n, v in attrs.items()}}
    if body is not None:
        payload["definition"] = {"objectType": kind, kind.lower(): body}
    return payload


def job(status: str, *, kind: str = "RUN_MODEL", with_result: bool = True, **attrs: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"jobType": kind}
    if with_result:
        body["resultId"] = {
            "objectType": "RESULT",
            "objectId": RESULT_ID,
            "objectVersion": 1,
            "tagVersion": 1,
        }
    job_attrs = {"trac_job_type": kind, "trac_job_status": status, **attrs}
    return tag(header("JOB", JOB_ID, tag=4), body, **job_attrs)


def selector(kind: str, object_id: str, version: int = 1) -> dict[str, Any]:
    return {"objectType": kind, "objectId": object_id, "objectVersion": version, "latestTag": True}
