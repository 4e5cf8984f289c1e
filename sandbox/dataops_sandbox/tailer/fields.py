"""What the body of each of Tailer's actions holds."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import RefusedError
from dataops_sandbox.tailer.runs import (
    ALIAS,
    ENVIRONMENTS,
    LAUNCHABLE,
    SETTABLE,
    STATUSES,
    TYPES,
    Identity,
    canonical,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SCOPE = frozenset({"action", "account", "environment", "configuration_type"})
_IDENTITY = _SCOPE | {"configuration_id"}

FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "launch_job": (_IDENTITY, frozenset({"job_id", "execution_date"})),
    "check_run_status": (_IDENTITY | {"job_id", "run_id"}, frozenset()),
    "get_last_status": (_IDENTITY, frozenset({"job_id", "execution_date", "status", "limit"})),
    "get_by_status": (_SCOPE, frozenset({"execution_date", "status", "limit"})),
    "set_run_status": (_IDENTITY | {"run_id", "status"}, frozenset()),
    "reset_workflow_status": (_IDENTITY, frozenset()),
    "set_configuration_status": (_IDENTITY | {"activated", "archived"}, frozenset()),
}
"""The fields that each action needs, and those that it may have."""


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


_CHECKS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "account": (lambda v: isinstance(v, str) and bool(re.fullmatch("[0-9]{6}", v)), "a text of six digits"),
    "environment": (lambda v: v in ENVIRONMENTS, f"one of {', '.join(ENVIRONMENTS)}"),
    "configuration_type": (lambda v: v in (*TYPES, ALIAS), f"one of {', '.join(TYPES)}"),
    "configuration_id": (_is_text, "a text"),
    "job_id": (_is_text, "a text"),
    "run_id": (_is_text, "a text"),
    "execution_date": (_is_date, "a date, YYYY-MM-DD"),
    "status": (lambda v: v in STATUSES, f"one of {', '.join(STATUSES)}"),
    "limit": (lambda v: type(v) is int and v > 0, "a whole number from 1 on"),
    "activated": (lambda v: isinstance(v, bool), "true or false"),
    "archived": (lambda v: isinstance(v, bool), "true or false"),
}


def check_body(body: Mapping[str, Any], actions: frozenset[str]) -> str:
    """Check the body of a request, and give its action.

    :param actions: those of the path
    :raises RefusedError: for another action, a field that is missing, unknown, or not what it should be
    """
    action = body.get("action")
    if not isinstance(action, str) or action not in actions:
        raise RefusedError(400, f"action must be one of {sorted(actions)}, not {action!r}")
    needed, optional = FIELDS[action]
    missing, unknown = sorted(needed - body.keys()), sorted(body.keys() - needed - optional)
    if missing or unknown:
        raise RefusedError(400, f"{action}: fields missing: {missing}, unknown: {unknown}")
    for name, value in body.items():
        if name != "action" and not _CHECKS[name][0](value):
            raise RefusedError(400, f"{name} must be {_CHECKS[name][1]}, not {value!r}")
    _check_combination(action, body)
    return action


def _check_combination(action: str, body: Mapping[str, Any]) -> None:
    kind = canonical(body["configuration_type"])
    if action == "launch_job" and kind not in LAUNCHABLE:
        raise RefusedError(400, f"only {' and '.join(LAUNCHABLE)} can be launched, not {kind}")
    if action == "reset_workflow_status" and kind != "workflow":
        raise RefusedError(400, f"only a workflow can be reset, not {kind}")
    if action == "set_run_status" and body["status"] not in SETTABLE:
        raise RefusedError(400, f"a status can be set to {', '.join(SETTABLE)}, not {body['status']}")
    if action == "set_configuration_status" and body["activated"] and body["archived"]:
        raise RefusedError(400, "a configuration cannot be both activated and archived")


def identity(body: Mapping[str, Any]) -> Identity:
    """Give the identity that a checked body tells."""
    return Identity(
        account=body["account"],
        environment=body["environment"],
        configuration_type=canonical(body["configuration_type"]),
        configuration_id=body["configuration_id"],
    )
