"""Certificates and proxies, found in the same way for both drivers."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

from airflow_provider_dataops.errors import ConnectionSettingsError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.settings import Settings

#: Seconds within which a connection must be made.
CONNECT_TIMEOUT = 10.0
#: Seconds within which a response must be read into memory; the connection's request timeout if it is longer.
TOTAL_TIMEOUT = 60.0
USER_AGENT = "airflow-provider-dataops"


def ca_file(settings: Settings) -> str:
    """Return the file with the certificates to trust: the connection's, the environment's, or certifi's.

    :raises ConnectionSettingsError: if the named file is not there, or holds no certificates.
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
        raise ConnectionSettingsError(f"{what} does not exist here")
    try:
        _context(path)
    except OSError as error:
        raise ConnectionSettingsError(f"{what} cannot be read as certificates: {error}") from None


def trusted(settings: Settings) -> str | bool:
    """Return the certificates to trust as ``requests`` wants them; false to check none."""
    return ca_file(settings) if settings.verify_ssl else False


@lru_cache(maxsize=32)
def _context(path: str) -> ssl.SSLContext:
    if os.path.isdir(path):
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


def tls_context(settings: Settings) -> ssl.SSLContext | bool:
    """Return how a server's certificate is checked; reading the file takes tens of milliseconds."""
    return _context(ca_file(settings)) if settings.verify_ssl else False


def proxy_for(settings: Settings, scheme: str, host: str) -> str | None:
    """Return the URL of the proxy to use: the connection's, or what the environment says for this host.

    :raises ConnectionSettingsError: if the environment names a proxy of a kind that one driver cannot use.
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
            f"the environment names a proxy for {scheme} that is neither http nor https; set the proxy of "
            f"connection {settings.conn_id!r} or no_proxy"
        )
    return proxy
