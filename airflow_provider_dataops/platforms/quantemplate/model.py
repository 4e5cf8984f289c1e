"""Read Quantemplate executions, outputs and tokens from the JSON of responses."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.json import Result, storable
from airflow_provider_dataops.core.listing import Listed, read_entries
from airflow_provider_dataops.core.run import RunSnapshot, RunState, require_id
from airflow_provider_dataops.core.tokens import Token
from airflow_provider_dataops.errors import MalformedReplyError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply

log = logging.getLogger(__name__)

#: The assumed life of a token if the server does not report it, in seconds.
DEFAULT_TOKEN_LIFE = 60.0
# The OpenAPI file contains the status "Cancelled"; the vendor's own client contains "Canceled".
_STATES = {
    "started": RunState.RUNNING,
    "succeeded": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
    "canceled": RunState.CANCELLED,
}
#: From each execution in a list, only these members are decoded.
_MEMBERS = (
    "id",
    "runNumber",
    "status",
    "createdAt",
    "createdBy",
    "version",
    "startedAt",
    "finishedAt",
    "outputs",
)
_NOT_SUCCESSFUL = frozenset({RunState.FAILED, RunState.CANCELLED})


@dataclass(frozen=True)
class Output:
    """One output file of an execution."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Execution(Result):
    """One execution of a pipeline. All times are in ISO 8601, as the platform wrote them.

    :param run_number: the number of the execution in its pipeline, from 1.
    :param status: the platform's word for the state.
    :param state: the state in the words that all platforms share.
    :param created_at: when the execution was requested.
    :param version: the version of the pipeline when the execution was requested.
    :param outputs: the output files; empty before the execution ends, and sometimes also afterwards.
    """

    id: str
    run_number: int
    status: str
    state: RunState
    created_at: str | None = None
    created_by: str | None = None
    version: int | None = None
    started_at: str | None = None
    finished_at: str | None = None
    outputs: tuple[Output, ...] = ()

    def snapshot(self, pipeline_id: str, organisation_id: str) -> RunSnapshot:
        """Return the execution in the format that all platforms share."""
        failed = self.state in _NOT_SUCCESSFUL
        return RunSnapshot(
            run_id=self.id,
            state=self.state,
            raw_state=self.status,
            started_at=self.started_at or self.created_at,
            finished_at=self.finished_at,
            # The API does not report why an execution failed. Only the run log in the web interface does.
            message=f"run number {self.run_number} ended {self.status!r}" if failed else "",
            details={
                "execution_id": self.id,
                "pipeline_id": pipeline_id,
                "organisation_id": organisation_id,
                "run_number": self.run_number,
                "version": self.version,
                "outputs": [{"id": o.id, "name": o.name} for o in self.outputs],
            },
        )


def read_token(reply: Reply) -> Token:
    """Return the token in a response.

    :raises MalformedReplyError: if the response contains no token.
    """
    payload = reply.json()
    token = payload.get("access_token") if isinstance(payload, dict) else None
    if not isinstance(token, str) or not token:
        # The error does not quote the body: the body may contain a token under another name.
        raise MalformedReplyError("the token endpoint's response has no access_token", status=reply.status)
    life = payload.get("expires_in")
    is_known = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return Token(token, float(life) if is_known else DEFAULT_TOKEN_LIFE)


def read_started(reply: Reply) -> Execution:
    """Return the execution that was started.

    :raises MalformedReplyError: if the response contains no execution.
    """
    if reply.status == 204:
        raise reply.malformed("HTTP 204: the platform accepted the request but returned no execution id")
    return _execution(reply.json(), reply)


def read_executions(
    reply: Reply, *, wanted: frozenset[str] | None = None, after: int | None = None
) -> Listed[Execution]:
    """Return the executions in a list.

    :param wanted: the ids of the executions to return; ``None`` returns all.
    :param after: return only the executions with a run number above this number.
    :raises MalformedReplyError: if the response is not a list of executions.
    """
    key, is_wanted = "", None
    if wanted is not None:
        key, is_wanted = "id", lambda value: _id(value) in wanted
    elif after is not None:
        key, is_wanted = "runNumber", lambda value: _number(value) > after
    parse = partial(_execution, reply=reply)
    listed = read_entries(reply, reply.entries(), _MEMBERS, parse, key=key, wanted=is_wanted)
    if wanted is not None and len(listed.found) < len(wanted):
        # The documentation shows no limit for the length of the list. Run numbers begin with 1. So if number
        # 1 is missing, the list leaves out the oldest executions.
        listed.cut = min(read_run_numbers(reply).found, default=1) > 1
    return listed


def read_run_numbers(reply: Reply) -> Listed[int]:
    """Return the run numbers of the executions in a list."""
    return read_entries(
        reply, reply.entries(), ("id", "runNumber"), lambda entry: _number(entry.get("runNumber"))
    )


def read_download(reply: Reply) -> None:
    """Check that a response contained a file. The sink has received the file already.

    The documentation lists the status code 204 without a meaning. So a 204 counts as an empty file.

    :raises MalformedReplyError: if the response contained no file.
    """
    if reply.status == 204:
        log.warning("Quantemplate responded with HTTP 204 (no content), so the file is empty")
    elif reply.status != 200:
        raise reply.malformed(f"HTTP {reply.status}: the response contains no file")


def _execution(payload: object, reply: Reply) -> Execution:
    entry = payload if isinstance(payload, dict) else {}
    status, outputs = entry.get("status"), entry.get("outputs") or []
    try:
        run_id, number = _id(entry.get("id")), _number(entry.get("runNumber"))
    except ValueError as error:
        raise reply.malformed(f"an execution has no valid id or runNumber: {error}") from None
    if (
        not isinstance(status, str)
        or not isinstance(outputs, list)
        or not all(isinstance(o, dict) and "id" in o for o in outputs)
    ):
        raise reply.malformed("an execution has no valid status or outputs")
    finished_at = _text(entry.get("finishedAt"))
    unknown = RunState.FAILED if finished_at else RunState.UNKNOWN
    version = entry.get("version")
    return Execution(
        id=run_id,
        run_number=number,
        status=status,
        state=_STATES.get(status.strip().lower(), unknown),
        created_at=_text(entry.get("createdAt")),
        created_by=_text(entry.get("createdBy")),
        version=version if isinstance(version, int) else None,
        started_at=_text(entry.get("startedAt")),
        finished_at=finished_at,
        outputs=tuple(Output(str(o["id"]), str(o.get("name", ""))) for o in outputs),
    )


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not an id: {value!r:.100}")
    return require_id(value)


def _number(value: object) -> int:
    """Return a run number. A number of more than 64 bits is an error, because Airflow cannot store it."""
    if not isinstance(value, int) or isinstance(value, bool) or storable(value) != value:
        raise ValueError(f"not a run number: {value!r:.100}")
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
