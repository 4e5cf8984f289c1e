from __future__ import annotations

import secrets
from urllib.parse import parse_qsl

from dataops_sandbox.messages import Answer, Call, DeniedError, RefusedError

FORM = "application/x-www-form-urlencoded"
FIELDS = frozenset({"grant_type", "client_id", "client_secret"})


class TokenError(RefusedError):
    """The token endpoint's no: JSON with ``error`` and ``error_description``, as Keycloak has it."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, description)
        self.error = error


class WrongClientError(DeniedError):
    """The form is right, its client id or secret is not."""

    error = "invalid_client"


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
