"""Tailer's runs: what an answer tells of them, and what their statuses mean for who waits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import (
    ApiError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
)
from airflow_provider_dataops.platforms.run import RunSnapshot, RunState

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.http import Reply

#: One type has two names: requests say the new one, answers and job ids also the old one.
_ALIASES = {"gbq-to-gbq": "table-to-table"}

_ACTIVE = {"WAITING": RunState.PENDING, "RUNNING": RunState.RUNNING}

#: Statuses in which a run has ended without success, and what a person should know of each.
_ENDED = {
    "FAILED": "the API tells no cause, Tailer Studio does",
    "NO_MATCH": "a file arrived and matches no template, so that nothing was processed",
    "CHECKED": "the run failed, and a person marked it as dealt with; success_statuses may name CHECKED",
    "DEACTIVATED": "the configuration is disabled and nothing ran; enable it first",
}


def canonical_type(configuration_type: str) -> str:
    """Return the name of a configuration's type that requests use."""
    return _ALIASES.get(configuration_type, configuration_type)


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Which statuses count as success and failure.

    :param success: the statuses of a run that went well, upper-case.
    :param failure: statuses that count as failures beside the known ones, upper-case.
    """

    success: frozenset[str] = frozenset({"SUCCESS"})
    failure: frozenset[str] = frozenset()

    @classmethod
    def of(cls, success: object, failure: object = ()) -> Outcomes:
        """Return the outcomes that a user named.

        :raises InvalidArgumentError: if they are no texts, name a run that goes on, or contradict each other.
        """
        good = _statuses("success_statuses", success)
        bad = _statuses("failure_statuses", failure)
        if not good:
            raise InvalidArgumentError("success_statuses must name a status; given: none")
        if both := good & bad:
            raise InvalidArgumentError(
                f"success_statuses and failure_statuses both name {', '.join(sorted(both))}"
            )
        return cls(success=good, failure=bad)

    def state(self, status: str) -> RunState:
        """Return where a run stands; a status that nobody knows is taken as running."""
        if status in self.success:
            return RunState.SUCCEEDED
        if status in self.failure or status in _ENDED or status == "SUCCESS":
            return RunState.FAILED
        return _ACTIVE.get(status, RunState.UNKNOWN)


def _statuses(name: str, given: object) -> frozenset[str]:
    told = given if isinstance(given, Collection) and not isinstance(given, str) else None
    if told is None or not all(isinstance(s, str) and s.strip() for s in told):
        raise InvalidArgumentError(f"{name} must be a list of statuses; given: {given!r}")
    statuses = frozenset(str(s).strip().upper() for s in told)
    if going_on := statuses & set(_ACTIVE):
        raise InvalidArgumentError(f"{name}: a run goes on while it is {', '.join(sorted(going_on))}")
    return statuses


#: As long as nobody says otherwise.
USUAL = Outcomes()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, as the API tells it.

    :param status: the platform's word, upper-case.
    :param state: what it means, as long as nobody names other statuses.
    :param configuration_type: the type's present name, also where the answer has the old one.
    :param start_execution_date: when it started; this and the next are ISO 8601 as the platform wrote them.
    :param last_update_date: when its record was changed last; not told for all types.
    :param duration: ``H:MM:SS.ffffff``.
    """

    run_id: str
    status: str
    state: RunState
    account: str | None = None
    environment: str | None = None
    configuration_type: str | None = None
    configuration_id: str | None = None
    job_id: str | None = None
    start_execution_date: str | None = None
    last_update_date: str | None = None
    duration: str | None = None

    def snapshot(self, outcomes: Outcomes = USUAL) -> RunSnapshot:
        """Return the run in the vocabulary that all platforms share."""
        state = outcomes.state(self.status)
        return RunSnapshot(
            run_id=self.run_id,
            state=state,
            raw_state=self.status,
            started_at=self.start_execution_date,
            finished_at=self.last_update_date if state.is_final else None,
            message=_ENDED.get(self.status, "") if state is RunState.FAILED else "",
            details={
                "status": self.status,
                "account": self.account,
                "environment": self.environment,
                "configuration_type": self.configuration_type,
                "configuration_id": self.configuration_id,
                "job_id": self.job_id,
                "last_update_date": self.last_update_date,
                "duration": self.duration,
            },
        )


def read_runs(reply: Reply) -> list[Run]:
    """Return the runs of an answer."""
    told = reply.json()
    results = told.get("results") if isinstance(told, dict) else None
    if not isinstance(results, list):
        # How an unknown run or configuration is answered is not documented.
        refuse_ko(told, reply, NotFoundError)
        raise MalformedReplyError(
            f"the answer holds no list of results: {reply.text()[:300]}",
            status=reply.status,
            body=reply.text(),
        )
    return [_run(item, reply) for item in results]


def refuse_ko(told: object, reply: Reply, refusal: type[ApiError] = ApiError) -> None:
    """Raise what a KO in an answer with a good status stands for.

    :param refusal: what a KO stands for that tells no more.
    :raises NotFoundError: for code 404.
    :raises ServerError: for a code of 500 or more, which proves nothing.
    :raises ApiError: for any other: nothing was done, and asking again is of no use.
    """
    if not isinstance(told, dict):
        return
    message, code = told.get("message", "ok"), str(told.get("code", 200))
    if str(message).strip().lower() == "ok" and code == "200":
        return
    failed = code.startswith("5")
    error_class = ServerError if failed else NotFoundError if code == "404" else refusal
    raise error_class(
        f"refused with HTTP {reply.status}: {message!s:.500} (code {code:.20})",
        status=reply.status,
        body=reply.text(),
        not_sent=not failed,
    )


def _run(told: object, reply: Reply) -> Run:
    run_id, status = (told.get("run_id"), told.get("status")) if isinstance(told, dict) else (None, None)
    if not isinstance(told, dict) or not isinstance(run_id, str) or not run_id or not isinstance(status, str):
        raise MalformedReplyError("a run without run_id and status", status=reply.status, body=reply.text())
    status = status.strip().upper()
    kind = _text(told, "configuration_type")
    return Run(
        run_id=run_id,
        status=status,
        state=USUAL.state(status),
        account=_text(told, "account"),
        environment=_text(told, "environment"),
        configuration_type=None if kind is None else canonical_type(kind),
        configuration_id=_text(told, "configuration_id"),
        job_id=_text(told, "job_id"),
        start_execution_date=_text(told, "start_execution_date"),
        last_update_date=_text(told, "last_update_date"),
        duration=_text(told, "duration"),
    )


def _text(told: dict[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) and value else None
