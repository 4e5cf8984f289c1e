"""The service account of the sandbox's Tailer: its key file, and the check of tokens signed with the key."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dataops_sandbox.messages import DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

EMAIL = "airflow@sandbox.iam.gserviceaccount.com"
KEY_ID = "sandbox-key-1"
ALGORITHM = "RS256"

LONGEST = 3600
"""Maximum number of seconds from ``iat`` to ``exp``."""
SKEW = 300
"""Maximum number of seconds by which ``iat`` may be in the future, because clocks differ."""

_MOST_SEEN = 10_000


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Return the private key of the service account.

    All sandboxes of a process share one key. It is generated on first use, because that takes 0.1 s.
    """
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def key_json() -> str:
    """Return the key file of the service account, in Google's format."""
    pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": KEY_ID,
            "private_key": pem,
            "client_email": EMAIL,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


class SelfSigned:
    """Checks tokens that a client has signed with the key of the service account."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._expired: set[str] = set()
        self._next_unseen_expired = False

    def revoke(self) -> None:
        """Reject the next use of each token seen so far. If a new token comes first, reject it once.

        The second use of a rejected token succeeds. This is necessary: if a client signs another token
        within the same second, that token has the same text as the rejected token.
        """
        self._expired.update(self._seen)
        self._seen.clear()
        self._next_unseen_expired = True

    def check(self, text: str, audience: str, now: float) -> None:
        """Check a token.

        :param audience: the required ``aud`` claim
        :param now: Unix seconds
        :raises RefusedError: if the text is not a token, its signature is wrong, or a claim is wrong
        :raises DeniedError: if the token has expired
        """
        _check_times(_verify(text, audience), now)
        if text in self._expired or (self._next_unseen_expired and text not in self._seen):
            self._expired.discard(text)
            self._next_unseen_expired = False
            raise DeniedError(401, "the token has expired")
        self._seen[text] = None
        if len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]


def _verify(text: str, audience: str) -> Mapping[str, Any]:
    try:
        token = jwt.decode_complete(
            text,
            private_key().public_key(),
            [ALGORITHM],
            audience=audience,
            issuer=EMAIL,
            subject=EMAIL,
            # PyJWT would compare iat and exp with the machine's clock. _check_times checks them instead.
            options={
                "require": ["iss", "sub", "email", "aud", "iat", "exp"],
                "strict_aud": True,
                "verify_iat": False,
                "verify_exp": False,
            },
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise RefusedError(401, f"the bearer token is not valid: {error}") from error
    header: Mapping[str, Any] = token["header"]
    claims: Mapping[str, Any] = token["payload"]
    if header.get("kid", KEY_ID) != KEY_ID:
        raise RefusedError(401, f"the service account has no key {header['kid']!r}")
    if claims["email"] != EMAIL:
        raise RefusedError(401, f"email must be the client_email of the key file, not {claims['email']!r}")
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    issued, end = claims["iat"], claims["exp"]
    if type(issued) is not int or type(end) is not int:
        raise RefusedError(401, "iat and exp must be whole seconds")
    if not issued < end <= issued + LONGEST:
        raise RefusedError(401, f"exp must be 1 to {LONGEST} s after iat, not {end - issued} s after it")
    if issued > now + SKEW:
        raise RefusedError(401, f"iat is {issued - now:.0f} s in the future")
    if now >= end:
        raise DeniedError(401, "the token has expired")
