"""The token endpoint. It has the paths and the error messages of Keycloak."""

from __future__ import annotations

from urllib.parse import parse_qsl

from pydantic import ValidationError

from dataops_sandbox.messages import Call, DeniedError, RefusedError
from dataops_sandbox.quantemplate.rules import TokenForm

FORM = "application/x-www-form-urlencoded"

WRONG_CLIENT = "Invalid client or Invalid client credentials"
"""Keycloak's message for an unknown client id, and also for a wrong secret."""

_WORDS = {
    ("grant_type", "missing"): (400, "invalid_request", "Missing form parameter: grant_type"),
    ("grant_type", "literal_error"): (400, "unsupported_grant_type", "Unsupported grant_type"),
    ("client_id", "missing"): (400, "invalid_client", "Missing client_id parameter"),
    ("client_secret", "missing"): (401, "unauthorized_client", WRONG_CLIENT),
}


class TokenDeniedError(DeniedError):
    """The token endpoint rejects the request; the JSON body has ``error`` and ``error_description``."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, description)
        self.error = error


class TokenRefusedError(TokenDeniedError, RefusedError):
    """The token request breaks the rules of the endpoint."""


def read_token_form(call: Call) -> TokenForm:
    """Return the three fields of a token request, as in the vendor's guide.

    Keycloak also accepts other fields, and credentials in a header. It is not documented whether
    Quantemplate's Keycloak accepts them, so the sandbox rejects them.

    :raises TokenRefusedError: if the request is not a form with exactly these fields
    """
    if call.media_type != FORM:
        raise TokenRefusedError(400, "invalid_request", f"Content-Type must be {FORM}")
    if "Authorization" in call.headers:
        raise TokenRefusedError(400, "invalid_request", "send the credentials in the form, not in a header")
    pairs = parse_qsl((call.body.data or b"").decode("ascii", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRefusedError(400, "invalid_request", "duplicated parameter")
    try:
        return TokenForm.model_validate(form)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        unknown = (400, "invalid_request", f"{field} is unknown")
        raise TokenRefusedError(*_WORDS.get((field, first["type"]), unknown)) from error
