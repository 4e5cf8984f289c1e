"""The three kinds of credential that get a bearer token for Tailer.

Facts: the vendor's guide to its API, its sign-up guide and its SDK. Nothing here is I/O: what takes its time,
a file or a signature, is a step of the exchange.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode, urlsplit

from airflow_provider_dataops.core.http import (
    BlockingCall,
    Body,
    Exchange,
    RegisterSecret,
    Reply,
    Request,
    call,
    form_body,
    json_body,
)
from airflow_provider_dataops.core.settings import ConnectionFields, check_url, credential
from airflow_provider_dataops.core.tokens import Token
from airflow_provider_dataops.errors import MalformedReplyError

SIGN_IN_URL = "https://www.googleapis.com/identitytoolkit/v3/relyingparty/verifyPassword"
REFRESH_URL = "https://securetoken.googleapis.com/v1/token"

#: How long a token that we sign is good, in seconds; the guide's own value.
SIGNED_TOKEN_LIFE = 3600
#: A token whose life is not told is taken to live this long, in seconds.
UNTOLD_TOKEN_LIFE = 60.0

KEY_FIELD = "service_account_secret_json"


class TokenSource(Protocol):
    """Where bearer tokens come from."""

    @property
    def renewable(self) -> bool:
        """Whether another token can be had once one is refused."""

    @property
    def blame(self) -> str:
        """Which fields of the connection a refusal speaks of."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""

    @property
    def account(self) -> tuple[str, ...]:
        """What else decides who we are."""

    def fetch(self) -> Exchange[Token]:
        """Get a token."""


@dataclass(frozen=True, kw_only=True)
class GivenToken:
    """A token that stands in the connection; nobody renews it."""

    token: str = field(repr=False)

    renewable: ClassVar[bool] = False
    blame: ClassVar[str] = (
        "the token in extra field 'api_token' is not accepted; tokens live for about an hour, and this kind "
        "is never renewed"
    )

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> GivenToken:
        """Read the connection."""
        return cls(token=credential(fields, "extra field 'api_token'", fields.text("api_token")))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.token,)

    @property
    def account(self) -> tuple[str, ...]:
        """Nothing else."""
        return ("bearer",)

    def fetch(self) -> Exchange[Token]:
        """Return the token."""
        yield from ()
        return Token(self.token, math.inf)


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """A Google service account, whose key signs tokens here; nobody has to be asked for them.

    :param key: the JSON of the key, or the path of a file that holds it.
    :param audience: the API's URL without a path.
    :param now: seconds since the epoch.
    """

    fields: ConnectionFields = field(repr=False)
    key: str = field(repr=False)
    audience: str
    now: Callable[[], float]

    renewable: ClassVar[bool] = True
    blame: ClassVar[str] = (
        f"the token was signed by the service account in extra field {KEY_FIELD!r}; may it use Tailer, and "
        "is this machine's clock right?"
    )

    @classmethod
    def from_fields(
        cls, fields: ConnectionFields, base_url: str, *, now: Callable[[], float]
    ) -> ServiceAccount:
        """Read the connection; a key that stands in a file is read when it is needed.

        :raises ConnectionSettingsError: if there is no key, or its JSON is none of a service account.
        """
        told = fields.extra.get(KEY_FIELD)
        # In an extra that was written as JSON the key may stand as an object.
        key = json.dumps(told) if isinstance(told, Mapping) else fields.text(KEY_FIELD)
        if not key:
            raise fields.error(f"extra field {KEY_FIELD!r} is empty; give the key's JSON or a file's path")
        if not key.isprintable() and not key.startswith("{"):
            raise fields.error(f"extra field {KEY_FIELD!r} is neither JSON nor the path of a file")
        parts = urlsplit(base_url)
        source = cls(fields=fields, key=key, audience=f"{parts.scheme}://{parts.netloc}", now=now)
        if source._is_json:
            source._parsed(key)
        return source

    @property
    def _is_json(self) -> bool:
        return self.key.startswith("{")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The private key, where it stands in the connection."""
        return (self._parsed(self.key)["private_key"],) if self._is_json else ()

    @property
    def account(self) -> tuple[str, ...]:
        """Who signs."""
        who = self._parsed(self.key)["client_email"] if self._is_json else self.key
        return ("service_account", who)

    def fetch(self) -> Exchange[Token]:
        """Sign a token, off the event loop."""
        key: Mapping[str, str] = yield BlockingCall(self._loaded)
        if not self._is_json:
            yield RegisterSecret(key["private_key"])
        token: str = yield BlockingCall(partial(self._signed, key))
        return Token(token, SIGNED_TOKEN_LIFE)

    def _loaded(self) -> Mapping[str, str]:
        if self._is_json:
            return self._parsed(self.key)
        try:
            text = Path(self.key).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            # A ValueError would repeat what stands in the file.
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise self.fields.error(
                f"the file {self.key!r} of extra field {KEY_FIELD!r} cannot be read: {why}"
            ) from None
        return self._parsed(text)

    def _parsed(self, text: str) -> dict[str, str]:
        """Return what is needed of a key, and never repeat anything of it."""
        try:
            told = json.loads(text)
        except ValueError:
            raise self.fields.error(f"extra field {KEY_FIELD!r}: the key is not JSON") from None
        told = told if isinstance(told, dict) else {}
        names = ("client_email", "private_key")
        missing = [name for name in names if not isinstance(told.get(name), str) or not told[name]]
        if missing:
            raise self.fields.error(
                f"extra field {KEY_FIELD!r}: the key has no {' and no '.join(missing)}; it must be the JSON "
                "key of a Google service account"
            )
        return {name: told[name] for name in names}

    def _signed(self, key: Mapping[str, str]) -> str:
        # PyJWT comes with Airflow; it is slow to load, and no DAG file needs it.
        import jwt

        now, email = int(self.now()), key["client_email"]
        claims = {
            "iss": email,
            "sub": email,
            "email": email,
            "aud": self.audience,
            "iat": now,
            "exp": now + SIGNED_TOKEN_LIFE,
        }
        try:
            return jwt.encode(claims, key["private_key"], algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # The error of the library may quote the key.
            problem = self.fields.error(f"extra field {KEY_FIELD!r}: its private_key cannot sign (RS256)")
        raise problem


class FirebaseUser:
    """A person of Tailer, signed in at Google's Firebase: by a refresh token, or by email and password.

    A refresh token that Google replaces is kept in memory alone; the connection's stays good.
    """

    renewable: ClassVar[bool] = True

    def __init__(
        self,
        *,
        api_key: str,
        refresh_token: str = "",
        email: str = "",
        password: str = "",
        sign_in_url: str = SIGN_IN_URL,
        refresh_url: str = REFRESH_URL,
    ) -> None:
        self._api_key = api_key
        self._refresh_token = refresh_token
        self._email = email
        self._password = password
        self._sign_in_url = sign_in_url
        self._refresh_url = refresh_url
        given = (api_key, refresh_token or password)
        self.secrets: tuple[str, ...] = given
        self.account: tuple[str, ...] = ("firebase", email, sign_in_url, refresh_url)
        what = "extra field 'refresh_token'" if refresh_token else "login and password"
        self.blame = f"the token came from {what} with extra field 'firebase_api_key'"

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> FirebaseUser:
        """Read the connection; a refresh token comes before email and password.

        :raises ConnectionSettingsError: naming the field that is missing.
        """
        urls = {}
        for name, default in (("sign_in_url", SIGN_IN_URL), ("refresh_url", REFRESH_URL)):
            urls[name] = fields.text(f"firebase_{name}") or default
            check_url(fields, f"extra field 'firebase_{name}'", urls[name])
        api_key = credential(fields, "extra field 'firebase_api_key'", fields.text("firebase_api_key"))
        if fields.text("refresh_token"):
            refresh_token = credential(fields, "extra field 'refresh_token'", fields.text("refresh_token"))
            return cls(api_key=api_key, refresh_token=refresh_token, **urls)
        if not fields.login and not fields.password:
            raise fields.error(
                "auth_type firebase needs extra field 'refresh_token', or login (the email) and password"
            )
        if not (fields.login or "").strip():
            raise fields.error("login (the email) is empty")
        if not fields.password:
            raise fields.error("password is empty")
        # It travels in JSON, where any character may stand.
        return cls(api_key=api_key, email=(fields.login or "").strip(), password=fields.password, **urls)

    def fetch(self) -> Exchange[Token]:
        """Ask Google for an ID token."""
        if not self._refresh_token:
            token, _ = yield from self._ask(
                "sign in with login and password",
                self._sign_in_url,
                json_body({"email": self._email, "password": self._password, "returnSecureToken": True}),
                partial(_read_token, names=("idToken", "refreshToken", "expiresIn")),
            )
        else:
            token, replaced = yield from self._ask(
                "renew the token by refresh_token",
                self._refresh_url,
                form_body({"grant_type": "refresh_token", "refresh_token": self._refresh_token}),
                partial(_read_token, names=("id_token", "refresh_token", "expires_in")),
            )
            if replaced and replaced != self._refresh_token:
                yield RegisterSecret(replaced)
                self._refresh_token = replaced
        return token

    def _ask(
        self, operation: str, url: str, body: Body, parse: Callable[[Reply], tuple[Token, str]]
    ) -> Exchange[tuple[Token, str]]:
        return call(
            Request(
                operation=operation,
                method="POST",
                url=f"{url}?{urlencode({'key': self._api_key})}",
                headers={"Accept": "application/json"},
                body=body,
                parse=parse,
                repeatable=True,
                authenticated=False,
            )
        )


def _read_token(reply: Reply, *, names: tuple[str, str, str]) -> tuple[Token, str]:
    """Return a token of Google's, and the refresh token that came with it."""
    told = reply.json()
    told = told if isinstance(told, dict) else {}
    token, replaced, life = (told.get(name) for name in names)
    if not isinstance(token, str) or not token:
        # The body is not repeated: it may hold a token under another name.
        raise MalformedReplyError(f"the answer holds no {names[0]}", status=reply.status)
    return Token(token, _seconds(life)), replaced if isinstance(replaced, str) else ""


def _seconds(told: Any) -> float:
    """Return a token's life, which Google tells as text."""
    try:
        life = float(told)
    except (TypeError, ValueError):
        return UNTOLD_TOKEN_LIFE
    return life if 0 < life < math.inf else UNTOLD_TOKEN_LIFE


AUTH_TYPES = ("service_account", "firebase", "bearer")


def token_source(fields: ConnectionFields, base_url: str, *, now: Callable[[], float]) -> TokenSource:
    """Return where the connection's tokens come from.

    :raises ConnectionSettingsError: naming the field that is missing or wrong.
    """
    match fields.choice("auth_type", AUTH_TYPES, default=AUTH_TYPES[0]):
        case "service_account":
            return ServiceAccount.from_fields(fields, base_url, now=now)
        case "firebase":
            return FirebaseUser.from_fields(fields)
        case _:
            return GivenToken.from_fields(fields)
