"""What Toucan Toco reports, and how its JSON is read."""

from __future__ import annotations

import base64
import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.core.tokens import Token
from airflow_provider_dataops.errors import MalformedReplyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Reply

_STATES = {
    "pending": RunState.PENDING,
    "running": RunState.RUNNING,
    "successful": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
}


@dataclass(frozen=True)
class Accepted:
    """The response to an upload or a submission.

    :param operation_id: empty where the response holds none; the end cannot be waited for then.
    :param answer: the response's JSON; its text where it is no JSON; ``None`` where the body is empty.
    """

    operation_id: str
    answer: Any


@dataclass(frozen=True)
class Uploaded:
    """One file that was uploaded.

    :param source: its path or URL.
    :param filename: the name of the data source that it was sent under.
    :param operation_id: the operation that the backend started for it; empty where it reports none.
    """

    source: str
    filename: str
    operation_id: str


@dataclass(frozen=True)
class SmallApp:
    """One small app. What the platform does not report is ``None``."""

    id: str
    name: str | None = None
    stage: str | None = None
    last_update: str | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    :param status: the platform's word, lower-case.
    :param answer: all that the platform reports about it, its JSON.
    """

    operation_id: str
    status: str
    state: RunState
    answer: Mapping[str, Any]


def read_token(reply: Reply) -> Token:
    """Return the token of a login.

    :raises MalformedReplyError: if there is none that a header can carry.
    """
    payload = reply.json()
    token = payload.get("token") if isinstance(payload, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        # The body is not repeated: it may hold a token under another name.
        raise MalformedReplyError("the answer to the login holds no token", status=reply.status)
    return Token(token, _life(token, reply))


def _life(token: str, reply: Reply) -> float:
    """Return the seconds that a token lives, infinite where it does not contain its end."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        # By the server's own clock, where the response shows it: ours need not be right.
        life = float(claims["exp"]) - (reply.date if reply.date is not None else time.time())
    except (LookupError, TypeError, ValueError):
        return math.inf
    return life if life > 0 else math.inf


def read_accepted(reply: Reply) -> Accepted:
    """Return what no document shows: JSON with an id, anything else, or nothing.

    :raises MalformedReplyError: for a web page, broken JSON, or an id that is neither text nor number.
    """
    if not reply.body.strip():
        return Accepted("", None)
    kind = reply.headers.get("content-type", "").lower()
    if kind.startswith("text/html"):
        raise reply.malformed(f"the answer is not JSON ({kind}) but a web page")
    try:
        payload = reply.json()
    except MalformedReplyError:
        if "json" in kind:
            raise
        return Accepted("", reply.text())
    operation_id = payload.get("operation_id") if isinstance(payload, dict) else None
    if operation_id in (None, ""):
        return Accepted("", payload)
    if isinstance(operation_id, bool) or not isinstance(operation_id, str | int):
        raise reply.malformed("operation_id is neither a text nor a number")
    return Accepted(str(operation_id), payload)


def read_operation(operation_id: str, reply: Reply) -> Operation:
    """Return the operation that was asked about.

    :raises MalformedReplyError: if the response holds no status.
    """
    payload = reply.json_object()
    status = payload.get("status")
    if not isinstance(status, str) or not status.strip():
        raise reply.malformed("the state of an operation without a status")
    word = status.strip().lower()
    state = _STATES.get(word, RunState.UNKNOWN)
    return Operation(operation_id=operation_id, status=word, state=state, answer=payload)


def read_small_apps(reply: Reply) -> list[SmallApp]:
    """Return the small apps of a list."""
    payload = reply.json()
    if not isinstance(payload, list) or not all(isinstance(app, dict) and app.get("id") for app in payload):
        raise reply.malformed("no list of small apps")
    names = {"name": "name", "stage": "stage", "last_update": "last_update", "duplicate_of": "duplicateOf"}
    return [
        SmallApp(
            id=str(app["id"]),
            **{field: str(app[name]) for field, name in names.items() if app.get(name) is not None},
        )
        for app in payload
    ]
