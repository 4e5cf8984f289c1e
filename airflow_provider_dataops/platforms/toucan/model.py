"""What Toucan Toco answers with, and how its JSON is read."""

from __future__ import annotations

import base64
import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.core.tokens import Token
from airflow_provider_dataops.errors import (
    MalformedReplyError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import (
        Reply,
    )


_STATES = {
    "pending": RunState.PENDING,
    "running": RunState.RUNNING,
    "successful": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
}


@dataclass(frozen=True)
class Accepted:
    """What the platform answered to an upload or a submission.

    :param operation_id: empty where it told none; the end cannot be waited for then.
    :param answer: its JSON; its text where it is no JSON; ``None`` where the body is empty.
    """

    operation_id: str
    answer: Any


@dataclass(frozen=True)
class SmallApp:
    """One small app. What the platform does not tell is ``None``."""

    id: str
    name: str | None = None
    stage: str | None = None
    last_update: str | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    :param status: the platform's word, lower-case.
    :param answer: all that the platform tells of it.
    """

    operation_id: str
    status: str
    state: RunState
    answer: Mapping[str, Any]


def _read_token(reply: Reply) -> Token:
    told = reply.json()
    token = told.get("token") if isinstance(told, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        # The body is not repeated: it may hold a token under another name.
        raise MalformedReplyError("the answer to the login holds no token", status=reply.status)
    return Token(token, _life(token, reply))


def _life(token: str, reply: Reply) -> float:
    """Return the seconds that a token lives, infinite where it does not tell."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        # By the server's own clock, where it is told: ours need not be right.
        life = float(claims["exp"]) - (reply.date if reply.date is not None else time.time())
    except (LookupError, TypeError, ValueError):
        return math.inf
    return life if life > 0 else math.inf


def _read_accepted(reply: Reply) -> Accepted:
    """Read what no document shows: JSON with an id, anything else, or nothing."""
    if not reply.body.strip():
        return Accepted("", None)
    kind = reply.headers.get("content-type", "").lower()
    if kind.startswith("text/html"):
        raise MalformedReplyError(
            f"the answer is not JSON ({kind}) but a web page", status=reply.status, body=reply.text()
        )
    try:
        told = reply.json()
    except MalformedReplyError:
        if "json" in kind:
            raise
        return Accepted("", reply.text())
    operation_id = told.get("operation_id") if isinstance(told, dict) else None
    if operation_id is None or operation_id == "":
        return Accepted("", told)
    if isinstance(operation_id, bool) or not isinstance(operation_id, str | int):
        raise MalformedReplyError(
            "operation_id is neither a text nor a number", status=reply.status, body=reply.text()
        )
    return Accepted(str(operation_id), told)


def _read_operation(operation_id: str, reply: Reply) -> Operation:
    told = _read_object(reply)
    status = told.get("status")
    if not isinstance(status, str) or not status.strip():
        raise MalformedReplyError(
            "the state of an operation without a status", status=reply.status, body=reply.text()
        )
    word = status.strip().lower()
    return Operation(
        operation_id=operation_id,
        status=word,
        state=_STATES.get(word, RunState.UNKNOWN),
        answer=told,
    )


def _read_object(reply: Reply) -> dict[str, Any]:
    told = reply.json()
    if not isinstance(told, dict):
        raise MalformedReplyError("the answer is no JSON object", status=reply.status, body=reply.text())
    return told


def _read_small_apps(reply: Reply) -> list[SmallApp]:
    told = reply.json()
    if not isinstance(told, list) or not all(isinstance(app, dict) and app.get("id") for app in told):
        raise MalformedReplyError("no list of small apps", status=reply.status, body=reply.text())
    return [
        SmallApp(
            id=str(app["id"]),
            name=_told(app.get("name")),
            stage=_told(app.get("stage")),
            last_update=_told(app.get("last_update")),
            duplicate_of=_told(app.get("duplicateOf")),
        )
        for app in told
    ]


def _told(value: object) -> str | None:
    return None if value is None else str(value)
