from __future__ import annotations

import base64
import binascii
from collections import deque

from dataops_sandbox.messages import DeniedError, RefusedError

MOST_FAILURES = 5
"""Requests with bad credentials that a user may make in a minute; "about 5" in the vendor's words."""
MINUTE = 60.0


class WrongLoginError(DeniedError):
    """The login route's no: a bare sentence, not JSON."""

    def __init__(self) -> None:
        super().__init__(401, "Wrong username or password.")


class FailedLogins:
    """When each user last came with bad credentials."""

    def __init__(self) -> None:
        self._last: dict[str, deque[float]] = {}

    def note(self, user: str, now: float) -> None:
        """Note a request with bad credentials."""
        self._last.setdefault(user, deque(maxlen=MOST_FAILURES + 1)).append(now)

    def locked(self, user: str, now: float) -> bool:
        """Return whether there were more than enough of them in the last minute."""
        last = self._last.get(user)
        return last is not None and len(last) > MOST_FAILURES and last[0] > now - MINUTE


def read_basic(header: str) -> tuple[str, str]:
    """Return user and password of an ``Authorization: Basic`` header.

    :raises RefusedError: if it is malformed
    """
    try:
        encoded = header.partition(" ")[2]
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RefusedError(401, "the Basic credentials are no base64 of UTF-8") from error
    if not colon:
        raise RefusedError(401, "the Basic credentials have no colon between user and password")
    return user, password
