"""The three sources of a bearer token for Tailer.

Sources of the facts: the vendor's guide to its API, its sign-up guide and its SDK. Reading a key file and
signing a token take time and are blocking calls. So both run outside the event loop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from airflow_provider_dataops.core.api import ACCEPT_JSON
from airflow_provider_dataops.core.http import (
    BlockingCall,
    Exchange,
    RegisterSecret,
    Reply,
    Request,
    form_body,
    json_body,
)
from airflow_provider_dataops.core.settings import ConnectionFields, check_url, credential
from airflow_provider_dataops.core.tokens import Token
from airflow_provider_dataops.errors import ConnectionSettingsError, MalformedReplyError

SIGN_IN_URL = "https://www.googleapis.com/identitytoolkit/v3/relyingparty/verifyPassword"
REFRESH_URL = "https://securetoken.googleapis.com/v1/token"

#: The lifetime of a token that this provider signs, in seconds, as in the vendor's guide.
SIGNED_TOKEN_LIFE = 3600
#: The assumed lifetime of a token if the response does not contain it, in seconds.
DEFAULT_TOKEN_LIFE = 60.0

AUTH_TYPES = ("service_account", "firebase", "bearer")
KEY_FIELD = "service_account_secret_json"


class TokenSource:
    """A source of bearer tokens. The constructor of each subclass reads the connection."""

    #: Whether the source can make another token after the API has rejected one.
    renewable = True
    #: A text for errors about rejected credentials: what to check in the connection.
    blame: str
    #: The texts to mask in logs.
    secrets: tuple[str, ...] = ()
    #: Together with the secrets, these values identify the account.
    account: tuple[str, ...]

    def fetch(self) -> Exchange[Token]:
        """Return a token."""
        raise NotImplementedError


class GivenToken(TokenSource):
    """A token in the connection. This provider cannot renew it."""

    renewable = False
    blame = (
        "the token in extra field 'api_token' is not accepted; a token is valid for about an hour, and this "
        "provider cannot renew it"
    )
    account = ("bearer",)

    def __init__(self, fields: ConnectionFields) -> None:
        self._token = _extra(fields, "api_token")
        self.secrets = (self._token,)

    def fetch(self) -> Exchange[Token]:
        """Return the token."""
        yield from ()
        return Token(self._token, math.inf)


class ServiceAccount(TokenSource):
    """A Google service account. Its key signs tokens on this machine, without a request.

    The connection contains the key as JSON, or the path of a key file. The file is read for each token.

    :param base_url: the API's URL. The audience of the tokens is this URL without its path.
    :param now: returns seconds since the epoch.
    :raises ConnectionSettingsError: if there is no key, or it is not the key of a service account.
    """

    blame = (
        f"the token was signed by the service account in extra field {KEY_FIELD!r}; check that this account "
        "may use Tailer, and that this machine's clock is right"
    )

    def __init__(self, fields: ConnectionFields, base_url: str, *, now: Callable[[], float]) -> None:
        self._fields = fields
        self._now = now
        parts = urlsplit(base_url)
        self._audience = f"{parts.scheme}://{parts.netloc}"
        value = fields.extra.get(KEY_FIELD)
        # The key may be a JSON object, if the user wrote the connection's extra as JSON.
        self._key = json.dumps(value) if isinstance(value, Mapping) else fields.text(KEY_FIELD)
        self._is_json = self._key.startswith("{")
        if not self._key:
            raise self._error(" is empty; give the key's JSON or a file's path")
        if not self._key.isprintable() and not self._is_json:
            raise self._error(" is neither JSON nor the path of a file")
        self.account = ("service_account", self._key)
        if self._is_json:
            key = self._parsed(self._key)
            self.secrets = (key["private_key"],)
            self.account = ("service_account", key["client_email"])

    def _error(self, problem: str) -> ConnectionSettingsError:
        return self._fields.error(f"extra field {KEY_FIELD!r}{problem}")

    def fetch(self) -> Exchange[Token]:
        """Sign a token, outside the event loop."""
        key: Mapping[str, str] = yield BlockingCall(self._loaded)
        if not self._is_json:
            yield RegisterSecret(key["private_key"])
        token: str = yield BlockingCall(partial(self._signed, key))
        return Token(token, SIGNED_TOKEN_LIFE)

    def _loaded(self) -> Mapping[str, str]:
        if self._is_json:
            return self._parsed(self._key)
        try:
            text = Path(self._key).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            # The text of a ValueError may quote the content of the file, so the message does not contain it.
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise self._fields.error(
                f"the file {self._key!r} of extra field {KEY_FIELD!r} cannot be read: {why}"
            ) from None
        return self._parsed(text)

    def _parsed(self, text: str) -> dict[str, str]:
        """Return ``client_email`` and ``private_key`` from a key in JSON. Errors never quote the key."""
        try:
            payload = json.loads(text)
        except ValueError:
            raise self._error(": the key is not JSON") from None
        payload = payload if isinstance(payload, dict) else {}
        names = ("client_email", "private_key")
        missing = [name for name in names if not isinstance(payload.get(name), str) or not payload[name]]
        if missing:
            raise self._error(
                f": the key has no {' and no '.join(missing)}; it must be the JSON key of a Google service "
                "account"
            )
        return {name: payload[name] for name in names}

    def _signed(self, key: Mapping[str, str]) -> str:
        # PyJWT is slow to import, and DAG files do not need it. So import it only here.
        import jwt

        now, email = int(self._now()), key["client_email"]
        claims = {
            "iss": email,
            "sub": email,
            "email": email,
            "aud": self._audience,
            "iat": now,
            "exp": now + SIGNED_TOKEN_LIFE,
        }
        try:
            return jwt.encode(claims, key["private_key"], algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # PyJWT's error may quote the key. An error that is raised in this block would contain PyJWT's
            # error. So the new error is raised after this block.
            problem = self._error(": its private_key cannot sign (RS256)")
        raise problem


class FirebaseUser(TokenSource):
    """A Tailer user, signed in at Google's Firebase with a refresh token, or with email and password.

    A new refresh token from Google is kept only in memory. The connection's refresh token stays valid.

    :raises ConnectionSettingsError: with the name of the missing field.
    """

    def __init__(self, fields: ConnectionFields) -> None:
        self._sign_in_url = _url(fields, "firebase_sign_in_url", SIGN_IN_URL)
        self._refresh_url = _url(fields, "firebase_refresh_url", REFRESH_URL)
        self._api_key = _extra(fields, "firebase_api_key")
        self._refresh_token = self._email = self._password = ""
        source = "login and password"
        if fields.text("refresh_token"):
            self._refresh_token = _extra(fields, "refresh_token")
            source = "extra field 'refresh_token'"
        elif not fields.login and not fields.password:
            raise fields.error(
                "auth_type firebase needs extra field 'refresh_token', or login (the email) and password"
            )
        else:
            self._email = (fields.login or "").strip()
            # The password is sent as JSON, which allows every character.
            self._password = fields.password or ""
            if not self._email:
                raise fields.error("login (the email) is empty")
            if not self._password:
                raise fields.error("password is empty")
        self.blame = f"the token came from {source} with extra field 'firebase_api_key'"
        self.secrets = (self._api_key, self._refresh_token or self._password)
        self.account = ("firebase", self._email, self._sign_in_url, self._refresh_url)

    def fetch(self) -> Exchange[Token]:
        """Request an ID token from Google."""
        if self._refresh_token:
            operation, url = "renew the token by refresh_token", self._refresh_url
            body = form_body({"grant_type": "refresh_token", "refresh_token": self._refresh_token})
            names = ("id_token", "refresh_token", "expires_in")
        else:
            operation, url = "sign in with login and password", self._sign_in_url
            body = json_body({"email": self._email, "password": self._password, "returnSecureToken": True})
            names = ("idToken", "refreshToken", "expiresIn")
        token: Token
        token, replacement = yield Request(
            operation=operation,
            method="POST",
            url=f"{url}?{urlencode({'key': self._api_key})}",
            headers=ACCEPT_JSON,
            body=body,
            parse=partial(_read_token, names=names),
            repeatable=True,
            authenticated=False,
        )
        if self._refresh_token and replacement not in {"", self._refresh_token}:
            yield RegisterSecret(replacement)
            self._refresh_token = replacement
        return token


def _extra(fields: ConnectionFields, name: str) -> str:
    return credential(fields, f"extra field {name!r}", fields.text(name))


def _url(fields: ConnectionFields, name: str, default: str) -> str:
    url = fields.text(name) or default
    check_url(fields, f"extra field {name!r}", url)
    return url


def _read_token(reply: Reply, *, names: tuple[str, str, str]) -> tuple[Token, str]:
    """Return the token in a response of Google, and the refresh token, which may be empty."""
    payload = reply.json()
    payload = payload if isinstance(payload, dict) else {}
    token, replacement, life = (payload.get(name) for name in names)
    if not isinstance(token, str) or not token:
        # The message does not quote the body: the body may contain a token under another name.
        raise MalformedReplyError(f"the response contains no {names[0]}", status=reply.status)
    return Token(token, _seconds(life)), replacement if isinstance(replacement, str) else ""


def _seconds(value: Any) -> float:
    """Return a token's lifetime in seconds. Google writes it as text."""
    try:
        life = float(value)
    except (TypeError, ValueError):
        return DEFAULT_TOKEN_LIFE
    return life if 0 < life < math.inf else DEFAULT_TOKEN_LIFE


def token_source(fields: ConnectionFields, base_url: str, *, now: Callable[[], float]) -> TokenSource:
    """Return the source of tokens that the connection describes.

    :raises ConnectionSettingsError: with the name of the missing or wrong field.
    """
    match fields.choice("auth_type", AUTH_TYPES, default=AUTH_TYPES[0]):
        case "service_account":
            return ServiceAccount(fields, base_url, now=now)
        case "firebase":
            return FirebaseUser(fields)
        case _:
            return GivenToken(fields)
