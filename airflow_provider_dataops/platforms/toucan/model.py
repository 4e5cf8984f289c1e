"""Read Toucan operations, small apps and tokens from the JSON of responses."""

from __future__ import annotations

import base64
import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.json import Result
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
class Accepted(Result):
    """The response to an upload or a submission.

    :param operation_id: the id of the operation. If empty, the backend returned no id, so no task can wait
        for the end of the operation.
    :param answer: the JSON of the response; its text if it is not JSON; ``None`` if the body is empty.
    """

    operation_id: str
    answer: Any


@dataclass(frozen=True)
class Uploaded(Result):
    """One file that was uploaded.

    :param source: the path or URL of the file.
    :param filename: the name that the file has in the small app.
    :param operation_id: the id of the operation that was started; empty if the backend returned no id.
    """

    source: str
    filename: str
    operation_id: str


@dataclass(frozen=True)
class SmallApp(Result):
    """One small app. A field that the platform does not return is ``None``."""

    id: str
    name: str | None = None
    stage: str | None = None
    last_update: str | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Operation(Result):
    """One operation.

    :param status: the platform's word for the state, in lower case.
    :param state: the state in the words that all platforms share.
    :param answer: the whole JSON of the response.
    """

    operation_id: str
    status: str
    state: RunState
    answer: Mapping[str, Any]


def read_token(reply: Reply) -> Token:
    """Return the token in the response to a login.

    :raises MalformedReplyError: if there is no token, or if a header cannot contain the token.
    """
    payload = reply.json()
    token = payload.get("token") if isinstance(payload, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        # The error does not quote the body: the body may contain a token under another name.
        raise MalformedReplyError("the response to the login has no token", status=reply.status)
    return Token(token, _life(token, reply))


def _life(token: str, reply: Reply) -> float:
    """Return the seconds until a token expires; ``inf`` if the token contains no valid time of expiry."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        # Prefer the server's time from the response, because the clock of this machine may be wrong.
        life = float(claims["exp"]) - (reply.date if reply.date is not None else time.time())
    except (LookupError, TypeError, ValueError):
        return math.inf
    return life if life > 0 else math.inf


def read_accepted(reply: Reply) -> Accepted:
    """Return the response to an upload or a submission.

    The documentation does not show this response. It may be JSON (with or without an id), a text, or empty.

    :raises MalformedReplyError: for a web page, for invalid JSON, or if the id is not a text or a number.
    """
    if not reply.body.strip():
        return Accepted("", None)
    reply.check_no_page()
    try:
        payload = reply.json()
    except MalformedReplyError:
        if "json" in reply.headers.get("content-type", "").lower():
            raise
        return Accepted("", reply.text())
    operation_id = payload.get("operation_id") if isinstance(payload, dict) else None
    if operation_id in (None, ""):
        return Accepted("", payload)
    if isinstance(operation_id, bool) or not isinstance(operation_id, str | int):
        raise reply.malformed("operation_id in the response is neither a text nor a number")
    return Accepted(str(operation_id), payload)


def read_operation(operation_id: str, reply: Reply) -> Operation:
    """Return the operation in a response.

    :param operation_id: the id that was requested. The response does not contain it.
    :raises MalformedReplyError: if the response has no status.
    """
    payload = reply.json_object()
    status = payload.get("status")
    if not isinstance(status, str) or not status.strip():
        raise reply.malformed("the response has no status of the operation")
    word = status.strip().lower()
    state = _STATES.get(word, RunState.UNKNOWN)
    return Operation(operation_id=operation_id, status=word, state=state, answer=payload)


def read_small_apps(reply: Reply) -> list[SmallApp]:
    """Return the small apps in a response.

    :raises MalformedReplyError: if the response is not a list of small apps.
    """
    payload = reply.json()
    if not isinstance(payload, list) or not all(isinstance(app, dict) and app.get("id") for app in payload):
        raise reply.malformed("the response is not a list of small apps")
    names = {"name": "name", "stage": "stage", "last_update": "last_update", "duplicate_of": "duplicateOf"}
    return [
        SmallApp(
            id=str(app["id"]),
            **{field: str(app[name]) for field, name in names.items() if app.get(name) is not None},
        )
        for app in payload
    ]
