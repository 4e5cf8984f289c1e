"""Airflow's tables in memory, for the tests of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from airflow.models.base import Base

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def tables() -> sa.Engine:
    """Return a database in memory with Airflow's tables."""
    # The module needs Airflow 3.3. With an older one, these tests are skipped.
    from tests.kept_tasks import create_tables

    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
    return engine


@pytest.fixture
def database(tables: sa.Engine) -> Iterator[sa.Engine]:
    """Return the database; its tables are empty again after the test."""
    yield tables
    with tables.begin() as connection:
        for table in Base.metadata.tables.values():
            connection.execute(table.delete())
