from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import ConfigurationError
from airflow_provider_dataops.lifecycle.deadlines import LONGEST_GUARD, airflow_timeout
from airflow_provider_dataops.triggers import guard
from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.loops import EPOCH, run_virtual

if TYPE_CHECKING:
    from tests.loops import LoopClock

pytestmark = pytest.mark.usefixtures("loop_clock")


def set_load(monkeypatch: pytest.MonkeyPatch, per_processor: float) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (4 * per_processor, 0.0, 0.0))


def fired(trigger: PauseTrigger, loop_clock: LoopClock) -> float:
    """Return after how many seconds a trigger sends its event."""

    async def main() -> float:
        began = loop_clock.monotonic()
        async for _ in trigger.run():
            return loop_clock.monotonic() - began
        raise AssertionError("no event")

    return run_virtual(main())


def test_the_option_sets_the_shortest_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATAOPS__DEFERRAL_GUARD", "20")
    assert guard.guard(0.0) == 20.0


def test_a_trigger_with_an_invalid_option_sends_no_event(
    monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock
) -> None:
    trigger = PauseTrigger(until=EPOCH, payload={})
    monkeypatch.setenv("AIRFLOW__DATAOPS__DEFERRAL_GUARD", "long")
    with pytest.raises(ConfigurationError, match="deferral_guard"):
        fired(trigger, loop_clock)


@pytest.mark.parametrize(
    ("busiest", "seconds"), [(0.0, 6.0), (1.0, 6.0), (2.5, 9.0), (10.0, 24.0), (99.0, 120.0)]
)
def test_the_guard_grows_with_the_load_up_to_two_minutes(busiest: float, seconds: float) -> None:
    assert guard.guard(busiest) == seconds


def test_the_timeout_of_a_deferral_is_longer_than_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATAOPS__DEFERRAL_GUARD", str(LONGEST_GUARD))
    limit = airflow_timeout(time.time() + 1.0, 2.0)
    assert limit.total_seconds() > guard.guard(99.0) + 30.0


def test_the_guard_grows_with_the_load_of_the_worker(
    monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock
) -> None:
    set_load(monkeypatch, 10.0)
    trigger = PauseTrigger(until=EPOCH, payload={})
    set_load(monkeypatch, 0.0)
    assert fired(trigger, loop_clock) == pytest.approx(24.0)


def test_the_guard_grows_with_the_load_of_the_triggerer(
    monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock
) -> None:
    trigger = PauseTrigger(until=EPOCH, payload={})
    set_load(monkeypatch, 10.0)
    assert fired(trigger, loop_clock) == pytest.approx(24.0)


def test_the_guard_grows_if_the_load_grows_during_the_wait(
    monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock
) -> None:
    trigger = PauseTrigger(until=EPOCH, payload={})
    loads = iter((0.0, 40.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (next(loads), 0.0, 0.0))
    assert fired(trigger, loop_clock) == pytest.approx(24.0)


def test_the_guard_is_the_shortest_if_the_system_reports_no_load(
    monkeypatch: pytest.MonkeyPatch, loop_clock: LoopClock
) -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", unknown)
    assert fired(PauseTrigger(until=EPOCH, payload={}), loop_clock) == pytest.approx(6.0)


def test_a_stored_trigger_without_a_load_can_be_created() -> None:
    stored: dict[str, Any] = {"until": 1.0, "payload": {}}
    assert PauseTrigger(**stored).worker_load == 0.0
