"""A deadline is a point in time, so a clock jump moves it. A limit in seconds does not move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.errors import OutageError, RunLostError, RunTimeoutError, ServerError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, Hook
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant, Time

HOUR = 3_600.0


def wait(clock: Time, *, timeout: float, at: float, jump: float) -> None:
    """Let a task wait on a worker whose clock jumps after ``at`` seconds."""

    def set_the_clock() -> None:
        if clock.slept >= at:
            clock.jumped = jump

    clock.on_sleep.append(set_the_clock)
    task = TamrLoadSourceOperator(task_id="t", source_id="s", deferrable=False, timeout=timeout)
    task.act(Attempt().context())


@pytest.mark.parametrize(
    ("jump", "ends_after"), [(0.0, 2 * HOUR), (HOUR, HOUR), (-HOUR, 3 * HOUR), (5 * HOUR, 600.0)]
)
def test_a_clock_jump_moves_the_deadline(tenant: Tenant, clock: Time, jump: float, ends_after: float) -> None:
    with pytest.raises(RunTimeoutError):
        wait(clock, timeout=2 * HOUR, at=600.0, jump=jump)
    assert clock.slept == pytest.approx(ends_after, abs=40.0)
    assert tenant.stops() == ["POST /j-1:stop"]


@pytest.mark.parametrize("jump", [0.0, HOUR, -HOUR])
def test_a_clock_jump_does_not_change_how_long_an_outage_is_tolerated(
    tenant: Tenant, clock: Time, jump: float
) -> None:
    tenant.status_errors = [ServerError("HTTP 503", status=503)] * 999
    with pytest.raises(OutageError):
        wait(clock, timeout=5 * HOUR, at=600.0, jump=jump)
    assert clock.slept == pytest.approx(Options.outage_budget, abs=65.0)


def test_the_option_sets_how_long_an_outage_is_tolerated(
    tenant: Tenant, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = tamr(options=Options(outage_budget=HOUR))
    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda self: Hook(tenant, self.pause, api))
    tenant.status_errors = [ServerError("HTTP 503", status=503)] * 999
    with pytest.raises(OutageError):
        wait(clock, timeout=5 * HOUR, at=600.0, jump=0.0)
    assert clock.slept == pytest.approx(HOUR, abs=65.0)


@pytest.mark.parametrize("jump", [0.0, HOUR, -HOUR])
def test_a_clock_jump_does_not_change_when_an_unlisted_run_is_lost(
    tenant: Tenant, clock: Time, jump: float
) -> None:
    clock.on_sleep.append(tenant.jobs.clear)
    with pytest.raises(RunLostError):
        wait(clock, timeout=5 * HOUR, at=600.0, jump=jump)
    assert clock.slept == pytest.approx(Options.outage_budget, abs=65.0)
