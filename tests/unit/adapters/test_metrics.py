"""Metrics go to Airflow's stats if they are on, and no failure of theirs reaches a task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import conf
from airflow.sdk.observability import stats

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.core.metrics import Counter, Poll, Timing
from airflow_provider_dataops.errors import DataOpsError, ServerError

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_mock import MockerFixture

    from tests.kept_metrics import KeptMetrics


def exchange(outcome: Any = "value") -> Generator[Any, Any, Any]:
    """Send one request. Return its response, or raise the outcome if it is an error."""
    response = yield "request"
    if isinstance(outcome, Exception):
        raise outcome
    return response


def play(steps: Generator[Any, Any, Any], response: object = "response") -> Any:
    assert next(steps) == "request"
    try:
        steps.send(response)
    except StopIteration as done:
        return done.value
    raise AssertionError("the exchange has one step")


@pytest.mark.parametrize("switch", metrics.SWITCHES)
def test_metrics_go_to_airflow_if_a_switch_is_on(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture, switch: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__METRICS__{switch.upper()}", "True")
    incr = mocker.patch.object(stats.Stats, "incr")
    timing = mocker.patch.object(stats.Stats, "timing")
    metrics.count(Counter.RUN_FINISHED, "TRAC", state="failed")
    metrics.count(Counter.BYTES_SENT, "Toucan", 17)
    metrics.time(Timing.RUN_DURATION, "Tamr", 1.5, state="succeeded")
    assert [call.args for call in incr.call_args_list] == [
        ("dataops.run.finished", 1),
        ("dataops.bytes.sent", 17),
    ]
    assert [call.kwargs["tags"] for call in incr.call_args_list] == [
        {"platform": "trac", "state": "failed"},
        {"platform": "toucan"},
    ]
    timing.assert_called_once_with(
        "dataops.run.duration", 1500.0, tags={"platform": "tamr", "state": "succeeded"}
    )


def test_nothing_is_called_if_metrics_are_off(mocker: MockerFixture) -> None:
    incr = mocker.patch.object(stats.Stats, "incr")
    timing = mocker.patch.object(stats.Stats, "timing")
    read = mocker.spy(conf, "getboolean")
    for _ in range(3):
        metrics.count(Counter.POLL, "Tamr")
        metrics.time(Timing.POLL_LATENESS, "Tamr", 1.0)
    incr.assert_not_called()
    timing.assert_not_called()
    # Later calls do not read the configuration again.
    assert read.call_count == len(metrics.SWITCHES)


def test_an_exchange_stays_the_same_object_if_metrics_are_off() -> None:
    asked = exchange()
    assert metrics.polled(asked, "Tamr", Poll.RUN) is asked
    assert play(asked) == "response"


def test_a_poll_is_counted_when_it_starts(kept_metrics: KeptMetrics) -> None:
    asked = metrics.polled(exchange(), "Tamr", Poll.LIST)
    assert kept_metrics.sent == []
    assert play(asked) == "response"
    assert kept_metrics.sent == [("dataops.poll", 1, {"platform": "tamr", "operation": "list"})]


def test_a_poll_that_fails_is_counted_twice(kept_metrics: KeptMetrics) -> None:
    error, tags = ServerError("down", status=503), {"platform": "tamr", "operation": "run"}
    with pytest.raises(ServerError) as caught:
        play(metrics.polled(exchange(error), "Tamr", Poll.RUN))
    assert caught.value is error
    assert kept_metrics.sent == [("dataops.poll", 1, tags), ("dataops.poll.failed", 1, tags)]


def test_an_error_that_a_driver_raises_into_the_exchange_counts_as_a_failure(
    kept_metrics: KeptMetrics,
) -> None:
    asked = metrics.polled(exchange(), "Tamr", Poll.RUN)
    next(asked)
    with pytest.raises(ServerError):
        asked.throw(ServerError("down", status=503))
    assert kept_metrics.of(Counter.POLL_FAILED) == [(1, {"platform": "tamr", "operation": "run"})]


def test_an_error_without_a_request_is_no_failed_poll(kept_metrics: KeptMetrics) -> None:
    with pytest.raises(DataOpsError):
        play(metrics.polled(exchange(DataOpsError("the key file is missing")), "Tailer", Poll.RUN))
    assert kept_metrics.of(Counter.POLL_FAILED) == []


def test_a_failure_of_airflows_stats_is_only_logged(
    kept_metrics: KeptMetrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no socket")

    monkeypatch.setattr(kept_metrics, "incr", fail)
    monkeypatch.setattr(kept_metrics, "timing", fail)
    caplog.set_level(logging.DEBUG)
    metrics.count(Counter.RUN_STARTED, "Tamr")
    metrics.time(Timing.RUN_DURATION, "Tamr", 1.0)
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "The metric dataops.run.started was not sent",
        "The metric dataops.run.duration was not sent",
    ]


def test_a_configuration_that_cannot_be_read_switches_metrics_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "perhaps")
    for _ in range(2):
        metrics.count(Counter.RUN_STARTED, "Tamr")
    assert len(caplog.messages) == 1
    assert "This provider sends no metrics" in caplog.messages[0]
