"""What a connection says, checked and without Airflow.

Airflow 3.3's form stores every field, unfilled ones as ``null``; an empty text counts as unfilled here, too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dataops.errors import ConnectionSettingsError

#: Seconds of silence after which a request is given up, unless the connection says otherwise.
REQUEST_TIMEOUT = 30.0

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_HOST = re.compile(r"[\w.:%\[\]-]+")
_PROCESS_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, kw_only=True)
class ConnectionFields:
    """The raw fields of an Airflow connection."""

    conn_id: str
    host: str | None = None
    port: int | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def text(self, key: str) -> str:
        """Return an extra field as text without surrounding blanks; empty if it is unfilled."""
        value = self.extra.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(f"extra field {key!r} must be text, it is a {type(value).__name__}")
        return value.strip()

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """Return an extra field that has a fixed set of values."""
        value = self.text(key) or default
        if value not in allowed:
            raise self.error(f"extra field {key!r} is {value!r}; allowed: {', '.join(allowed)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return a yes-or-no extra field; ``true`` and ``false`` as text count as well."""
        value = self.extra.get(key)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
        raise self.error(f"extra field {key!r} must be true or false")

    def seconds(self, key: str, default: float) -> float:
        """Return a positive number of seconds."""
        value = self.extra.get(key)
        if value is None or value == "":
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = 0.0
        if isinstance(value, bool) or not 0 < number <= 86_400:
            raise self.error(f"extra field {key!r} must be a number of seconds from above 0 to 86400")
        return number

    def error(self, message: str) -> ConnectionSettingsError:
        """Return an error that names the connection."""
        return ConnectionSettingsError(f"connection {self.conn_id!r}: {message}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every platform's connection has in common.

    :param base_url: where the API is, without a slash at its end.
    :param verify_ssl: whether the server's certificate is checked.
    :param ca_bundle: path of a file with the certificates to trust instead of the usual ones.
    :param request_timeout: seconds of silence after which a request is given up.
    :param listing_delay: seconds after which the platform certainly lists a new run; 0: its default.
    :param timeout_delay: the same after a 504 or a read timeout; 0: the default.
    :param proxy: URL of a proxy; empty takes what the environment says.
    :param auth_headers: further headers to send with every request to the platform's own host.
    :param link_template: URL template for the links in Airflow's UI; empty takes the platform's own.
    :param secrets: everything in the connection that must not be shown.
    :param account: what else decides who we are there.
    """

    conn_id: str
    base_url: str
    verify_ssl: bool = True
    ca_bundle: str = ""
    request_timeout: float = REQUEST_TIMEOUT
    listing_delay: float = 0.0
    timeout_delay: float = 0.0
    proxy: str = field(default="", repr=False)
    auth_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    link_template: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    account: tuple[str, ...] = ()

    @property
    def account_key(self) -> str:
        """What connections have in common that may share a session: base URL, TLS settings, credentials.

        It is a keyed hash: it may be logged, and nobody can try out passwords on it.
        """
        parts = [
            self.base_url,
            self.verify_ssl,
            self.ca_bundle,
            self.request_timeout,
            self.proxy,
            sorted(self.auth_headers.items()),
            self.secrets,
            self.account,
        ]
        digest = hashlib.blake2b(json.dumps(parts).encode(), key=_PROCESS_KEY, digest_size=12)
        return digest.hexdigest()


def credential(fields: ConnectionFields, what: str, value: str | None) -> str:
    """Return a credential without blanks around it; mounted secrets often end in a line break.

    :raises ConnectionSettingsError: if it is empty or cannot stand in a header; it is not repeated.
    """
    text = (value or "").strip()
    if not text:
        raise fields.error(f"{what} is empty")
    if not text.isprintable() or not text.isascii():
        raise fields.error(f"{what} holds characters that cannot be sent")
    return text


def login_text(fields: ConnectionFields, what: str, value: str | None) -> str:
    """Return a login or password, which need not be ASCII: it is sent as UTF-8 in Base64 or JSON.

    :raises ConnectionSettingsError: if it is empty or cannot be printed.
    """
    text = (value or "").strip()
    if not text:
        raise fields.error(f"{what} is empty")
    if not text.isprintable():
        raise fields.error(f"{what} holds characters that cannot be sent")
    return text


def basic_credentials(login: str, password: str) -> str:
    """Return what follows ``Basic`` in the header of HTTP Basic authentication."""
    return base64.b64encode(f"{login}:{password}".encode()).decode()


def read_settings(
    fields: ConnectionFields,
    base_url: str,
    *,
    secrets: tuple[str, ...],
    placeholders: Collection[str],
    account: tuple[str, ...] = (),
) -> Settings:
    """Return what all platforms read of a connection in the same way.

    :param placeholders: what ``link_template`` may contain.
    :raises ConnectionSettingsError: if a field cannot be used.
    """
    headers = _auth_headers(fields)
    proxy = fields.text("proxy")
    if proxy:
        check_url(fields, "extra field 'proxy'", proxy, credentials_allowed=True)
    template = fields.text("link_template")
    if template and (fault := _template_fault(template, placeholders)):
        raise fields.error(f"extra field 'link_template' {fault}")
    password = urlsplit(proxy).password
    return Settings(
        conn_id=fields.conn_id,
        base_url=base_url,
        verify_ssl=fields.flag("verify_ssl", default=True),
        ca_bundle=fields.text("ca_bundle"),
        request_timeout=fields.seconds("request_timeout", REQUEST_TIMEOUT),
        listing_delay=fields.seconds("listing_delay", 0.0),
        timeout_delay=fields.seconds("timeout_delay", 0.0),
        proxy=proxy,
        auth_headers=headers,
        link_template=template,
        secrets=(*secrets, *headers.values(), *([password] if password else [])),
        account=account,
    )


def _auth_headers(fields: ConnectionFields) -> dict[str, str]:
    headers = fields.extra.get("auth_headers")
    if headers is None or headers == "":
        return {}
    if isinstance(headers, str):
        try:
            headers = json.loads(headers)
        except ValueError:
            headers = None
    if not isinstance(headers, Mapping) or not all(isinstance(v, str) for v in headers.values()):
        raise fields.error("extra field 'auth_headers' must be a JSON object of header names and texts")
    return {
        credential(fields, "a name in extra field 'auth_headers'", str(name)): credential(
            fields, f"header {name!r} in extra field 'auth_headers'", value
        )
        for name, value in headers.items()
    }


def base_url(fields: ConnectionFields, default: str = "") -> str:
    """Return the API's base URL from host, port and schema, without a slash at its end.

    The host may carry scheme, port and a path. Without a scheme it is https; plain http is taken only where
    it is written out, in the host or as the connection's schema.

    :raises ConnectionSettingsError: if there is no host, or it is no such URL.
    """
    host = (fields.host or "").strip() or default
    if not host:
        raise fields.error("host is empty; give the API's base URL")
    if "://" not in host:
        scheme = (fields.schema or "").strip().lower() or "https"
        host = f"{scheme}://{host}"
    check_url(fields, "host", host)
    parts = urlsplit(host)
    name = parts.hostname or ""
    netloc = f"[{name}]" if ":" in name else name
    port = parts.port or fields.port
    if port and not 0 < port < 2**16:
        raise fields.error(f"port must be from 1 to 65535, it is {port}")
    # The form wants a port for its Test button; the usual one makes no other place of the same host.
    if port and port != {"https": 443, "http": 80}[parts.scheme]:
        netloc = f"{netloc}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def check_url(fields: ConnectionFields, what: str, url: str, *, credentials_allowed: bool = False) -> None:
    """Refuse what is no plain http or https URL.

    :raises ConnectionSettingsError: the message never repeats a URL that may hold a password.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
        # Name servers are asked for labels of 1 to 63 characters.
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise fields.error(f"{what} is not a URL with a valid host name") from None
    if "@" in parts.netloc and not credentials_allowed:
        raise fields.error(f"{what} holds user:password@; use the login and password fields")
    if parts.scheme not in {"http", "https"}:
        raise fields.error(f"{what} must be an http or https URL, its scheme is {parts.scheme!r}")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or any(c.isspace() for c in url):
        raise fields.error(f"{what} must be a URL with a host name")
    if not credentials_allowed and (parts.query or parts.fragment):
        raise fields.error(f"{what} must be a URL without a query or fragment")


def _template_fault(template: str, placeholders: Collection[str]) -> str:
    """Return what is wrong with a template, an empty text if nothing is.

    :param placeholders: the names that it may contain in braces, beside ``base_url``.
    """
    if {"{", "}"} & set(_PLACEHOLDER.sub("", template)):
        return "has a brace without its partner"
    allowed = sorted({"base_url", *placeholders})
    if unknown := sorted(set(_PLACEHOLDER.findall(template)).difference(allowed)):
        return f"contains the unknown placeholder {unknown[0]!r}; allowed: {', '.join(allowed)}"
    start = template.replace("{base_url}", "https://host")
    if not start.lower().startswith(("https://", "http://")):
        return "must begin with http://, https:// or {base_url}"
    try:
        host = urlsplit(start).netloc
    except ValueError:
        host = ""
    if "@" in host:
        return "holds user:password@ before its host"
    if not _HOST.fullmatch(host) or not start.isprintable():
        # Else an id could make another host: of app.example a host app.example.evil.example.
        return "must have a host, then a slash, and placeholders only after it"
    return ""
