"""The two Google endpoints that return a token for a Tailer user. Firebase's clients call them too."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import jwt

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.rules import validate_request
from dataops_sandbox.tailer.keys import ALGORITHM, private_key
from dataops_sandbox.tailer.rules import Refresh, SignIn

if TYPE_CHECKING:
    from dataops_sandbox.tailer.store import TailerStore

SIGN_IN = "/identitytoolkit/v3/relyingparty/verifyPassword"
REFRESH = "/securetoken/v1/token"
FORM = "application/x-www-form-urlencoded"

_KEY = frozenset({"key"})
_USER_ID = "user-1"


class GoogleDeniedError(DeniedError):
    """A Google endpoint rejects the request. The body is Google's error object with a code in capitals."""

    def answer(self) -> Answer:
        """Return the response with the error object."""
        error = {"code": self.status, "message": self.reason}
        return Answer.of_json({"error": error}, self.status, self.headers)


class GoogleRefusedError(GoogleDeniedError, RefusedError):
    """A Google endpoint rejects a request that breaks its rules."""


def as_google_error(denied: DeniedError) -> GoogleDeniedError:
    """Return the error in Google's format."""
    kind = GoogleRefusedError if isinstance(denied, RefusedError) else GoogleDeniedError
    return kind(denied.status, denied.reason, headers=denied.headers)


class Google:
    """Handles sign-ins of a Tailer user, and requests for new tokens."""

    def __init__(self, tailer: TailerStore) -> None:
        self._tailer = tailer
        self.operations = (
            Operation("sign_in", "POST", SIGN_IN, self._sign_in, _KEY),
            Operation("refresh_token", "POST", REFRESH, self._refresh, _KEY),
        )

    def _check_key(self, call: Call) -> None:
        if "key" not in call.query:
            raise RefusedError(403, "the request lacks an API key")
        if call.query["key"] != self._tailer.settings.firebase_api_key:
            raise DeniedError(400, "API key not valid. Please pass a valid API key.")

    def _sign_in(self, call: Call) -> Answer:
        self._check_key(call)
        credentials, settings = validate_request(SignIn, call.json_object()), self._tailer.settings
        if credentials.email != settings.email:
            raise DeniedError(400, "EMAIL_NOT_FOUND")
        if credentials.password != settings.password:
            raise DeniedError(400, "INVALID_PASSWORD")
        token, refresh_token = self._issue()
        return Answer.of_json(
            {
                "kind": "identitytoolkit#VerifyPasswordResponse",
                "localId": _USER_ID,
                "email": settings.email,
                "idToken": token,
                "refreshToken": refresh_token,
                "registered": True,
                "expiresIn": self._lifetime,
            }
        )

    def _refresh(self, call: Call) -> Answer:
        self._check_key(call)
        if call.media_type != FORM:
            raise RefusedError(400, f"Content-Type must be {FORM}, not {call.media_type!r}")
        pairs = parse_qsl(call.small_body().decode("ascii", "replace"), keep_blank_values=True)
        if len(dict(pairs)) < len(pairs):
            raise RefusedError(400, "a field of the form appears twice")
        form = validate_request(Refresh, dict(pairs))
        if form.grant_type != "refresh_token":
            raise RefusedError(400, "INVALID_GRANT_TYPE")
        if form.refresh_token not in {*self._tailer.refresh_tokens, self._tailer.settings.refresh_token}:
            raise DeniedError(400, "INVALID_REFRESH_TOKEN")
        token, refresh_token = self._issue()
        return Answer.of_json(
            {
                "id_token": token,
                "refresh_token": refresh_token,
                "user_id": _USER_ID,
                "expires_in": self._lifetime,
                "token_type": "Bearer",
            }
        )

    @property
    def _lifetime(self) -> str:
        return str(int(self._tailer.settings.token_lifetime))

    def _issue(self) -> tuple[str, str]:
        """Return a new ID token and a new refresh token."""
        tailer, timeline = self._tailer, self._tailer.world.timeline
        now, lifetime = timeline.now(), tailer.settings.token_lifetime
        issued = timeline.wall(now).timestamp()
        claims = {
            "iss": "https://securetoken.google.com/sandbox",
            "aud": "sandbox",
            "sub": _USER_ID,
            "email": tailer.settings.email,
            "iat": int(issued),
            "exp": int(issued + lifetime),
            # Without the nonce, two tokens of the same second would be equal.
            "nonce": secrets.token_hex(8),
        }
        refresh_token = f"refresh.{secrets.token_urlsafe(24)}"
        tailer.refresh_tokens.add(refresh_token)
        # Google signs with its own key. Here the key does not matter: the sandbox remembers its tokens and
        # never checks their signature.
        return tailer.tokens.issue(now, lifetime, jwt.encode(claims, private_key(), ALGORITHM)), refresh_token
