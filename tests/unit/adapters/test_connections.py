"""The raw fields of an Airflow connection."""

from __future__ import annotations

import pytest
from airflow.sdk import Connection

from airflow_provider_dataops.adapters.connections import connection_fields
from airflow_provider_dataops.errors import ConnectionSettingsError


def test_all_fields_are_read() -> None:
    connection = Connection(
        conn_id="c",
        conn_type="tamr",
        host="h",
        port=443,
        schema="s",
        login="l",
        password="p",
        extra='{"a": 1}',
    )
    fields = connection_fields(connection)
    assert (fields.conn_id, fields.host, fields.port, fields.schema) == ("c", "h", 443, "s")
    assert (fields.login, fields.password, fields.extra) == ("l", "p", {"a": 1})


@pytest.mark.parametrize("extra", [None, "", "{}"])
def test_an_extra_may_be_empty(extra: str | None) -> None:
    assert connection_fields(Connection(conn_id="c", conn_type="tamr", extra=extra)).extra == {}


@pytest.mark.parametrize("extra", ['["s3cret"]', '"s3cret"', "{s3cret"])
def test_an_extra_that_is_no_object_is_not_shown_in_the_error(extra: str) -> None:
    with pytest.raises(ConnectionSettingsError, match="'c'") as caught:
        connection_fields(Connection(conn_id="c", conn_type="tamr", extra=extra))
    assert "s3cret" not in str(caught.value)
