"""The adapter of the TRAC trigger: searches for submission tokens, and single jobs."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from benchmarks.triggers.adapter import Answer, Options, has_ended
from benchmarks.triggers.platforms.base import OwnAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

_TENANT = "ACME_CORP"
_META = f"/trac-meta/api/v1/{_TENANT}"
_JOB = re.compile(rf"{_META}/JOB/([0-9a-f-]+)/versions/1/tags/latest")
_TIME = {"isoDatetime": "2026-01-31T07:05:09.120Z"}
#: The most objects that a search returns.
_SEARCH_LIMIT = 100


class Trac(OwnAdapter):
    """``TracJobTrigger``. One search finds 100 jobs. A job that has ended is read alone, with its result."""

    trigger = "airflow_provider_dataops.triggers.trac.TracJobTrigger"

    def run(self, job: int) -> dict[str, Any]:
        """Return the arguments that identify a run at the platform."""
        return {
            "run_id": _job_id(job),
            "tenant": _TENANT,
            "submission_id": _token(job),
            # The operator reads the job once before it defers, and then knows this key.
            "result_key": f"RESULT-{_job_id(job)}-v1",
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with Basic authentication, which a proxy checks."""
        return {"conn_type": "trac", "host": options.url, "login": "user", "password": "password-123"}

    def answer(
        self,
        plan: Mapping[str, Any],
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        now: float,
    ) -> Answer | None:
        """Return the result of a search, a job, or the RESULT object of a job."""
        if method == "GET" and (match := _JOB.fullmatch(path)):
            job = UUID(match[1]).int
            return 200, _tag(job, has_ended(job, plan, now), with_definition=True), 1, "job"
        if method != "POST":
            return None
        request = json.loads(body)
        if path == f"{_META}/read-object" and request["objectType"] == "RESULT":
            # The trigger already knows that the job has ended.
            return 200, _result(UUID(request["objectId"]).int), 0, "result"
        if path == f"{_META}/search" and request["objectType"] == "JOB":
            jobs = self._found(request["search"], plan, now)
            entries = b", ".join(_tag(job, has_ended(job, plan, now)) for job in jobs)
            reply = b'{\n  "searchResult": [' + entries + b"]\n}" if jobs else b"{\n}"
            return 200, reply, self.count_news(jobs, plan, now), "search"
        return None

    def _found(self, search: Mapping[str, Any], plan: Mapping[str, Any], now: float) -> list[int]:
        """Return the jobs that a search finds."""
        tokens = _tokens(search)
        jobs = range(plan["n"], 0, -1) if tokens is None else [int(token, 16) for token in tokens]
        found = (job for job in jobs if _matches(search, _values(job, has_ended(job, plan, now))))
        return [job for job, _ in zip(found, range(_SEARCH_LIMIT), strict=False)]


# --- searches ------------------------------------------------------------------------------------------


def _tokens(search: Mapping[str, Any]) -> list[str] | None:
    """Return the tokens in a search; ``None`` if the search does not restrict the token."""
    if "logical" in search:
        found = [_tokens(part) for part in search["logical"]["expr"]]
        return next((tokens for tokens in found if tokens is not None), None)
    term = search["term"]
    return _wanted(term) if term["attrName"] == "airflow_token" else None


def _matches(search: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    if "logical" in search:
        parts = [_matches(part, values) for part in search["logical"]["expr"]]
        operators = {"AND": all(parts), "OR": any(parts), "NOT": not any(parts)}
        return operators[search["logical"]["operator"]]
    term = search["term"]
    is_equal = values.get(term["attrName"]) in _wanted(term)
    return {"EQ": is_equal, "IN": is_equal, "NE": not is_equal}[term["operator"]]


def _wanted(term: Mapping[str, Any]) -> list[str]:
    value = term["searchValue"]
    items = value["arrayValue"]["items"] if "arrayValue" in value else [value]
    return [item["stringValue"] for item in items]


# --- objects -------------------------------------------------------------------------------------------


def _job_id(job: int) -> str:
    return str(UUID(int=job))


def _token(job: int) -> str:
    return f"{job:032x}"


def _values(job: int, ended: bool) -> dict[str, str]:
    return {
        "trac_create_user_id": "#trac_unknown",
        "trac_job_type": "RUN_MODEL",
        "trac_update_user_name": "Unknown User",
        "trac_update_user_id": "#trac_unknown",
        "airflow_token": _token(job),
        "trac_create_user_name": "Unknown User",
        "trac_job_status": "SUCCEEDED" if ended else "RUNNING",
    }


def _object(kind: str, object_id: str, attributes: Mapping[str, str], definition: Any = None) -> bytes:
    """Return a tag as TRAC's gateway writes it: with line breaks and indentation."""
    texts = {
        name: {"type": {"basicType": "STRING"}, "stringValue": value} for name, value in attributes.items()
    }
    times = {
        name: {"type": {"basicType": "DATETIME"}, "datetimeValue": _TIME}
        for name in ("trac_create_time", "trac_update_time")
    }
    tag = {
        "header": {
            "objectType": kind,
            "objectId": object_id,
            "objectVersion": 1,
            "objectTimestamp": _TIME,
            "tagVersion": 1,
            "tagTimestamp": _TIME,
            "isLatestObject": True,
            "isLatestTag": True,
        },
        "attrs": texts | times,
    }
    if definition is not None:
        tag["definition"] = {"objectType": kind, kind.lower(): definition}
    return json.dumps(tag, indent=2).encode()


@cache
def _tag(job: int, ended: bool, *, with_definition: bool = False) -> bytes:
    selector = {"objectType": "RESULT", "objectId": _job_id(job), "objectVersion": 1, "tagVersion": 1}
    model = {"objectType": "MODEL", "objectId": _job_id(0), "objectVersion": 1, "latestTag": True}
    seconds = {"type": {"basicType": "INTEGER"}, "integerValue": "1"}
    definition = {
        "jobType": "RUN_MODEL",
        "runModel": {"model": model, "parameters": {"seconds": seconds}},
        "resultId": selector,
    }
    if with_definition:
        return _object("JOB", _job_id(job), _values(job, ended), definition)
    # An entry of a list is indented further.
    return _object("JOB", _job_id(job), _values(job, ended)).replace(b"\n", b"\n  ")


@cache
def _result(job: int) -> bytes:
    def selector(kind: str) -> dict[str, Any]:
        return {"objectType": kind, "objectId": _job_id(job), "objectVersion": 1, "tagVersion": 1}

    definition = {
        "jobId": selector("JOB"),
        "statusCode": "SUCCEEDED",
        "logFileId": selector("FILE"),
        "outputs": {"report": selector("FILE")},
    }
    users = {name: value for name, value in _values(job, ended=True).items() if "user" in name}
    return _object("RESULT", _job_id(job), users, definition)
