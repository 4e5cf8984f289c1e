"""Read the states and the outputs of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from airflow_provider_dataops.core.json import Result
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError
from airflow_provider_dataops.platforms.trac.model.objects import Tag, TagHeader
from airflow_provider_dataops.platforms.trac.model.primitives import as_plain_json
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import read_updates

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

#: The job attribute that contains the token of a submission. A retry finds its job by this token.
TOKEN = "airflow_token"  # noqa: S105 - its name
#: The version of each job. TRAC never creates a second version of a job.
JOB_VERSION = 1
_UNKNOWN = "JOB_STATUS_CODE_NOT_SET"
_STATES = {
    "PREPARING": RunState.PENDING,
    "PENDING": RunState.PENDING,
    "QUEUED": RunState.PENDING,
    "SUBMITTED": RunState.PENDING,
    "RUNNING": RunState.RUNNING,
    "FINISHING": RunState.RUNNING,
    "SUCCEEDED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "CANCELLED": RunState.CANCELLED,
}


def state_of(status: object) -> RunState:
    """Return the state for TRAC's status code, ``UNKNOWN`` for a code that this provider does not know."""
    return _STATES.get(str(status), RunState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class JobStatus(Result):
    """A job's status.

    :param job: the tag header of the job: its id and version; ``None`` for a job that was only validated.
    :param status_code: TRAC's own word, ``RUNNING`` for instance.
    :param status_message: why the job failed.
    """

    job: TagHeader | None
    status_code: str
    status_message: str = ""

    @property
    def state(self) -> RunState:
        """The state in the words that all platforms share."""
        return state_of(self.status_code)

    def snapshot(
        self, job_type: str, *, result: Tag | None = None, outputs: JsonObject | None = None
    ) -> RunSnapshot:
        """Return the job in the format that all platforms share, with the keys of its outputs and log file.

        :param job_type: TRAC's own word, ``RUN_MODEL`` for instance.
        :param result: the RESULT object of a job that has ended.
        :param outputs: the keys of the job's outputs, by name.
        :raises MalformedReplyError: if TRAC returned no job id.
        """
        if self.job is None:
            raise MalformedReplyError("TRAC accepted the job, but its response has no jobId", status=200)
        job_id, message = self.job.object_id, self.status_message
        if result is not None:
            message = message or str(result.body.get("statusMessage") or "")
        ended = result.header.object_timestamp if result else self.job.tag_timestamp
        details: dict[str, Any] = {
            "job_id": job_id,
            "job": job_selector(job_id).key,
            "job_type": job_type,
            "status": self.status_code,
            "message": message,
            "outputs": dict(outputs or {}),
            "log_file": log_file(result),
        }
        if job_type == "IMPORT_MODEL":
            details["model"] = details["outputs"].get("model")
        return RunSnapshot(
            run_id=job_id,
            state=self.state,
            raw_state=self.status_code,
            started_at=as_plain_json(self.job.object_timestamp),
            finished_at=as_plain_json(ended) if self.state.is_final else None,
            message=message,
            details=details,
        )

    @classmethod
    def from_json(cls, payload: Any) -> JobStatus:
        """Return the status in a response of the orchestrator."""
        header = payload.get("jobId")
        return cls(
            job=TagHeader.from_json(header) if header else None,
            status_code=str(payload.get("statusCode") or _UNKNOWN),
            status_message=str(payload.get("statusMessage") or ""),
        )

    @classmethod
    def from_tag(cls, tag: Tag) -> JobStatus:
        """Return the status in a job's attributes."""
        return cls(
            job=tag.header,
            status_code=str(tag.attrs.get("trac_job_status") or _UNKNOWN),
            status_message=str(tag.attrs.get("trac_job_error_message") or ""),
        )


def snapshot(job: Tag, *, result: Tag | None = None, outputs: JsonObject | None = None) -> RunSnapshot:
    """Return a job that was read from the metadata, in the format that all platforms share.

    :param result: the RESULT object of a job that has ended.
    :param outputs: the keys of the job's outputs, by name.
    """
    job_type = str(job.attrs.get("trac_job_type") or "")
    return JobStatus.from_tag(job).snapshot(job_type, result=result, outputs=outputs)


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job for which a task waits, as a search found it. Thousands of active jobs must take little memory.

    :param token: its submission token.
    :param snapshot: the job in the format that all platforms share, without outputs; without any details if
        the job is active.
    :param ended: the job itself if it has ended, else ``None``.
    """

    token: str
    snapshot: RunSnapshot
    ended: Tag | None

    @classmethod
    def from_json(cls, payload: JsonObject) -> Self:
        """Return a job in the response to a search."""
        tag = Tag.from_json(payload)
        found = snapshot(tag)
        return cls(str(tag.attrs.get(TOKEN)), found.brief, tag if found.state.is_final else None)


def require_job_attrs(job_attrs: JsonObject | None) -> None:
    """Check that a job can have these attributes.

    :raises InvalidArgumentError: if TRAC would reject an attribute, or if an attribute would replace the
        submission token.
    """
    read_updates(job_attrs, where="job_attrs")
    if TOKEN in (job_attrs or {}):
        raise InvalidArgumentError(
            f"job_attrs must not contain {TOKEN!r}: the provider sets it, to find the job again"
        )


def job_selector(value: object, what: str = "selector") -> Selector:
    """Return the selector of a job.

    :param value: the job's id, its key, or any other selector.
    :param what: the name of the argument, for errors.
    :raises InvalidArgumentError: if the value does not select a job.
    """
    if isinstance(value, str) and _is_uuid(value):
        value = f"JOB-{value.strip()}-v{JOB_VERSION}"
    selector = Selector.of_type(value, "JOB", what)
    return Selector(object_type="JOB", object_id=selector.object_id, object_version=JOB_VERSION)


def log_file(result: Tag | None) -> str | None:
    """Return the key of a job's log file, ``None`` if its RESULT object contains no log file."""
    selector = result.body.get("logFileId") if result else None
    return Selector.from_answer(selector).key if selector else None


def result_of(job: Tag) -> Selector | None:
    """Return the selector of a job's RESULT object; ``None`` if it has none, as up to TRAC 0.7.

    The job's definition contains the selector from the start, although the object is created only when the
    job ends. Recorded responses of TRAC 0.10 contain the same selector in the states ``PREPARING``,
    ``RUNNING`` and ``SUCCEEDED``. It cannot change, because TRAC never creates a second version of a job.

    :param job: the job with its definition. A search returns jobs without their definitions.
    :raises MalformedReplyError: if the selector cannot be read.
    """
    selector = job.body.get("resultId")
    return Selector.from_answer(selector).with_latest_tag() if selector else None


def belong_together(job: Tag, result: Tag) -> bool:
    """Return whether a RESULT object belongs to a job, and both contain the same status."""
    owner, status = result.body.get("jobId"), JobStatus.from_tag(job).status_code
    is_owner = isinstance(owner, Mapping) and owner.get("objectId") == job.header.object_id
    return is_owner and result.body.get("statusCode") == status


def result_outputs(result: Tag | None) -> dict[str, str]:
    """Return the keys of a RESULT object's outputs by name. Up to TRAC 0.8.0, it contains no outputs."""
    outputs = (result.body.get("outputs") if result else None) or {}
    return {name: Selector.from_answer(selector).key for name, selector in outputs.items()}


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text.strip()))
    except ValueError:
        return False
