"""The secrets that the system tests use. Airflow must not write any of them."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from dataops_sandbox.tailer.keys import EMAIL

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

API_KEY = "planted-api-key-b7Qm2x"
CLIENT_SECRET = "planted-client-secret-Zr81kd"
USER_PASSWORD = "planted-user-password-Pw03nB"
GATEWAY_TOKEN = "planted-gateway-token-Qd64sY"
GATEWAY = "planted-gateway-header-9hTvLq"
#: Only the tests of connections use these two.
STORED_PASSWORD = "planted-stored-password-J4wPz0"
PROXY_PASSWORD = "planted-proxy-password-Xc55ou"
#: A server sends this in its response to a connection test.
SERVER_BODY = "planted-server-body-mK3fAe"

EVERYTHING = (
    API_KEY,
    CLIENT_SECRET,
    USER_PASSWORD,
    GATEWAY_TOKEN,
    GATEWAY,
    STORED_PASSWORD,
    PROXY_PASSWORD,
    SERVER_BODY,
)

#: The tokens that the sandbox's token endpoint issues.
TOKENS = re.compile(
    rb"(?<![A-Za-z_])(?:sandbox\.[A-Za-z0-9_-]{43}|refresh\.[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])"
)

#: A token that is signed with the key of a service account, and that key.
SIGNED = re.compile(rb"eyJ[A-Za-z0-9_-]+\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
PRIVATE_KEY = re.compile(rb"BEGIN (?:RSA )?PRIVATE KEY")


def into(sandbox: Sandbox) -> None:
    """Make the sandbox's platforms require these secrets."""
    sandbox.tamr.configure(api_key=API_KEY)
    sandbox.quantemplate.configure(client_secret=CLIENT_SECRET)
    sandbox.toucan.configure(password=USER_PASSWORD)
    sandbox.trac.configure(auth="bearer", api_token=GATEWAY_TOKEN)


def connection(sandbox: Sandbox, platform: str) -> dict[str, Any]:
    """Return a connection to the sandbox, with a header for a gateway and a template for links."""
    fields = sandbox.connection(platform)
    extra = {
        **fields["extra"],
        "auth_headers": {"X-Gateway": GATEWAY},
        "link_template": "{base_url}/runs/{run_id}",
    }
    return {**fields, "extra": extra}


def found_in(text: bytes) -> list[str]:
    """Return the secrets that are in a text."""
    tokens = {match.decode() for match in TOKENS.findall(text)}
    signed = {match[0].decode() for match in SIGNED.finditer(text) if _is_ours(match[1])}
    keys = {match.decode() for match in PRIVATE_KEY.findall(text)}
    return [secret for secret in EVERYTHING if secret.encode() in text] + sorted(tokens | signed | keys)


def _is_ours(claims: bytes) -> bool:
    """Return whether a token is one of ours; Airflow's services sign tokens too."""
    try:
        return EMAIL.encode() in base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))
    except ValueError:
        return False
