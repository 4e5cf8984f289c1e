from __future__ import annotations

import pytest

from airflow_provider_dataops.operators.trac.base import TracOperator
from tests.unit.hooks.worker import Worker


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Set up a worker on which the pauses of operators take no time."""
    fake = Worker.set_up(monkeypatch)
    monkeypatch.setattr(TracOperator, "make_hook", lambda task: fake.trac(task.trac_conn_id))
    return fake
