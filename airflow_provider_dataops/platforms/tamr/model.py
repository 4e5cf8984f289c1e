"""Read Tamr jobs from the JSON of responses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core import decode
from airflow_provider_dataops.core.json import Result
from airflow_provider_dataops.core.listing import Listed, read_entries
from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant, require_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Reply

#: The ``reason`` of a job that a user has stopped.
STOPPED = "STOPPED_BY_USER"
_PAGE = ("jobs", "nextPageToken")
#: From each job in a list, only these members are decoded.
_MEMBERS = ("jobId", "configuration", "status", "statusHistory")
_STATES = {"PENDING": RunState.PENDING, "RUNNING": RunState.RUNNING, "STOPPING": RunState.RUNNING}


@dataclass(frozen=True)
class JobStatus:
    """One state in the history of a job.

    :param state: the platform's word for the state, in upper case.
    :param since: when the job entered the state, in ISO 8601.
    """

    state: str
    since: str | None


@dataclass(frozen=True, kw_only=True)
class Job(Result):
    """One Tamr job.

    :param configuration: what the job does; ids that are not set are left out.
    :param status: the platform's word for the state, in upper case.
    :param state: the state in the words that all platforms share.
    :param reason: why the job did not succeed, as a constant such as ``STOPPED_BY_USER``.
    :param message: why the job did not succeed, as a text for people.
    :param history: the states of the job, oldest first; the last one is the present state.
    """

    job_id: str
    configuration: Mapping[str, Any]
    status: str
    state: RunState
    reason: str = ""
    message: str = ""
    history: tuple[JobStatus, ...] = ()

    def entered(self, *states: str) -> str | None:
        """Return when the job first entered one of these states, in ISO 8601; ``None`` if it never did."""
        return next((s.since for s in self.history if s.state in states and s.since), None)

    @property
    def created_at(self) -> str | None:
        """When the job entered its first known state other than ``DONE``, in ISO 8601."""
        return self.entered("PENDING", "RUNNING", "STOPPING")

    @property
    def started_at(self) -> str | None:
        """When the job began to run, in ISO 8601; or, if it never ran, when its first known state began."""
        return self.entered("RUNNING") or self.created_at or self.entered("DONE")

    def started_before(self, time: float) -> bool:
        """Return whether the job began to run before a time.

        Lists are sorted by start, newest first. So all jobs after this one in a list began even earlier.

        :param time: the time in seconds since the epoch.
        """
        started = instant(self.started_at)
        return started is not None and started < time

    def snapshot(self) -> RunSnapshot:
        """Return the job in the format that all platforms share."""
        words = ": ".join(part for part in (self.reason, self.message) if part)
        return RunSnapshot(
            run_id=self.job_id,
            state=self.state,
            raw_state=self.status,
            started_at=self.started_at,
            finished_at=self.entered("DONE"),
            message=words,
            details={
                "job_id": self.job_id,
                "configuration": dict(self.configuration),
                "reason": self.reason,
                "message": self.message,
                "history": [{"state": s.state, "since": s.since} for s in self.history],
            },
        )


def read_job(reply: Reply) -> Job:
    """Return the job in a response.

    :raises MalformedReplyError: if the response contains no job.
    """
    return _job(reply.json(), reply)


def read_page(reply: Reply, *, wanted: frozenset[str] | None = None) -> tuple[Listed[Job], str, float | None]:
    """Return the jobs of a page, the token of the next page (empty on the last page), and the server's time.

    :param wanted: the ids of the jobs to return; ``None`` returns all.
    :raises MalformedReplyError: if the response is not a page of jobs.
    """
    page = {name: raw for name, raw in reply.members(*_PAGE).items() if not decode.begins_with(raw, b"n")}
    if "jobs" not in page:
        # An empty page has no member "jobs". An error with a 2xx status code has no such member, either. But
        # the error has members that a page does not have, so this line rejects the error.
        reply.members(*_PAGE, others=False)
    token = decode.value(page["nextPageToken"]) if "nextPageToken" in page else ""
    if not isinstance(token, str):
        raise reply.malformed("nextPageToken in the response is not a text")
    entries = reply.entries_of(page["jobs"]) if "jobs" in page else ()
    is_wanted = None if wanted is None else lambda job_id: str(job_id) in wanted
    jobs = read_entries(reply, entries, _MEMBERS, partial(_job, reply=reply), key="jobId", wanted=is_wanted)
    return jobs, token, reply.date


def _job(payload: object, reply: Reply) -> Job:
    status = payload.get("status") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(status, dict) or not payload.get("jobId"):
        raise reply.malformed("the response contains a job without jobId or status")
    job_id = require_id(str(payload["jobId"]))
    word = str(status.get("state") or "STATE_UNSPECIFIED").upper()
    error = status.get("error") or {}
    if not isinstance(error, dict):
        error = {"message": str(error)}
    reason = str(error.get("reason") or "")
    if word == "DONE":
        failed = RunState.CANCELLED if reason == STOPPED else RunState.FAILED
        state = failed if error else RunState.SUCCEEDED
    else:
        state = _STATES.get(word, RunState.UNKNOWN)
    return Job(
        job_id=job_id,
        configuration=_without_unset(payload.get("configuration")),
        status=word,
        state=state,
        reason=reason,
        message=str(error.get("message") or ""),
        history=_history(payload.get("statusHistory"), status),
    )


def _history(past: object, current: Mapping[str, Any]) -> tuple[JobStatus, ...]:
    payload = [entry for entry in past if isinstance(entry, dict)] if isinstance(past, list) else []
    known = [
        JobStatus(str(entry.get("state") or "").upper(), entry.get("stateStartTime"))
        for entry in (*payload, current)
    ]
    if len(known) == 1:
        return tuple(known)
    # The documentation does not show the order of the history, or whether it contains the present state.
    ordered = sorted(dict.fromkeys(known), key=lambda s: instant(s.since) or float("inf"))
    return tuple(ordered)


def _without_unset(payload: object) -> dict[str, Any]:
    """Return a configuration without its unset ids. Tamr returns unset ids as empty texts."""
    if not isinstance(payload, dict):
        return {}
    return {
        kind: {name: value for name, value in ids.items() if value}
        for kind, ids in payload.items()
        if isinstance(ids, dict)
    }
