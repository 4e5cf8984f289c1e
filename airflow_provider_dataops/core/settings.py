"""The fields of an Airflow connection, validated. Nothing here imports Airflow.

The form of Airflow 3.3 stores ``null`` for a field that is not filled in. An empty string also means
that the field is not filled in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.errors import ConnectionSettingsError

#: A request fails if the server sends nothing for this many seconds. The connection can set another number.
REQUEST_TIMEOUT = 30.0

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_HOST = re.compile(r"[\w.:%\[\]-]+")
_PROCESS_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, kw_only=True)
class ConnectionFields:
    """The raw fields of an Airflow connection.

    :param options: the options of Airflow's configuration, which apply where the connection sets no value.
    """

    conn_id: str
    host: str | None = None
    port: int | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    options: Options = field(default_factory=Options)

    def text(self, key: str) -> str:
        """Return an extra field as a string without surrounding spaces; empty if it is not filled in."""
        value = self.extra.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(f"extra field {key!r} must be a text; its type is {type(value).__name__}")
        return value.strip()

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """Return an extra field that must have one of the allowed values.

        :raises ConnectionSettingsError: if the value is not allowed.
        """
        value = self.text(key) or default
        if value not in allowed:
            raise self.error(f"extra field {key!r} must be one of {', '.join(allowed)}; given: {value!r}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return a boolean extra field. The strings ``true`` and ``false`` are accepted, too."""
        value = self.extra.get(key)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
        raise self.error(f"extra field {key!r} must be true or false")

    def seconds(self, key: str, default: float) -> float:
        """Return an extra field that is a number of seconds, above 0 and up to one day."""
        value = self.extra.get(key)
        if value is None or value == "":
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = 0.0
        if isinstance(value, bool) or not 0 < number <= 86_400:
            raise self.error(f"extra field {key!r} must be a number of seconds, above 0 and up to 86400")
        return number

    def error(self, message: str) -> ConnectionSettingsError:
        """Return an error whose message begins with the connection's id."""
        return ConnectionSettingsError(f"connection {self.conn_id!r}: {message}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that the connections of all platforms have.

    :param conn_id: the connection's id.
    :param base_url: the API's URL, without a slash at its end.
    :param verify_ssl: whether to verify the server's certificate.
    :param ca_bundle: path of a file or folder with the certificates to trust; if empty, the usual ones apply.
    :param request_timeout: a request fails if the server sends nothing for this many seconds.
    :param listing_delay: the platform certainly lists a new run after this many seconds; 0 means the
        platform's default.
    :param timeout_delay: like ``listing_delay``, but for a run whose submission ended with a 504 or a read
        timeout; 0 means the platform's default.
    :param proxy: URL of a proxy; if empty, the environment's variables apply, such as ``HTTPS_PROXY``.
    :param auth_headers: further headers, sent with every request to the platform's host and to no other host.
    :param link_template: URL template for the links in Airflow's UI; if empty, the platform's own applies.
    :param secrets: all secrets of the connection. They are masked in logs and errors.
    :param account: other values that decide which user the requests belong to, such as the login.
    :param options: the options of Airflow's configuration.
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
    options: Options = field(default_factory=Options)

    @cached_property
    def account_key(self) -> str:
        """A hash of base URL, TLS settings and credentials. Connections with the same hash share a session.

        The hash contains a random key of this process. Without this key, nobody can test a guessed password
        against the hash. So it is safe to log the hash.
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
    """Return a credential without surrounding white space. Mounted secrets often end in a line break.

    :param what: the name of the connection's field, for errors.
    :raises ConnectionSettingsError: if the credential is empty, or if a header cannot contain it. The message
        does not contain the credential.
    """
    text = (value or "").strip()
    if not text:
        raise fields.error(f"{what} is empty")
    if not text.isprintable() or not text.isascii():
        raise fields.error(f"{what} contains characters that cannot be sent in an HTTP header")
    return text


def login_text(fields: ConnectionFields, what: str, value: str | None) -> str:
    """Return a login or password. Non-ASCII letters are allowed, because both are sent in UTF-8.

    :param what: the name of the connection's field, for errors.
    :raises ConnectionSettingsError: if it is empty or contains control characters.
    """
    text = (value or "").strip()
    if not text:
        raise fields.error(f"{what} is empty")
    if not text.isprintable():
        raise fields.error(f"{what} contains control characters, which cannot be sent")
    return text


def basic_credentials(login: str, password: str) -> str:
    """Return login and password, encoded for the header ``Authorization: Basic``."""
    return base64.b64encode(f"{login}:{password}".encode()).decode()


def read_settings(
    fields: ConnectionFields,
    base_url: str,
    *,
    secrets: tuple[str, ...],
    placeholders: Collection[str],
    account: tuple[str, ...] = (),
) -> Settings:
    """Return the settings that all platforms read from a connection in the same way.

    :param base_url: the API's URL, as :func:`base_url` returns it.
    :param secrets: the platform's own secrets in the connection.
    :param placeholders: the names that ``link_template`` may contain in braces.
    :param account: other values that decide which user the requests belong to.
    :raises ConnectionSettingsError: if a field is invalid.
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
        listing_delay=fields.seconds("listing_delay", fields.options.listing_delay),
        timeout_delay=fields.seconds("timeout_delay", fields.options.timeout_delay),
        proxy=proxy,
        auth_headers=headers,
        link_template=template,
        secrets=(*secrets, *headers.values(), *([password] if password else [])),
        account=account,
        options=fields.options,
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
        raise fields.error("extra field 'auth_headers' must be a JSON object: a text for each header name")
    return {
        credential(fields, "a name in extra field 'auth_headers'", str(name)): credential(
            fields, f"header {name!r} in extra field 'auth_headers'", value
        )
        for name, value in headers.items()
    }


def base_url(fields: ConnectionFields, default: str = "") -> str:
    """Return the API's base URL from host, port and schema, without a slash at its end.

    The host may contain a scheme, a port and a path. If the host contains no scheme, the connection's
    field ``schema`` is used. If this field is empty, ``https`` is used.

    :param default: the URL to use if the connection has no host.
    :raises ConnectionSettingsError: if there is no host, or if the URL is not valid.
    """
    host = (fields.host or "").strip() or default
    if not host:
        raise fields.error("host is empty; fill in the API's base URL")
    if "://" not in host:
        scheme = (fields.schema or "").strip().lower() or "https"
        host = f"{scheme}://{host}"
    check_url(fields, "host", host)
    parts = urlsplit(host)
    name = parts.hostname or ""
    netloc = f"[{name}]" if ":" in name else name
    port = parts.port or fields.port
    if port and not 0 < port < 2**16:
        raise fields.error(f"port must be from 1 to 65535; given: {port}")
    # The Test button of Airflow's form works only with a port, so users fill in the scheme's usual port. This
    # port must not change the URL.
    if port and port != {"https": 443, "http": 80}[parts.scheme]:
        netloc = f"{netloc}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def check_url(fields: ConnectionFields, what: str, url: str, *, credentials_allowed: bool = False) -> None:
    """Check that a field of a connection is a plain http or https URL.

    :param what: the name of the field, for errors.
    :param credentials_allowed: whether the URL may contain a user and a password, and a query.
    :raises ConnectionSettingsError: if the field is not such a URL. The message does not contain the URL,
        because the URL may contain a password.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
        # DNS allows labels of 1 to 63 characters. Python's codec ``idna`` raises an error
        # for other labels.
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise fields.error(f"{what} is not a URL with a valid host name") from None
    if "@" in parts.netloc and not credentials_allowed:
        raise fields.error(f"{what} contains user:password@; use the login and password fields")
    if parts.scheme not in {"http", "https"}:
        raise fields.error(f"{what} must be an http or https URL; its scheme is {parts.scheme!r}")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or any(c.isspace() for c in url):
        raise fields.error(f"{what} must be a URL with a host name")
    if not credentials_allowed and (parts.query or parts.fragment):
        raise fields.error(f"{what} must be a URL without a query or fragment")


def _template_fault(template: str, placeholders: Collection[str]) -> str:
    """Return what is wrong with a link template; empty if it is valid.

    :param placeholders: the names that the template may contain in braces, in addition to ``base_url``.
    """
    if {"{", "}"} & set(_PLACEHOLDER.sub("", template)):
        return "has a brace without its counterpart"
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
        return "contains user:password@ before the host"
    if not _HOST.fullmatch(host) or not start.isprintable():
        # Without this check an id could change the host: app.example to app.example.evil.example.
        return "must have a host, then a slash, and placeholders only after it"
    return ""
