"""A real Airflow sends the metrics of workers and of the triggerer to a StatsD server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.metrics import Counter, Timing

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack
    from tests.statsd_server import StatsdServer
    from tests.system.scenes import Stage

TAMR = {"platform": "tamr"}
#: StatsD uses UDP, and a triggerer sends its first request late on a busy machine.
SOON = 60.0


def test_a_worker_sends_what_happens_to_a_run(
    stack: AirflowStack, stage: Stage, statsd: StatsdServer
) -> None:
    started, finished = (len(statsd.of(name, **TAMR)) for name in (Counter.RUN_STARTED, Counter.RUN_FINISHED))
    task = stage.begin("tamr_deferred", {"waiting": 1.0})
    assert task.ended() == "success"
    stack.wait_until(lambda: len(statsd.of(Counter.RUN_STARTED, **TAMR)) > started, timeout=SOON)
    stack.wait_until(lambda: len(statsd.of(Counter.RUN_FINISHED, **TAMR)) > finished, timeout=SOON)
    assert statsd.of(Counter.RUN_FINISHED, **TAMR)[-1].tags == {**TAMR, "state": "succeeded"}
    duration = statsd.of(Timing.RUN_DURATION, **TAMR)[-1]
    assert duration.kind == "ms"
    # The sandbox runs a job for three seconds.
    assert 1_000.0 <= duration.value < 60_000.0


def test_the_triggerer_sends_its_polls_and_what_it_stops(
    stack: AirflowStack, stage: Stage, statsd: StatsdServer
) -> None:
    """Only a trigger reads lists and measures its lateness."""
    polls, cancelled = (
        len(found) for found in (statsd.of(Counter.POLL, operation="list"), statsd.of(Counter.RUN_CANCELLED))
    )
    task = stage.begin("tamr_deferred", {"hold": True})
    job = task.started()
    stack.wait_until(lambda: f"Tamr job {job.run_id} is " in task.log(), timeout=SOON)
    stack.wait_until(lambda: len(statsd.of(Counter.POLL, operation="list")) > polls, timeout=SOON)
    assert statsd.of(Timing.POLL_LATENESS, **TAMR)
    task.airflow.mark_task(*task.where, "success")
    stack.wait_until(lambda: len(statsd.of(Counter.RUN_CANCELLED, **TAMR)) > cancelled, timeout=SOON)


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("counter", "platforms"),
    [
        (Counter.RUN_STARTED, {"toucan", "tailer", "quantemplate", "tamr", "trac"}),
        (Counter.BYTES_SENT, {"toucan", "quantemplate", "trac"}),
        (Counter.BYTES_RECEIVED, {"quantemplate", "trac"}),
        (Counter.EVENT_FIRED, {"quantemplate"}),
    ],
)
def test_the_example_dags_send_metrics_of_each_platform(
    stack: AirflowStack, statsd: StatsdServer, counter: Counter, platforms: set[str]
) -> None:
    stack.wait_until(
        lambda: {metric.tags["platform"] for metric in statsd.of(counter)} >= platforms, timeout=SOON
    )
    assert all(metric.value > 0 for metric in statsd.of(counter))


def test_tags_have_few_values(statsd: StatsdServer) -> None:
    """A tag with an id in it would make a new time series for each run."""
    tags = {(name, value) for metric in statsd.metrics() for name, value in metric.tags.items()}
    assert {name for name, _ in tags} <= {"platform", "operation", "state"}
    assert len(tags) <= 5 + 4 + 9
