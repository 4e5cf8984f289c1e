"""The headers that prove who we are."""

from __future__ import annotations

import base64

from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    credential,
)


def _credentials(fields: ConnectionFields) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the headers that prove who we are, and what of them is secret."""
    token, login = fields.text("api_token"), (fields.login or "").strip()
    if token and login:
        raise fields.error("give either login and password or the extra field 'api_token', not both")
    if token:
        token = credential(fields, "extra field 'api_token'", token)
        # The second is where gateways up to 0.7 look first.
        return {"Authorization": f"Bearer {token}", "trac_auth_token": token}, (token,)
    if not login:
        if (fields.password or "").strip():
            raise fields.error(
                "login is empty and there is a password; a token belongs in the extra field 'api_token'"
            )
        return {}, ()
    if ":" in login or not login.isprintable():
        raise fields.error(
            "login holds a colon or what cannot be printed, which Basic authentication cannot send"
        )
    password = (fields.password or "").strip()
    if not password:
        raise fields.error("password is empty")
    basic = base64.b64encode(f"{login}:{password}".encode()).decode()
    return {"Authorization": f"Basic {basic}"}, (password, basic)
