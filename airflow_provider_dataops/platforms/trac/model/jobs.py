"""Jobs: their states, and what they made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    InvalidArgumentError,
)
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.states import state_of
from airflow_provider_dataops.platforms.trac.model.updates import tag_updates
from airflow_provider_dataops.platforms.trac.model.values import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, Run
    from airflow_provider_dataops.platforms.trac.model.objects import Tag, TagHeader


#: The attribute that holds our token.
TOKEN = "airflow_token"  # noqa: S105 - its name
#: Jobs never get a second version.
JOB_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A job's state.

    :param job: the job's header; ``None`` for a job that was only validated.
    :param status_code: the platform's word.
    :param status_message: why it failed.
    """

    job: TagHeader | None
    status_code: str
    status_message: str = ""

    @property
    def state(self) -> RunState:
        """The state in the vocabulary that all platforms share."""
        return state_of(self.status_code)


class PlannedRun:
    """A job of which some is looked up, once it is to be submitted.

    A retry that takes up its job looks none of that up: a model may have changed since.

    :param run: what was asked for.
    :param plan: looks it up.
    """

    def __init__(self, run: Run, plan: Callable[[], Exchange[JobPlan]]) -> None:
        # The latest version of an input is still "the latest" here, and a parameter as it was given, so that
        # a retry finds its job again.
        self.asked = run.job({name: repr(value) for name, value in run.parameters.items()}, {})
        self.plan = plan


def require_job_attrs(job_attrs: Mapping[str, Any] | None) -> None:
    """Refuse attributes that no job can have, or that would hide our token.

    :raises InvalidArgumentError: naming the attribute.
    """
    tag_updates(job_attrs, where="job_attrs")
    if TOKEN in (job_attrs or {}):
        raise InvalidArgumentError(f"job_attrs must not hold {TOKEN!r}: by it the job is found again")


def job_selector(told: object, what: str = "selector") -> Selector:
    """Return the selector of a job: from its id, its key, or anything else that points at it.

    :raises InvalidArgumentError: if it points at no job.
    """
    if isinstance(told, str) and _is_uuid(told):
        told = f"JOB-{told.strip()}-v{JOB_VERSION}"
    selector = Selector.of(told, what)
    if selector.object_type != "JOB":
        raise InvalidArgumentError(f"{what} must point at a JOB; given: {selector}")
    return Selector(object_type="JOB", object_id=selector.object_id, object_version=JOB_VERSION)


def snapshot(job: Tag, *, result: Tag | None = None, outputs: Mapping[str, str] | None = None) -> RunSnapshot:
    """Return a job in the vocabulary that all platforms share."""
    status = _status(job)
    state = state_of(status)
    words = _message(job)
    if result is not None:
        words = words or str(result.body.get("statusMessage") or "")
    log_file = _log_file(result)
    job_id = job.header.object_id
    ended = result.header.object_timestamp if result else job.header.tag_timestamp
    return RunSnapshot(
        run_id=job_id,
        state=state,
        raw_state=status,
        started_at=_time_text(job.header),
        finished_at=instant_text(ended) if state.is_final and ended else None,
        message=words,
        details=_details(job_id, str(job.attrs.get("trac_job_type") or ""), status, outputs, log_file, words),
    )


def _details(
    job_id: str,
    job_type: str,
    status: str,
    outputs: Mapping[str, str] | None = None,
    log_file: str | None = None,
    message: str = "",
) -> dict[str, Any]:
    """Return the platform's own fields; objects are told by their keys, which templates can hand on."""
    told: dict[str, Any] = {
        "job_id": job_id,
        "job": job_selector(job_id).key,
        "job_type": job_type,
        "status": status,
        "message": message,
        "outputs": dict(outputs or {}),
        "log_file": log_file,
    }
    return {**told, "model": told["outputs"].get("model")} if job_type == "IMPORT_MODEL" else told


def _log_file(result: Tag | None) -> str | None:
    told = result.body.get("logFileId") if result else None
    return Selector.from_answer(told).key if told else None


def _result_outputs(result: Tag | None) -> dict[str, str]:
    told = (result.body.get("outputs") if result else None) or {}
    return {name: Selector.from_answer(selector).key for name, selector in told.items()}


def _status(job: Tag) -> str:
    return str(job.attrs.get("trac_job_status") or "JOB_STATUS_CODE_NOT_SET")


def _message(job: Tag) -> str:
    return str(job.attrs.get("trac_job_error_message") or "")


def _time_text(header: TagHeader) -> str | None:
    return instant_text(header.object_timestamp) if header.object_timestamp else None


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text.strip()))
    except ValueError:
        return False
