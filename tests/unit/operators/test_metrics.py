"""What a task on a worker counts for metrics: each thing once, with few tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.metrics import Counter, Timing
from airflow_provider_dataops.errors import RunCancelledError, RunFailedError, RunTimeoutError, ServerError
from tests.unit.operators.stage import PAST, Attempt, Tenant, Time, deferral, event, lose
from tests.unit.operators.tamr_loads import operator

if TYPE_CHECKING:
    from tests.kept_metrics import KeptMetrics

TAMR = {"platform": "tamr"}
#: What a run with a start and an end counts at its end.
END = [Counter.RUN_FINISHED, Timing.RUN_DURATION]
#: One minute after ``PAST``.
LATER = "2026-11-20T10:01:00.000Z"


def test_a_task_that_waits_on_a_worker(tenant: Tenant, clock: Time, kept_metrics: KeptMetrics) -> None:
    clock.on_sleep.append(lambda: tenant.end() if clock.slept > 5 else None)
    operator(deferrable=False).act(Attempt().context())
    assert kept_metrics.names() == [Counter.RUN_STARTED, *END]
    assert kept_metrics.of(Counter.RUN_STARTED) == [(1, TAMR)]
    assert kept_metrics.of(Counter.RUN_FINISHED) == [(1, {**TAMR, "state": "succeeded"})]
    polls = kept_metrics.of(Counter.POLL)
    assert polls == [(1, {**TAMR, "operation": "run"})] * tenant.sent.count("GET /j-1")
    assert kept_metrics.of(Counter.POLL_FAILED) == []


def test_a_deferred_task(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    assert kept_metrics.names() == [Counter.RUN_STARTED]
    assert len(kept_metrics.of(Counter.POLL)) == 1
    tenant.end()
    operator().execute_complete(attempt.context(), event(tenant))
    assert kept_metrics.names() == [Counter.RUN_STARTED, *END]


def test_a_task_that_does_not_wait(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    operator(wait_for_completion=False).act(Attempt().context())
    assert kept_metrics.names() == [Counter.RUN_STARTED]


@pytest.mark.parametrize(
    ("reason", "error", "state"),
    [("BROKEN", RunFailedError, "failed"), ("STOPPED_BY_USER", RunCancelledError, "cancelled")],
)
def test_a_run_that_failed(
    tenant: Tenant, kept_metrics: KeptMetrics, reason: str, error: type[Exception], state: str
) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end(reason=reason)
    with pytest.raises(error):
        operator().execute_complete(attempt.context(), event(tenant))
    assert kept_metrics.of(Counter.RUN_FINISHED) == [(1, {**TAMR, "state": state})]


def test_the_duration_is_what_the_platform_reports(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    tenant.jobs["j-1"]["statusHistory"] = [{"state": "RUNNING", "stateStartTime": PAST}]
    tenant.jobs["j-1"]["status"]["stateStartTime"] = LATER
    operator().execute_complete(attempt.context(), event(tenant))
    assert kept_metrics.of(Timing.RUN_DURATION) == [(60_000.0, {**TAMR, "state": "succeeded"})]


def test_a_retry(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    attempt.try_number = 2
    deferral(operator(deferrable=True), attempt)
    assert kept_metrics.names() == [Counter.RUN_STARTED, Counter.RUN_REATTACHED]
    assert kept_metrics.of(Counter.RUN_REATTACHED) == [(1, TAMR)]


def test_a_lost_response(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    tenant.lost = 1
    deferral(operator(deferrable=True), Attempt())
    assert kept_metrics.names() == [Counter.RUN_ADOPTED]


def test_a_lost_run(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    lose(operator(), attempt, "j-1")
    assert kept_metrics.names() == [Counter.RUN_STARTED, Counter.RUN_LOST]
    assert kept_metrics.of(Counter.RUN_LOST) == [(1, TAMR)]


def test_a_timeout_that_stops_the_run(tenant: Tenant, kept_metrics: KeptMetrics) -> None:
    with pytest.raises(RunTimeoutError):
        operator(deferrable=False, timeout=5).act(Attempt().context())
    assert kept_metrics.names() == [Counter.RUN_STARTED, Counter.RUN_CANCELLED]
    assert kept_metrics.of(Counter.RUN_CANCELLED) == [(1, TAMR)]


@pytest.mark.parametrize("is_accepted", [True, False])
def test_a_kill(
    tenant: Tenant, kill_driver: Any, clock: Time, kept_metrics: KeptMetrics, is_accepted: bool
) -> None:
    task = operator(deferrable=False)
    if not is_accepted:
        kill_driver.return_value.run.side_effect = ServerError("down", status=500)
    clock.on_sleep.append(task.on_kill)
    with pytest.raises(SystemExit):
        task.act(Attempt().context())
    assert kept_metrics.of(Counter.RUN_CANCELLED) == [(1, TAMR)] * is_accepted


def test_a_poll_that_fails(tenant: Tenant, clock: Time, kept_metrics: KeptMetrics) -> None:
    tenant.status_errors = [ServerError("down", status=503)] * 2
    clock.on_sleep.append(lambda: None if tenant.status_errors else tenant.end())
    operator(deferrable=False).act(Attempt().context())
    assert kept_metrics.of(Counter.POLL_FAILED) == [(1, {**TAMR, "operation": "run"})] * 2
    assert len(kept_metrics.of(Counter.POLL)) == tenant.sent.count("GET /j-1")
