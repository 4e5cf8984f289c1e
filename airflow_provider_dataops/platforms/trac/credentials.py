"""The authentication headers for TRAC's gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.settings import basic_credentials, credential

if TYPE_CHECKING:
    from airflow_provider_dataops.core.settings import ConnectionFields


def read_credentials(fields: ConnectionFields) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the authentication headers, and the secrets in them.

    :raises ConnectionSettingsError: if the fields contradict each other, or contain invalid characters.
    """
    token, login = fields.text("api_token"), (fields.login or "").strip()
    password = (fields.password or "").strip()
    if token and login:
        raise fields.error("give either login and password or the extra field 'api_token', not both")
    if token:
        token = credential(fields, "extra field 'api_token'", token)
        # Send the token in two headers. A gateway up to TRAC 0.7 reads trac_auth_token first.
        return {"Authorization": f"Bearer {token}", "trac_auth_token": token}, (token,)
    if not login:
        if password:
            raise fields.error(
                "login is empty, but password is set; put a token into the extra field 'api_token'"
            )
        return {}, ()
    if ":" in login or not login.isprintable():
        raise fields.error(
            "login contains a colon or a control character, which Basic authentication does not allow"
        )
    if not password:
        raise fields.error("password is empty")
    basic = basic_credentials(login, password)
    return {"Authorization": f"Basic {basic}"}, (password, basic)
