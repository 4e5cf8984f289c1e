"""JSON Web Tokens as far as the sandbox's platforms need them: made to be read, and taken apart."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoTokenError(ValueError):
    """The text is no JSON Web Token."""


@dataclass(frozen=True)
class Token:
    """A token in its parts, nothing in it verified yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    """What the signature is for."""
    signature: bytes


def make_token(claims: Mapping[str, Any]) -> str:
    """Make a token that clients can read.

    Its signature is random: the platform knows the tokens that it gave out by heart, and nobody else is meant
    to verify them.
    """
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
    encoded.append(base64.urlsafe_b64encode(secrets.token_bytes(32)))
    return b".".join(part.rstrip(b"=") for part in encoded).decode()


def read_token(text: str) -> Token:
    """Take a token apart.

    :raises NoTokenError: if it is none
    """
    try:
        signed, _, signature = text.encode("ascii").rpartition(b".")
        header, claims = (json.loads(_decode(part)) for part in signed.split(b"."))
        token = Token(header, claims, signed, _decode(signature))
    except (ValueError, RecursionError) as error:
        raise NoTokenError(f"not three parts of base64, two of them JSON: {error}") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NoTokenError("header and claims must be JSON objects")
    return token


def _decode(part: bytes) -> bytes:
    if part.endswith(b"="):
        raise binascii.Error("base64 in a token has no padding")
    return base64.b64decode(part + b"=" * (-len(part) % 4), b"-_", validate=True)
