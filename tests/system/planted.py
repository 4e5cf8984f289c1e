"""Secrets that the system tests work with and that must not turn up anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_dataops.sandbox import Sandbox

API_KEY = "planted-api-key-b7Qm2x"
CLIENT_SECRET = "planted-client-secret-Zr81kd"
GATEWAY = "planted-gateway-header-9hTvLq"
#: For connections that only the connection tests make.
STORED_PASSWORD = "planted-stored-password-J4wPz0"
PROXY_PASSWORD = "planted-proxy-password-Xc55ou"
#: Written by a server into its answer to a connection test.
SERVER_BODY = "planted-server-body-mK3fAe"

EVERYTHING = (API_KEY, CLIENT_SECRET, GATEWAY, STORED_PASSWORD, PROXY_PASSWORD, SERVER_BODY)

#: What the sandbox's token endpoint hands out.
TOKENS = re.compile(
    rb"(?<![A-Za-z_])(?:sandbox\.[A-Za-z0-9_-]{43}|refresh\.[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])"
)


def into(sandbox: Sandbox) -> None:
    """Make the platforms ask for these secrets."""
    sandbox.tamr.configure(api_key=API_KEY)
    sandbox.quantemplate.configure(client_secret=CLIENT_SECRET)


def connection(sandbox: Sandbox, platform: str) -> dict[str, Any]:
    """Give a connection that works against the sandbox and carries a gateway's header, and links by run."""
    fields = sandbox.connection(platform)
    extra = {
        **fields["extra"],
        "auth_headers": {"X-Gateway": GATEWAY},
        "link_template": "{base_url}/runs/{run_id}",
    }
    return {**fields, "extra": extra}


def found_in(text: bytes) -> list[str]:
    """Name the secrets that are in a text."""
    tokens = {match.decode() for match in TOKENS.findall(text)}
    return [secret for secret in EVERYTHING if secret.encode() in text] + sorted(tokens)
