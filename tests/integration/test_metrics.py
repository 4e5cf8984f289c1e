"""What each platform counts against the sandbox, and how Airflow's StatsD client sends it over UDP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.core.metrics import Counter, Timing
from tests.integration.test_lineage import (  # noqa: F401 - a fixture
    CSV,
    RUNS,
    TRANSFERS,
    UPLOADS,
    World,
    populate,
    world,
)
from tests.statsd_server import Metric, StatsdServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kept_metrics import KeptMetrics


@pytest.mark.parametrize("make", TRANSFERS, ids=lambda make: make.__name__)
def test_each_transfer_counts_the_bytes_of_its_file(
    world: World,  # noqa: F811
    kept_metrics: KeptMetrics,
    make: Callable[[World], Any],
) -> None:
    task = make(world).task
    kept_metrics.sent.clear()
    world.run(task)
    counter = Counter.BYTES_SENT if make in UPLOADS else Counter.BYTES_RECEIVED
    ((name, size, tags),) = kept_metrics.sent
    assert (name, tags) == (counter, {"platform": task.conn_type})
    assert size == len(CSV) if make in UPLOADS else size > 0


@pytest.mark.parametrize("make", RUNS, ids=lambda make: make.__name__)
def test_each_run_counts_its_start_and_its_end(
    world: World,  # noqa: F811
    kept_metrics: KeptMetrics,
    make: Callable[[World], Any],
) -> None:
    task = make(world).task
    kept_metrics.sent.clear()
    world.run(task)
    tags = {"platform": task.conn_type}
    assert kept_metrics.of(Counter.RUN_STARTED) == [(1, tags)]
    assert kept_metrics.of(Counter.RUN_FINISHED) == [(1, {**tags, "state": "succeeded"})]
    # Toucan reports no times.
    assert len(kept_metrics.of(Timing.RUN_DURATION)) == (make is not populate)
    assert {number for number, _ in kept_metrics.of(Counter.POLL)} == {1}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsdServer]:
    """Let Airflow's own StatsD client send the metrics of this process."""
    with StatsdServer() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
        yield running
    monkeypatch.undo()
    stats.initialize(factory=get_stats_factory(), export_legacy_names=True)


def received(server: StatsdServer, count: int) -> list[Metric]:
    """Return the metrics when so many have arrived."""
    until = time.monotonic() + 10.0
    while len(server.lines) < count and time.monotonic() < until:
        time.sleep(0.01)
    return server.metrics()


def test_airflows_client_sends_names_numbers_and_tags(server: StatsdServer) -> None:
    metrics.count(Counter.RUN_FINISHED, "TRAC", state="failed")
    metrics.count(Counter.BYTES_SENT, "Toucan", 17)
    metrics.time(Timing.POLL_LATENESS, "Quantemplate", 0.25)
    assert received(server, 3) == [
        Metric("dataops.run.finished", 1, "c", {"platform": "trac", "state": "failed"}),
        Metric("dataops.bytes.sent", 17, "c", {"platform": "toucan"}),
        Metric("dataops.poll.lateness", 250, "ms", {"platform": "quantemplate"}),
    ]


def test_plain_statsd_has_no_tags(server: StatsdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "False")
    stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
    metrics.count(Counter.RUN_FINISHED, "TRAC", state="failed")
    assert received(server, 1) == [Metric("dataops.run.finished", 1, "c", {})]


def test_each_name_and_tag_passes_airflows_check(server: StatsdServer) -> None:
    names = [*Counter, *Timing]
    for counter in Counter:
        metrics.count(counter, "Tamr", operation="run", state="untracked")
    for timing in Timing:
        metrics.time(timing, "Tamr", 1.0, operation="run", state="untracked")
    assert [metric.name for metric in received(server, len(names))] == names
