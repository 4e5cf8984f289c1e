"""A task's result can be stored in XCom, whatever the platform sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.trac import TracSearchOperator
from tests.unit.operators.stage import Attempt

SENT: dict[str, Any] = {"text": "a\x00b", "half a pair": "\ud83d", "number": 2**64, "none": float("nan")}
STORED = {"text": "a�b", "half a pair": "�", "number": str(2**64), "none": "nan"}


@pytest.mark.parametrize(
    "operator",
    [
        TamrLoadSourceOperator(task_id="run", source_id="s"),
        TracSearchOperator(task_id="call", object_type="DATA"),
    ],
    ids=lambda operator: operator.task_id,
)
def test_results_of_runs_and_calls_can_be_stored(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "act", lambda _: SENT)
    assert operator.execute(Attempt().context()) == STORED
