"""PostgreSQL can store what the provider makes of any response: events, XComs and task state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.sdk.serde import serialize
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dataops.registry import PLATFORMS
from devtools.postgres import Postgres
from tests.examples import examples
from tests.generated import generated
from tests.unit.answers.calls import calls
from tests.unit.answers.outcomes import outcome_of
from tests.unit.answers.test_events import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.core.json import JsonDataclass

#: The columns have the types that Airflow uses for events and XComs.
TABLE = sa.Table(
    "stored",
    sa.MetaData(),
    sa.Column("number", sa.Integer),
    sa.Column("next_kwargs", TaskInstance.__table__.c.next_kwargs.type),
    sa.Column("value", XComModel.__table__.c.value.type),
)


@pytest.fixture(scope="module")
def database() -> Iterator[sa.Connection]:
    with Postgres() as server, sa.create_engine(server.url).connect() as connection:
        TABLE.create(connection)
        yield connection
        connection.rollback()


def insert(database: sa.Connection, *values: dict[str, Any]) -> None:
    """Store values as Airflow does, and check that the database returns the same values."""
    if not values:
        return
    rows = [
        {"number": number, "next_kwargs": serialize({"event": value}), "value": serialize(value)}
        for number, value in enumerate(values)
    ]
    database.execute(TABLE.delete())
    database.execute(TABLE.insert(), rows)
    stored = database.execute(sa.select(TABLE).order_by(TABLE.c.number)).mappings().all()
    assert [dict(row) for row in stored] == rows


@pytest.mark.parametrize("conn_type", PLATFORMS)
def test_postgresql_stores_what_the_provider_makes_of_any_response(
    conn_type: str, database: sa.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    @examples(400)
    @given(call=st.sampled_from(list(calls(conn_type).values())), data=st.data())
    def store(call: Any, data: st.DataObject) -> None:
        outcome = outcome_of(call, data)
        insert(database, *outcome.events, *outcome.stored)

    store()


@pytest.mark.parametrize("kind", KINDS)
def test_postgresql_stores_any_event_and_any_record(kind: str, database: sa.Connection) -> None:
    @examples(300)
    @given(KINDS[kind][0])
    def store(value: JsonDataclass) -> None:
        generated["events and records"] += 1
        insert(database, value.as_json())

    store()
