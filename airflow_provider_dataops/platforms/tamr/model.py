"""What Tamr Cloud knows: jobs, their configurations, and how its JSON is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.errors import (
    InvalidArgumentError,
    MalformedReplyError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import (
        Reply,
    )

#: The reason of a job that was stopped.
STOPPED = "STOPPED_BY_USER"
_STATES = {"PENDING": RunState.PENDING, "RUNNING": RunState.RUNNING, "STOPPING": RunState.RUNNING}
#: What a job on a resource itself looks like, by the name of the resource's id.
_OWN_KIND = {
    "source_id": ("load", "sourceId"),
    "data_product_id": ("update", "dataProductId"),
    "workflow_id": ("update", "workflowId"),
    "destination_id": ("publish", "destinationId"),
}
#: Which ids a configuration of each kind may hold.
_CONFIGURATION_IDS = {
    "load": {"sourceId"},
    "update": {"dataProductId", "workflowId"},
    "publish": {"destinationId", "dataProductId"},
}


@dataclass(frozen=True)
class JobStatus:
    """A state that a job was or is in.

    :param state: the platform's word, upper-case.
    :param since: when the job entered it, ISO 8601.
    """

    state: str
    since: str | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    :param configuration: what it does, without unset ids.
    :param status: the platform's word, upper-case.
    :param reason: why it was not successful, a constant such as ``STOPPED_BY_USER``.
    :param message: the same for people.
    :param history: the states it went through, oldest first, the current one last.
    """

    job_id: str
    configuration: Mapping[str, Any]
    status: str
    state: RunState
    reason: str = ""
    message: str = ""
    history: tuple[JobStatus, ...] = ()

    def entered(self, *states: str) -> str | None:
        """Return when the job first entered one of these states."""
        return next((s.since for s in self.history if s.state in states and s.since), None)

    @property
    def created_at(self) -> str | None:
        """When the job's first known state began, ISO 8601; its end does not count as one."""
        return self.entered("PENDING", "RUNNING", "STOPPING")

    def snapshot(self) -> RunSnapshot:
        """Return the job in the vocabulary that all platforms share."""
        words = ": ".join(part for part in (self.reason, self.message) if part)
        return RunSnapshot(
            run_id=self.job_id,
            state=self.state,
            raw_state=self.status,
            started_at=self.entered("RUNNING") or self.created_at or self.entered("DONE"),
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


def load(source_id: str) -> dict[str, Any]:
    """Return the configuration that refreshes a source."""
    return {"load": {"sourceId": source_id}}


def update_data_product(data_product_id: str) -> dict[str, Any]:
    """Return the configuration that runs a data product."""
    return {"update": {"dataProductId": data_product_id}}


def run_workflow(workflow_id: str) -> dict[str, Any]:
    """Return the configuration that runs a workflow."""
    return {"update": {"workflowId": workflow_id}}


def publish(destination_id: str, data_product_id: str | None = None) -> dict[str, Any]:
    """Return the configuration that publishes: of a data product with both ids, of RealTime with one."""
    ids = {"destinationId": destination_id}
    if data_product_id:
        ids["dataProductId"] = data_product_id
    return {"publish": ids}


def check_configuration(configuration: object) -> None:
    """Refuse a job's configuration that the platform would not take.

    :raises InvalidArgumentError: unless it has exactly one of load, update, publish, with its ids.
    """
    if not isinstance(configuration, Mapping) or len(configuration) != 1:
        raise InvalidArgumentError(
            f"configuration must be exactly one of {', '.join(_CONFIGURATION_IDS)}; given: {configuration!r}"
        )
    kind, ids = next(iter(configuration.items()))
    allowed = _CONFIGURATION_IDS.get(kind)
    if allowed is None:
        raise InvalidArgumentError(
            f"configuration must hold exactly one of {', '.join(_CONFIGURATION_IDS)}; given: {kind!r}"
        )
    if not isinstance(ids, Mapping) or not set(ids) <= allowed:
        raise InvalidArgumentError(f"configuration[{kind!r}] may hold {sorted(allowed)}; given: {ids!r}")
    for name, value in ids.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidArgumentError(
                f"configuration[{kind!r}][{name!r}] must be a non-empty text; given: {value!r}"
            )
    if kind == "update" and len(ids) != 1:
        raise InvalidArgumentError(
            "configuration['update'] takes either dataProductId or workflowId; given: " + str(dict(ids))
        )
    required = {"load": "sourceId", "publish": "destinationId"}.get(kind)
    if required and required not in ids:
        raise InvalidArgumentError(f"configuration[{kind!r}] lacks {required!r}")


def describe(configuration: Mapping[str, Any]) -> str:
    """Return a configuration in a few words: ``load sourceId=src_1``."""
    return " ".join(
        f"{kind} " + " ".join(f"{name}={value}" for name, value in ids.items())
        for kind, ids in configuration.items()
    )


def _resource(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the list's parameter that keeps the jobs on the configuration's resource."""
    ids = next(iter(configuration.values()))
    for name in ("sourceId", "workflowId", "destinationId", "dataProductId"):
        if ids.get(name):
            return {name: ids[name]}
    return {}


def _does(echoed: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Tell whether a job does what was asked; the platform may echo more than it was told."""
    return all(
        isinstance(echoed.get(kind), Mapping) and ids.items() <= echoed[kind].items()
        for kind, ids in asked.items()
    )


def _read_job(reply: Reply) -> Job:
    return _job(reply.json(), reply)


def _read_page(reply: Reply) -> tuple[list[Job], str, float | None]:
    told = reply.json()
    jobs = told.get("jobs") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(jobs or [], list):
        raise MalformedReplyError("no page of jobs", status=reply.status, body=reply.text())
    return [_job(job, reply) for job in jobs or []], str(told.get("nextPageToken") or ""), reply.date


def _job(told: object, reply: Reply) -> Job:
    status = told.get("status") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(status, dict) or not told.get("jobId"):
        raise MalformedReplyError("a job without jobId and status", status=reply.status, body=reply.text())
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
        job_id=str(told["jobId"]),
        configuration=_without_unset(told.get("configuration")),
        status=word,
        state=state,
        reason=reason,
        message=str(error.get("message") or ""),
        history=_history(told.get("statusHistory"), status),
    )


def _history(past: object, current: Mapping[str, Any]) -> tuple[JobStatus, ...]:
    told = [entry for entry in past if isinstance(entry, dict)] if isinstance(past, list) else []
    known = [
        JobStatus(str(entry.get("state") or "").upper(), entry.get("stateStartTime"))
        for entry in (*told, current)
    ]
    # Whether the history already holds the current status, and its order, are not documented.
    ordered = sorted(dict.fromkeys(known), key=lambda s: instant(s.since) or float("inf"))
    return tuple(ordered)


def _without_unset(told: object) -> dict[str, Any]:
    """Return a configuration without ids that the platform echoes as empty texts."""
    if not isinstance(told, dict):
        return {}
    return {
        kind: {name: value for name, value in ids.items() if value}
        for kind, ids in told.items()
        if isinstance(ids, dict)
    }
