"""What a connection says, checked and without Airflow.

Airflow 3.3's form stores every field, unfilled ones as ``null``; an empty text counts as unfilled here, too.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_dataops.errors import ConnectionSettingsError

#: Seconds of silence after which a request is given up, unless the connection says otherwise.
REQUEST_TIMEOUT = 30.0

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
    proxy: str = field(default="", repr=False)
    auth_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    link_template: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    account: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """A key for what can be shared between users of the same base URL, TLS settings and credentials.

        It is a keyed hash: it may be logged, and nobody can try out passwords on it.
        """
        told = [
            self.base_url,
            self.verify_ssl,
            self.ca_bundle,
            self.request_timeout,
            self.proxy,
            sorted(self.auth_headers.items()),
            self.secrets,
            self.account,
        ]
        digest = hashlib.blake2b(json.dumps(told).encode(), key=_PROCESS_KEY, digest_size=12)
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


def common_settings(
    fields: ConnectionFields, base_url: str, *, secrets: tuple[str, ...], account: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the arguments of :class:`Settings` that all platforms read in the same way."""
    headers = _auth_headers(fields)
    proxy = fields.text("proxy")
    if proxy:
        check_url(fields, "extra field 'proxy'", proxy, credentials_allowed=True)
    template = fields.text("link_template")
    if template:
        check_template(fields, template)
    return {
        "conn_id": fields.conn_id,
        "base_url": base_url,
        "verify_ssl": fields.flag("verify_ssl", default=True),
        "ca_bundle": fields.text("ca_bundle"),
        "request_timeout": fields.seconds("request_timeout", REQUEST_TIMEOUT),
        "proxy": proxy,
        "auth_headers": headers,
        "link_template": template,
        "secrets": (*secrets, *headers.values(), *_passwords(proxy)),
        "account": account,
    }


def _passwords(proxy: str) -> tuple[str, ...]:
    password = urlsplit(proxy).password
    return (password,) if password else ()


def _auth_headers(fields: ConnectionFields) -> dict[str, str]:
    given = fields.extra.get("auth_headers")
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = None
    if not isinstance(given, Mapping) or not all(isinstance(v, str) for v in given.values()):
        raise fields.error("extra field 'auth_headers' must be a JSON object of header names and texts")
    return {
        credential(fields, "a name in extra field 'auth_headers'", str(name)): credential(
            fields, f"header {name!r} in extra field 'auth_headers'", value
        )
        for name, value in given.items()
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
    except ValueError:
        raise fields.error(f"{what} is not a URL") from None
    if "@" in parts.netloc and not credentials_allowed:
        raise fields.error(f"{what} holds user:password@; use the login and password fields")
    if parts.scheme not in {"http", "https"}:
        raise fields.error(f"{what} must be an http or https URL, its scheme is {parts.scheme!r}")
    if not parts.hostname or any(c.isspace() for c in url):
        raise fields.error(f"{what} must be a URL with a host name")
    if not credentials_allowed and (parts.query or parts.fragment):
        raise fields.error(f"{what} must be a URL without a query or fragment")


#: What a ``link_template`` may hold.
LINK_PLACEHOLDERS = frozenset(
    {
        "base_url",
        "organisation_id",
        "pipeline_id",
        "execution_id",
        "dataset_id",
        "job_id",
        "operation_id",
        "run_id",
        "small_app",
        "account",
        "environment",
        "configuration_id",
        "configuration_type",
        "tenant",
        "object_type",
        "object_id",
        "object_version",
    }
)


def check_template(fields: ConnectionFields, template: str) -> None:
    """Refuse a link template that is no http(s) URL or holds an unknown placeholder."""
    names = _placeholders(template)
    if names is None:
        raise fields.error("extra field 'link_template' has a brace without its partner")
    unknown = names - LINK_PLACEHOLDERS
    if unknown:
        raise fields.error(
            f"extra field 'link_template' holds the unknown placeholder {sorted(unknown)[0]!r}; "
            f"allowed: {', '.join(sorted(LINK_PLACEHOLDERS))}"
        )
    start = template.replace("{base_url}", "https://host")
    if not start.lower().startswith(("https://", "http://")):
        raise fields.error("extra field 'link_template' must begin with http://, https:// or {base_url}")


def _placeholders(template: str) -> set[str] | None:
    names: set[str] = set()
    rest = template
    while "{" in rest or "}" in rest:
        before, opened, rest = rest.partition("{")
        if "}" in before or not opened or "}" not in rest:
            return None
        name, _, rest = rest.partition("}")
        names.add(name)
    return names


def fill_template(template: str, base: str, values: Mapping[str, str]) -> str:
    """Return the link, each value percent-encoded; ``str.format`` would give access to attributes."""
    url = template.replace("{base_url}", base)
    for name in LINK_PLACEHOLDERS:
        url = url.replace(f"{{{name}}}", quote(values.get(name, ""), safe=""))
    return url
