"""The metric is the greatest lateness of ten seconds. ``test_poller`` tests the line in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.metrics import Timing
from airflow_provider_dataops.polling.lateness import METRIC_AGAIN, Lateness
from airflow_provider_dataops.polling.schedule import TrackedRun
from airflow_provider_dataops.polling.subscriptions import Subscription
from tests.unit.polling.polled import polled
from tests.unit.triggers.fakes import FakePlatform, FakeWatch, SingleWatch, connection

if TYPE_CHECKING:
    from tests.kept_metrics import KeptMetrics


def milliseconds(kept: KeptMetrics) -> list[float]:
    return [number for number, tags in kept.of(Timing.POLL_LATENESS) if tags == {"platform": "fake"}]


@pytest.fixture
def lateness() -> Lateness:
    return Lateness(connection(FakePlatform()), "group")


def run_due(at: float) -> Any:
    run = TrackedRun("r", FakeWatch(), due=at)
    run.add(Subscription(run.watch, 30.0, began=0.0))
    return run


def test_the_first_request_sends_its_lateness(lateness: Lateness, kept_metrics: KeptMetrics) -> None:
    lateness.note(run_due(at=100.0), now=102.5)
    assert lateness.last == 2.5
    assert milliseconds(kept_metrics) == [2_500.0]


def test_a_request_before_its_time_is_not_late(lateness: Lateness, kept_metrics: KeptMetrics) -> None:
    lateness.note(run_due(at=100.0), now=99.99)
    assert milliseconds(kept_metrics) == [0.0]


def test_the_greatest_lateness_is_sent_after_ten_seconds(
    lateness: Lateness, kept_metrics: KeptMetrics
) -> None:
    for now, late in ((100.0, 0.0), (101.0, 3.0), (109.0, 1.0), (110.0, 2.0), (111.0, 9.0), (125.0, 4.0)):
        lateness.note(run_due(at=now - late), now=now)
    assert milliseconds(kept_metrics) == [0.0, 3_000.0, 9_000.0]
    assert lateness.last == 4.0


def test_a_poller_sends_no_metric_for_each_run(kept_metrics: KeptMetrics) -> None:
    platform, seconds = FakePlatform(), 120.0
    polled(platform, [f"r-{n}" for n in range(50)], seconds, watch=SingleWatch())
    assert len(platform.requests) > 500
    assert len(milliseconds(kept_metrics)) <= seconds / METRIC_AGAIN + 1
