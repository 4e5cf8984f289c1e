"""What Quantemplate knows: executions and their outputs, and how its JSON is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.tokens import Token
from airflow_provider_dataops.errors import (
    MalformedReplyError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import (
        Reply,
    )

#: A token whose life the server does not tell is taken to live this long, in seconds.
UNTOLD_TOKEN_LIFE = 60.0
# The OpenAPI file spells it "Cancelled", the vendor's own client "Canceled".
_STATES = {
    "started": RunState.RUNNING,
    "succeeded": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
    "canceled": RunState.CANCELLED,
}


@dataclass(frozen=True)
class Output:
    """One file that an execution made."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of a pipeline.

    :param run_number: counts the pipeline's executions, from 1.
    :param status: the platform's word.
    :param created_at: when it was asked for; all times are ISO 8601 as the platform wrote them.
    :param version: the pipeline's version at that time.
    :param outputs: empty until the execution has ended, possibly after that, too.
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
        """Return the execution in the vocabulary that all platforms share."""
        return RunSnapshot(
            run_id=self.id,
            state=self.state,
            raw_state=self.status,
            started_at=self.started_at or self.created_at,
            finished_at=self.finished_at,
            # The API tells no reason of a failure; it stands in the run log of the user interface.
            message="" if self.state in _QUIET else f"run number {self.run_number} ended {self.status!r}",
            details={
                "execution_id": self.id,
                "pipeline_id": pipeline_id,
                "organisation_id": organisation_id,
                "run_number": self.run_number,
                "version": self.version,
                "outputs": [{"id": o.id, "name": o.name} for o in self.outputs],
            },
        )


_QUIET = frozenset({RunState.PENDING, RunState.RUNNING, RunState.UNKNOWN, RunState.SUCCEEDED})


def _read_token(reply: Reply) -> Token:
    told = reply.json()
    token = told.get("access_token") if isinstance(told, dict) else None
    if not isinstance(token, str) or not token:
        # The body is not repeated: it may hold a token under another name.
        raise MalformedReplyError("the token endpoint's answer holds no access_token", status=reply.status)
    life = told.get("expires_in")
    good = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return Token(token, float(life) if good else UNTOLD_TOKEN_LIFE)


def _read_started(reply: Reply) -> Execution:
    if reply.status == 204:
        raise MalformedReplyError("204: the platform took the request and gave no execution id", status=204)
    return _execution(reply.json(), reply)


def _read_entries(reply: Reply) -> list[Any]:
    told = reply.json()
    if not isinstance(told, list):
        raise MalformedReplyError(
            "the list of executions is no JSON array", status=reply.status, body=reply.text()
        )
    return told


def _read_executions(reply: Reply) -> list[Execution]:
    return [_execution(entry, reply) for entry in _read_entries(reply)]


def _read_some(reply: Reply, *, wanted: frozenset[str]) -> dict[str, Execution]:
    # A list may hold thousands of old runs: only the wanted ones become objects.
    entries = (e for e in _read_entries(reply) if isinstance(e, dict) and e.get("id") in wanted)
    return {e["id"]: _execution(e, reply) for e in entries}


def _read_download(reply: Reply) -> None:
    if reply.status != 200:
        raise MalformedReplyError(f"{reply.status}: there is no file in the answer", status=reply.status)


def _execution(told: object, reply: Reply) -> Execution:
    if not isinstance(told, dict):
        raise _not_an_execution(reply)
    run_id, number, status = told.get("id"), told.get("runNumber"), told.get("status")
    if (
        not isinstance(run_id, str)
        or not run_id
        or not isinstance(number, int)
        or not isinstance(status, str)
    ):
        raise _not_an_execution(reply)
    finished_at = _text(told.get("finishedAt"))
    state = _STATES.get(status.strip().lower())
    if state is None:
        state = RunState.FAILED if finished_at else RunState.UNKNOWN
    outputs = told.get("outputs") or []
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and "id" in o for o in outputs):
        raise _not_an_execution(reply)
    version = told.get("version")
    return Execution(
        id=run_id,
        run_number=number,
        status=status,
        state=state,
        created_at=_text(told.get("createdAt")),
        created_by=_text(told.get("createdBy")),
        version=version if isinstance(version, int) else None,
        started_at=_text(told.get("startedAt")),
        finished_at=finished_at,
        outputs=tuple(Output(str(o["id"]), str(o.get("name", ""))) for o in outputs),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _not_an_execution(reply: Reply) -> MalformedReplyError:
    return MalformedReplyError(
        "an execution without id, runNumber and status", status=reply.status, body=reply.text()
    )
