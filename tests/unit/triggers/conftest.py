from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.triggers import base, waits
from tests.loops import LoopClock
from tests.watchdog import watching

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _event_loop_is_left_free() -> Iterator[None]:
    """Fail a test in which our code holds the event loop."""
    with watching() as watchdog:
        yield
    if watchdog.caught:
        pytest.fail("\n\n".join(watchdog.caught))


@pytest.fixture
def loop_clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    """Have the triggers go by the loop's time, which may be virtual."""
    clock = LoopClock()
    for module in (base, waits):
        monkeypatch.setattr(module, "SYSTEM_CLOCK", clock)
    return clock
