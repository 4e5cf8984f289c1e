"""Checks of Tailer's arguments, made before anything is sent. Functions alone: DAG files load this module."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.errors import InvalidArgumentError

ENVIRONMENTS = ("PROD", "PREPROD", "STAGING", "DEV")
#: The types of configuration for which the API launches jobs.
LAUNCHABLE = ("table-to-table", "table-to-storage")
#: The statuses that a run can be labelled with.
SETTABLE = ("SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED")
#: What each status of a configuration is in a request; both true is not documented.
CONFIGURATION_STATUSES = {
    "enabled": {"activated": True, "archived": False},
    "disabled": {"activated": False, "archived": False},
    "archived": {"activated": False, "archived": True},
}
#: How many runs a listing asks for: the largest number that the vendor's pages show. The default is unknown.
LIST_LIMIT = 100
#: One type has two names: requests use the new one; responses and job ids also use the old one.
_ALIASES = {"gbq-to-gbq": "table-to-table"}
#: The statuses of a run that goes on.
_ACTIVE = {"WAITING", "RUNNING"}


def canonical_type(configuration_type: str) -> str:
    """Return the name of a configuration's type that requests use."""
    return _ALIASES.get(configuration_type, configuration_type)


def _not_one_of(name: str, value: object, allowed: Collection[str]) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} must be one of {', '.join(allowed)}; given: {value!r}")


def check_scope(account: object, environment: object) -> None:
    """Refuse an account or environment that cannot be one; ``None`` stands for the connection's.

    :raises InvalidArgumentError: also for an account that is a number, which has lost its leading zeros.
    """
    if account is not None and not (isinstance(account, str) and re.fullmatch(r"[0-9]{6}", account)):
        kind = "" if isinstance(account, str) else f" ({type(account).__name__})"
        raise InvalidArgumentError(
            f"account must be a text of six digits with its leading zeros, '000099'; given: {account!r}{kind}"
        )
    if environment is not None and environment not in ENVIRONMENTS:
        raise _not_one_of("environment", environment, ENVIRONMENTS)


def check_launchable(configuration_type: object) -> None:
    """Refuse a type of configuration for which the API launches no jobs."""
    if not isinstance(configuration_type, str) or canonical_type(configuration_type) not in LAUNCHABLE:
        raise InvalidArgumentError(
            f"a job can be launched for configuration_type {' and '.join(LAUNCHABLE)} alone; "
            f"given: {configuration_type!r}"
        )


def check_configuration_status(status: object) -> None:
    """Refuse a status that a configuration cannot be given."""
    if not isinstance(status, str) or status not in CONFIGURATION_STATUSES:
        raise _not_one_of("status", status, CONFIGURATION_STATUSES)


def check_settable(status: object) -> None:
    """Refuse a status that a run cannot be labelled with, in upper or lower case."""
    if not isinstance(status, str) or status.upper() not in SETTABLE:
        raise _not_one_of("status", status, SETTABLE)


def require_text_if_set(**arguments: object) -> None:
    """Refuse arguments that are neither ``None`` nor a text that is not blank."""
    require_text(**{name: value for name, value in arguments.items() if value is not None})


def require_status(status: str) -> str:
    """Return a run's status as the platform writes it: upper-case, without blanks around it."""
    require_text(status=status)
    return status.strip().upper()


def require_outcomes(success_statuses: object, failure_statuses: object) -> dict[str, list[str]]:
    """Return the statuses that count as success and as failure by argument, upper-case and sorted.

    :raises InvalidArgumentError: if they are no texts, name a run that goes on, or contradict each other.
    """
    success = _statuses("success_statuses", success_statuses)
    failure = _statuses("failure_statuses", failure_statuses)
    if not success:
        raise InvalidArgumentError("success_statuses must name a status; given: none")
    if both := success & failure:
        raise InvalidArgumentError(
            f"success_statuses and failure_statuses both name {', '.join(sorted(both))}"
        )
    return {"success_statuses": sorted(success), "failure_statuses": sorted(failure)}


def _statuses(name: str, value: object) -> set[str]:
    if (
        not isinstance(value, Collection)
        or isinstance(value, str)
        or not all(isinstance(status, str) and status.strip() for status in value)
    ):
        raise InvalidArgumentError(f"{name} must be a list of statuses; given: {value!r}")
    statuses = {status.strip().upper() for status in value}
    if active := statuses & _ACTIVE:
        raise InvalidArgumentError(f"{name}: a run goes on while it is {', '.join(sorted(active))}")
    return statuses


def day(name: str, value: object) -> str | None:
    """Return a day as ``YYYY-MM-DD``, ``None`` for ``None``.

    The day of a time with an offset is its day in UTC, as in Airflow's ``ds``.

    :param value: a date, a datetime, or a text in ISO 8601.
    :raises InvalidArgumentError: for anything else.
    """
    if value is None:
        return None
    moment = value
    try:
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment.strip())
        if isinstance(moment, datetime):
            moment = (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        moment = None
    if not isinstance(moment, date):
        raise InvalidArgumentError(f"{name} must be a date, YYYY-MM-DD; given: {value!r}")
    return moment.isoformat()


def list_filters(
    *, started_on: date | str | None = None, status: str | None = None, limit: int = LIST_LIMIT
) -> dict[str, Any]:
    """Return what narrows a listing of runs down, by the API's names.

    :param started_on: only runs that started on this day. The API calls it ``execution_date``, which means
        another thing when a job is launched.
    :param status: only runs in this status.
    :param limit: so many runs at the most.
    """
    require_whole(1, limit=limit)
    return {
        "execution_date": day("started_on", started_on),
        "status": None if status is None else require_status(status),
        "limit": limit,
    }
