"""What Tailer knows: configurations, runs and their statuses, and how its JSON is read."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.core.http import Reply
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    ApiError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply


ENVIRONMENTS = ("PROD", "PREPROD", "STAGING", "DEV")
#: What a job can be launched for.
LAUNCHABLE = ("table-to-table", "table-to-storage")
#: What a run can be labelled as.
SETTABLE = ("SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED")
#: ``activated`` and ``archived`` for each status of a configuration; both true is not documented.
CONFIGURATION_STATUSES = {"enabled": (True, False), "disabled": (False, False), "archived": (False, True)}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The full identity of a data operation.

    :param account: six digits, with leading zeros.
    :param environment: one of :data:`ENVIRONMENTS`.
    :param configuration_type: ``table-to-table`` also goes by its old name ``gbq-to-gbq``.
    :param configuration_id: as deployed; Tables to Tables ids end in ``_`` and the environment then, unless
        they were deployed with a context.
    """

    account: str
    environment: str
    configuration_type: str
    configuration_id: str

    def __post_init__(self) -> None:
        check_account(self.account)
        check_environment(self.environment)
        require_text(configuration_type=self.configuration_type, configuration_id=self.configuration_id)
        object.__setattr__(self, "configuration_type", canonical_type(self.configuration_type))

    def __str__(self) -> str:
        return f"{self.configuration_type} {self.configuration_id} of {self.account} {self.environment}"

    @property
    def names_environment(self) -> bool:
        """Whether the id ends in the environment."""
        return self.configuration_id.endswith(f"_{self.environment}")

    @property
    def job_id(self) -> str | None:
        """The job's id where it can be told; most types have file names or placeholders in it."""
        return f"gbq-to-gbq|{self.configuration_id}" if self.configuration_type == "table-to-table" else None

    def owns(self, run: Run) -> bool:
        """Tell whether a listed run is one of this configuration; an answer may hold others."""
        told = (run.account, run.environment, run.configuration_id)
        ours = (self.account, self.environment, self.configuration_id)
        return all(one in {None, other} for one, other in zip(told, ours, strict=True))


def check_account(value: object) -> None:
    """Refuse what is no account.

    :raises InvalidArgumentError: also for a number, which has lost its leading zeros.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{6}", value):
        kind = f" ({type(value).__name__})" if not isinstance(value, str) else ""
        raise InvalidArgumentError(
            f"account must be a text of six digits with its leading zeros, '000099'; given: {value!r}{kind}"
        )


def check_environment(value: object) -> None:
    """Refuse what is no environment."""
    if value not in ENVIRONMENTS:
        raise InvalidArgumentError(f"environment must be one of {', '.join(ENVIRONMENTS)}; given: {value!r}")


def check_launchable(value: object) -> None:
    """Refuse a type for which the API launches no jobs."""
    if not isinstance(value, str) or canonical_type(value) not in LAUNCHABLE:
        raise InvalidArgumentError(
            f"a job can be launched for configuration_type {' and '.join(LAUNCHABLE)} alone; given: {value!r}"
        )


def check_settable(value: object) -> None:
    """Refuse a status that a run cannot be given."""
    if not isinstance(value, str) or value.upper() not in SETTABLE:
        raise InvalidArgumentError(f"status must be one of {', '.join(SETTABLE)}; given: {value!r}")


def check_configuration_status(value: object) -> tuple[bool, bool]:
    """Return ``activated`` and ``archived`` for a configuration's status.

    :raises InvalidArgumentError: if there is no such status.
    """
    found = CONFIGURATION_STATUSES.get(value) if isinstance(value, str) else None
    if found is None:
        allowed = ", ".join(CONFIGURATION_STATUSES)
        raise InvalidArgumentError(f"status must be one of {allowed}; given: {value!r}")
    return found


def check_limit(value: int) -> None:
    """Refuse what is no number of runs."""
    require_whole(limit=value)
    if value == 0:
        raise InvalidArgumentError("limit must be a whole number from 1; given: 0")


def day(name: str, value: object) -> str | None:
    """Return a day as ``YYYY-MM-DD``; of a time with an offset it is the day in UTC, as in Airflow's ``ds``.

    :param value: a date, a datetime, a text in ISO 8601, or ``None``.
    :raises InvalidArgumentError: for anything else.
    """
    if value is None:
        return None
    told = value
    if isinstance(told, str):
        try:
            told = datetime.fromisoformat(told.strip())
        except ValueError:
            told = None
    if isinstance(told, datetime):
        try:
            told = (told.astimezone(UTC) if told.tzinfo else told).date()
        except OverflowError:
            told = None
    if not isinstance(told, date):
        raise InvalidArgumentError(f"{name} must be a date, YYYY-MM-DD; given: {value!r}")
    return told.isoformat()


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
