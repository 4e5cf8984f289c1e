from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from dataops_sandbox.messages import DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_TOKENS = 10_000
"""Tokens remembered; some clients fetch one for every request."""


def bearer(headers: Mapping[str, str]) -> str:
    """Give the token of an API call. The name of the scheme is case-insensitive, by RFC 9110, 11.1.

    :raises RefusedError: if there is none
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusedError(401, "no bearer token in the Authorization header")
    return token


class Tokens:
    """Access tokens that were given out, and until when each is good."""

    def __init__(self) -> None:
        self._good_until: dict[str, float] = {}

    def issue(self, now: float, lifetime: float, token: str | None = None) -> str:
        """Give out a token that is good for ``lifetime`` seconds; ``None``: one of random letters."""
        token = token or f"sandbox.{secrets.token_urlsafe(32)}"
        self._good_until[token] = now + lifetime
        if len(self._good_until) > _MOST_TOKENS:
            del self._good_until[next(iter(self._good_until))]
        return token

    def __contains__(self, token: object) -> bool:
        return token in self._good_until

    def revoke(self) -> None:
        """Make all tokens that are out expire now."""
        self._good_until = dict.fromkeys(self._good_until, float("-inf"))

    def check(self, headers: Mapping[str, str], now: float) -> None:
        """Check the header of an API call.

        :raises RefusedError: for no bearer token or one that was never given out
        :raises DeniedError: for one that has expired, as happens to every client that waits long enough
        """
        token = bearer(headers)
        if token not in self._good_until:
            raise RefusedError(401, "this access token was never given out")
        if now >= self._good_until[token]:
            raise DeniedError(401, "the access token has expired")
