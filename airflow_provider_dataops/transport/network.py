"""Find the certificates and the proxy. Both drivers use the same ones."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

from airflow_provider_dataops.errors import ConnectionSettingsError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.settings import Settings

#: The timeout for making a connection, in seconds.
CONNECT_TIMEOUT = 10.0
#: The timeout for reading a whole response into memory, in seconds. A longer ``request_timeout`` replaces it.
TOTAL_TIMEOUT = 60.0
USER_AGENT = "airflow-provider-dataops"


def ca_file(settings: Settings) -> str:
    """Return the file or folder with the certificates to trust.

    The first of these that is set applies: the connection's ``ca_bundle``, the environment's
    ``REQUESTS_CA_BUNDLE``, the environment's ``SSL_CERT_FILE``, the file of the library ``certifi``.

    :raises ConnectionSettingsError: if the file does not exist, or contains no certificates.
    """
    named = {name: os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}
    for name, path in ({"ca_bundle": settings.ca_bundle} | named).items():
        if path:
            _check_certificates(f"connection {settings.conn_id!r}: {name} {path!r}", path)
            return path
    import certifi

    return certifi.where()


def _check_certificates(what: str, path: str) -> None:
    if not os.path.exists(path):
        raise ConnectionSettingsError(f"{what} does not exist on this machine")
    try:
        _context(path)
    except OSError as error:
        raise ConnectionSettingsError(f"{what} cannot be read as a file of certificates: {error}") from None


def trusted(settings: Settings) -> str | bool:
    """Return the argument ``verify`` of ``requests``: the certificates' file, or ``False`` for no check."""
    return ca_file(settings) if settings.verify_ssl else False


@lru_cache(maxsize=32)
def _context(path: str) -> ssl.SSLContext:
    if os.path.isdir(path):
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


def tls_context(settings: Settings) -> ssl.SSLContext | bool:
    """Return the argument ``ssl`` of ``aiohttp``: the trusted certificates, or ``False`` for no check.

    Reading the certificates takes tens of milliseconds, so call this function in a thread.
    """
    return _context(ca_file(settings)) if settings.verify_ssl else False


def proxy_for(settings: Settings, scheme: str, host: str) -> str | None:
    """Return the URL of the proxy for a host; ``None`` if there is no proxy.

    It is the connection's ``proxy``, or else the value of a variable such as ``HTTPS_PROXY``.

    :raises ConnectionSettingsError: if the environment's proxy is not http or https. The driver of the
        triggerer supports no other kind.
    """
    if settings.proxy:
        return settings.proxy
    if proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise ConnectionSettingsError(
            f"the environment's proxy for {scheme} is neither http nor https; set the extra field 'proxy' of "
            f"connection {settings.conn_id!r}, or the variable no_proxy"
        )
    return proxy
