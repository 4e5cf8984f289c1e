from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from dataops_sandbox.messages import DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_TOKENS = 10_000
"""Maximum number of tokens in memory. It is needed because some clients fetch a token for each request."""


def bearer(headers: Mapping[str, str]) -> str:
    """Return the bearer token of a request. The scheme's name is case-insensitive (RFC 9110, 11.1).

    :raises RefusedError: if the request has no bearer token
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusedError(401, "no bearer token in the Authorization header")
    return token


class Tokens:
    """The access tokens that the platform has issued, each with its time of expiry."""

    def __init__(self) -> None:
        self._expires_at: dict[str, float] = {}

    def issue(self, now: float, lifetime: float, token: str | None = None) -> str:
        """Issue a token that is valid for ``lifetime`` seconds, and return it.

        :param token: the token's text; ``None``: random characters
        """
        token = token or f"sandbox.{secrets.token_urlsafe(32)}"
        self._expires_at[token] = now + lifetime
        if len(self._expires_at) > _MOST_TOKENS:
            del self._expires_at[next(iter(self._expires_at))]
        return token

    def __contains__(self, token: object) -> bool:
        return token in self._expires_at

    def revoke(self) -> None:
        """Make all issued tokens expire now."""
        self._expires_at = dict.fromkeys(self._expires_at, float("-inf"))

    def check(self, headers: Mapping[str, str], now: float) -> None:
        """Check the bearer token of a request.

        :raises RefusedError: if there is no bearer token, or the platform has not issued it
        :raises DeniedError: if the token has expired, which can also happen to a correct client
        """
        token = bearer(headers)
        if token not in self._expires_at:
            raise RefusedError(401, "this access token was never issued")
        if now >= self._expires_at[token]:
            raise DeniedError(401, "the access token has expired")
