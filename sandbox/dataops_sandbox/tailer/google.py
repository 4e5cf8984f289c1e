"""The two Google endpoints at which a Tailer user gets a token, as Firebase's clients call them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from dataops_sandbox.jwt import make_token
from dataops_sandbox.messages import Answer, Call, DeniedError, RefusedError

if TYPE_CHECKING:
    from dataops_sandbox.tokens import Tokens

FORM = "application/x-www-form-urlencoded"


class GoogleDeniedError(DeniedError):
    """Google's no: its error object, with a code in capitals as the message."""


class GoogleRefusedError(RefusedError):
    """Google's no to a request that is not as it should be."""


def google_denial(denied: DeniedError) -> Answer:
    """Give Google's error object."""
    return Answer.of_json({"error": {"code": denied.status, "message": denied.reason}}, denied.status)


class Firebase:
    """Signs users in and renews their tokens.

    :param tokens: the ID tokens that are out
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._refresh_tokens: set[str] = set()

    def accept(self, refresh_token: str) -> None:
        """Take a refresh token that somebody has got elsewhere."""
        self._refresh_tokens.add(refresh_token)

    def issue(self, email: str, now: float, wall: float, lifetime: float) -> tuple[str, str]:
        """Give an ID token that is good for ``lifetime`` seconds, and a new refresh token."""
        claims = {
            "iss": "https://securetoken.google.com/sandbox",
            "aud": "sandbox",
            "sub": "user-1",
            "email": email,
            "iat": int(wall),
            "exp": int(wall + lifetime),
            # Makes each differ from the others of the second.
            "nonce": secrets.token_hex(8),
        }
        refresh_token = f"refresh.{secrets.token_urlsafe(24)}"
        self._refresh_tokens.add(refresh_token)
        return self._tokens.issue(now, lifetime, make_token(claims)), refresh_token

    def check_refresh(self, call: Call) -> None:
        """Check a request to renew a token: a form in snake case.

        :raises GoogleRefusedError: if it is anything else
        :raises GoogleDeniedError: if the refresh token was never given out
        """
        if call.media_type != FORM:
            raise GoogleRefusedError(400, f"Content-Type must be {FORM}, not {call.media_type!r}")
        pairs = parse_qsl(call.small_body().decode("ascii", "replace"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs) or form.keys() != {"grant_type", "refresh_token"}:
            raise GoogleRefusedError(400, f"the form has grant_type and refresh_token, not {sorted(form)}")
        if form["grant_type"] != "refresh_token":
            raise GoogleRefusedError(400, "INVALID_GRANT_TYPE")
        if form["refresh_token"] not in self._refresh_tokens:
            raise GoogleDeniedError(400, "INVALID_REFRESH_TOKEN")


def read_sign_in(call: Call) -> tuple[str, str]:
    """Give email and password of a request to sign in.

    :raises GoogleRefusedError: if it does not have the three documented members
    """
    try:
        body = call.json_object()
    except RefusedError as error:
        raise GoogleRefusedError(error.status, error.reason) from error
    if body.keys() != {"email", "password", "returnSecureToken"}:
        raise GoogleRefusedError(400, f"email, password and returnSecureToken are needed, not {sorted(body)}")
    email, password = body["email"], body["password"]
    if not isinstance(email, str) or not isinstance(password, str) or body["returnSecureToken"] is not True:
        raise GoogleRefusedError(400, "email and password are texts, returnSecureToken is true")
    return email, password
