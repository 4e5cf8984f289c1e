from __future__ import annotations

import pytest

from airflow_provider_dataops.polling import accounts, publisher
from airflow_provider_dataops.triggers import base, guard, waits
from tests.loops import LoopClock


@pytest.fixture
def loop_clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    """Let the triggers use the clock of the event loop, which may be virtual."""
    clock = LoopClock()
    for module in (accounts, base, guard, publisher, waits):
        monkeypatch.setattr(module, "SYSTEM_CLOCK", clock)
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    return clock
