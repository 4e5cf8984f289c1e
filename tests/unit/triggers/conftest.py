from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.triggers.bench import Bench
from tests.watchdog import _event_loop_is_left_free  # noqa: F401 - watches every test here

if TYPE_CHECKING:
    from tests.loops import LoopClock


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock) -> Bench:
    """Return a bench that runs triggers against a platform in memory."""
    return Bench(monkeypatch)
