"""Validate Tailer's arguments before a request is sent. DAG files load this module, so it imports little."""

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
#: The statuses that a user can set for a run.
SETTABLE = ("SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED")
#: For each status of a configuration, the two flags to send. The vendor's documentation sets at most one of
#: these flags to true.
CONFIGURATION_STATUSES = {
    "enabled": {"activated": True, "archived": False},
    "disabled": {"activated": False, "archived": False},
    "archived": {"activated": False, "archived": True},
}
#: The ``limit`` of a list request if the caller gives no limit. It is the largest number that the vendor's
#: documentation shows. Tailer's own default is unknown.
LIST_LIMIT = 100
#: A type with an old and a new name. Requests use the new name. Responses and job ids also use the old name.
_ALIASES = {"gbq-to-gbq": "table-to-table"}
#: The statuses of an active run.
_ACTIVE = {"WAITING", "RUNNING"}


def canonical_type(configuration_type: str) -> str:
    """Return the name that requests use for a type. For a type's old name, this is the new name."""
    return _ALIASES.get(configuration_type, configuration_type)


def _not_one_of(name: str, value: object, allowed: Collection[str]) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} must be one of {', '.join(allowed)}; given: {value!r}")


def check_scope(account: object, environment: object) -> None:
    """Validate account and environment; ``None`` uses the value of the connection.

    :raises InvalidArgumentError: if one of them is not valid. ``account`` must not be a number, because a
        number has no leading zeros.
    """
    if account is not None and not (isinstance(account, str) and re.fullmatch(r"[0-9]{6}", account)):
        kind = "" if isinstance(account, str) else f" ({type(account).__name__})"
        raise InvalidArgumentError(
            f"account must be a text of six digits with leading zeros, such as '000099'; "
            f"given: {account!r}{kind}"
        )
    if environment is not None and environment not in ENVIRONMENTS:
        raise _not_one_of("environment", environment, ENVIRONMENTS)


def check_launchable(configuration_type: object) -> None:
    """Reject a type of configuration for which the API cannot launch jobs.

    :raises InvalidArgumentError: for such a type.
    """
    if not isinstance(configuration_type, str) or canonical_type(configuration_type) not in LAUNCHABLE:
        raise InvalidArgumentError(
            f"configuration_type must be {' or '.join(LAUNCHABLE)} to launch a job; "
            f"given: {configuration_type!r}"
        )


def check_configuration_status(status: object) -> None:
    """Reject a status that a user cannot set for a configuration.

    :raises InvalidArgumentError: for such a status.
    """
    if not isinstance(status, str) or status not in CONFIGURATION_STATUSES:
        raise _not_one_of("status", status, CONFIGURATION_STATUSES)


def check_settable(status: object) -> None:
    """Reject a status that a user cannot set for a run. Upper and lower case make no difference.

    :raises InvalidArgumentError: for such a status.
    """
    if not isinstance(status, str) or status.upper() not in SETTABLE:
        raise _not_one_of("status", status, SETTABLE)


def require_status(status: str) -> str:
    """Return a run's status in upper case, without surrounding whitespace."""
    require_text(status=status)
    return status.strip().upper()


def require_outcomes(success_statuses: object, failure_statuses: object) -> dict[str, list[str]]:
    """Return a dict of both arguments, with their statuses in upper case and sorted.

    :raises InvalidArgumentError: if they are not lists of texts, contain the status of an active run, or
        contradict each other.
    """
    success = _statuses("success_statuses", success_statuses)
    failure = _statuses("failure_statuses", failure_statuses)
    if not success:
        raise InvalidArgumentError("success_statuses must contain a status; it is empty")
    if both := success & failure:
        raise InvalidArgumentError(
            f"success_statuses and failure_statuses both contain {', '.join(sorted(both))}"
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
        raise InvalidArgumentError(
            f"{name} must not contain the status of an active run: {', '.join(sorted(active))}"
        )
    return statuses


def day(name: str, value: object) -> str | None:
    """Return a day as ``YYYY-MM-DD``, ``None`` for ``None``.

    A time with an offset is converted to its day in UTC, like Airflow's ``ds``.

    :param value: a date, a datetime, or a text in ISO 8601.
    :raises InvalidArgumentError: for all other values.
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
    """Return the filters of a list request, with the API's names.

    :param started_on: only runs that started on this day. The API calls this filter ``execution_date``. In a
        request that launches a job, ``execution_date`` has another meaning: the logical date.
    :param status: only runs with this status.
    :param limit: the largest number of runs to return.
    """
    require_whole(1, limit=limit)
    return {
        "execution_date": day("started_on", started_on),
        "status": None if status is None else require_status(status),
        "limit": limit,
    }
