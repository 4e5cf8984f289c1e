from __future__ import annotations

import pytest

from airflow_provider_dataops.triggers import base, waits
from tests.loops import LoopClock


@pytest.fixture
def loop_clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    """Have the triggers go by the loop's time, which may be virtual."""
    clock = LoopClock()
    for module in (base, waits):
        monkeypatch.setattr(module, "SYSTEM_CLOCK", clock)
    return clock
