"""Convert Airflow's connections into plain values, which the code of the platforms reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.settings import ConnectionFields
from airflow_provider_dataops.errors import ConnectionSettingsError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def connection_fields(connection: Connection, options: Options | None = None) -> ConnectionFields:
    """Return the fields of an Airflow connection as they are stored.

    :param options: the options of Airflow's configuration; by default, each option has its default value.

    :raises ConnectionSettingsError: if the extra of the connection is not a JSON object.
    """
    extra: Any = {}
    if connection.extra:
        try:
            extra = json.loads(connection.extra)
        except ValueError:
            extra = None
    if not isinstance(extra, dict):
        raise ConnectionSettingsError(f"connection {connection.conn_id!r}: extra must be a JSON object")
    names = ("conn_id", "host", "port", "schema", "login", "password")
    values = {name: getattr(connection, name) for name in names}
    return ConnectionFields(**values, extra=extra, options=options or Options())
