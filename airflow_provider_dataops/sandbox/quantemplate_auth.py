from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from airflow_provider_dataops.sandbox.messages import Answer, Call, DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM = "application/x-www-form-urlencoded"
FIELDS = frozenset({"grant_type", "client_id", "client_secret"})

_MOST_TOKENS = 10_000
"""Tokens remembered; some clients fetch one for every request."""


class TokenError(RefusedError):
    """The token endpoint's no: JSON with ``error`` and ``error_description``, as Keycloak has it."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, description)
        self.error = error


class WrongClientError(DeniedError):
    """The form is right, its client id or secret is not."""

    error = "invalid_client"


class Tokens:
    """Access tokens that were given out, and until when each is good."""

    def __init__(self) -> None:
        self._good_until: dict[str, float] = {}

    def issue(self, now: float, lifetime: float) -> str:
        """Give out a token that is good for ``lifetime`` seconds."""
        token = f"sandbox.{secrets.token_urlsafe(32)}"
        self._good_until[token] = now + lifetime
        if len(self._good_until) > _MOST_TOKENS:
            del self._good_until[next(iter(self._good_until))]
        return token

    def revoke(self) -> None:
        """Make all tokens that are out expire now."""
        self._good_until = dict.fromkeys(self._good_until, float("-inf"))

    def check(self, headers: Mapping[str, str], now: float) -> None:
        """Check the header of an API call.

        :raises RefusedError: for no bearer token or one that was never given out
        :raises DeniedError: for one that has expired, as happens to every client that waits long enough
        """
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise RefusedError(401, "no bearer token in the Authorization header")
        if token not in self._good_until:
            raise RefusedError(401, "this access token was never given out")
        if now >= self._good_until[token]:
            raise DeniedError(401, "the access token has expired")


def read_token_form(call: Call) -> dict[str, str]:
    """Give the fields of a token request: a form with exactly the three that the guide sends.

    :raises TokenError: for JSON, a missing field, a further one, or credentials in a header as well
    """
    if call.media_type != FORM:
        raise TokenError(400, "invalid_request", f"Content-Type must be {FORM}, not {call.media_type!r}")
    if "Authorization" in call.headers:
        raise TokenError(400, "invalid_request", "credentials belong in the form, not in a header")
    pairs = parse_qsl(call.small_body().decode("ascii", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenError(400, "invalid_request", "a form field is given twice")
    if form.keys() != FIELDS:
        missing, extra = sorted(FIELDS - form.keys()), sorted(form.keys() - FIELDS)
        raise TokenError(400, "invalid_request", f"form fields missing: {missing}, unknown: {extra}")
    if form["grant_type"] != "client_credentials":
        raise TokenError(400, "unsupported_grant_type", "grant_type must be client_credentials")
    return form


def token_answer(token: str, lifetime: float, *, tell_lifetime: bool) -> Answer:
    """Give the token endpoint's yes."""
    payload: dict[str, object] = {
        "access_token": token,
        "refresh_token": f"refresh.{secrets.token_urlsafe(16)}",
        "token_type": "Bearer",
        "not-before-policy": 0,
        "scope": "email profile",
    }
    if tell_lifetime:
        payload["expires_in"] = int(lifetime)
    return Answer.of_json(payload, headers={"Cache-Control": "no-store"})
