from __future__ import annotations

import base64
import binascii
from collections import deque

from dataops_sandbox.messages import DeniedError, RefusedError

MOST_FAILURES = 5
"""How many requests with bad credentials a user may send in a minute. The vendor documents "about 5"."""
MINUTE = 60.0


class WrongLoginError(DeniedError):
    """The login route rejects the credentials. The response is plain text, not JSON."""

    def __init__(self) -> None:
        super().__init__(401, "Wrong username or password.")


class FailedLogins:
    """For each user, the times of the last requests with bad credentials."""

    def __init__(self) -> None:
        self._last: dict[str, deque[float]] = {}

    def note(self, user: str, now: float) -> None:
        """Note a request with bad credentials."""
        self._last.setdefault(user, deque(maxlen=MOST_FAILURES + 1)).append(now)

    def locked(self, user: str, now: float) -> bool:
        """Return whether the user sent too many requests with bad credentials in the last minute."""
        last = self._last.get(user)
        return last is not None and len(last) > MOST_FAILURES and last[0] > now - MINUTE


def read_basic(header: str) -> tuple[str, str]:
    """Return the user and the password of an ``Authorization: Basic`` header.

    :raises RefusedError: if the header is malformed
    """
    try:
        encoded = header.partition(" ")[2]
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RefusedError(401, "the Basic credentials are not base64 of UTF-8 text") from error
    if not colon:
        raise RefusedError(401, "the Basic credentials have no colon between user and password")
    return user, password
