from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dag() -> Iterator[DAG]:
    """Return the DAG to which a test adds tasks."""
    with DAG(dag_id="refreshes", schedule=None) as dag:
        yield dag
