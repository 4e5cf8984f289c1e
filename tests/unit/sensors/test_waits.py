"""A sensor that waits on a worker: its log, and how often it sends credentials that were rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.errors import AuthenticationError, PermissionDeniedError, ServerError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.sensors import waits
from airflow_provider_dataops.sensors.tamr import TamrJobSensor, TamrResourceIdleSensor
from tests.unit.fakes import FakeClock
from tests.unit.operators.stage import Hook, Tenant
from tests.unit.platforms.apis import tamr
from tests.unit.sensors.jobs import CONTEXT, TIMEOUT, fail_with, job_sensor, locking_rejection

if TYPE_CHECKING:
    from tests.kept_metrics import KeptMetrics


class TestMetrics:
    @pytest.mark.parametrize(
        ("sensor", "operation"),
        [(job_sensor(), "run"), (TamrResourceIdleSensor(task_id="t", source_id="s"), "condition")],
        ids=["run", "condition"],
    )
    def test_count_each_poke_and_each_failure(
        self, tenant: Tenant, kept_metrics: KeptMetrics, sensor: Any, operation: str
    ) -> None:
        sensor.poke(CONTEXT)
        tenant.on_request = fail_with(ServerError("down", status=503))
        sensor.poke(CONTEXT)
        tags = {"platform": "tamr", "operation": operation}
        assert kept_metrics.of("dataops.poll") == [(1, tags)] * 2
        assert kept_metrics.of("dataops.poll.failed") == [(1, tags)]


class TestLogOfAWorker:
    """What the log of a waiting sensor contains."""

    @pytest.mark.parametrize(
        ("sensor", "state"),
        [
            (job_sensor(poke_interval=45), "Tamr job j-1 is RUNNING"),
            (
                TamrResourceIdleSensor(task_id="t", source_id="s", poke_interval=45),
                "The condition at Tamr is not met yet",
            ),
        ],
        ids=["run", "condition"],
    )
    def test_contains_the_state_and_later_how_long_it_has_not_changed(
        self,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        sensor: Any,
        state: str,
    ) -> None:
        clock = FakeClock()
        monkeypatch.setattr(waits, "SYSTEM_CLOCK", clock)
        for _ in range(15):
            assert sensor.poke(CONTEXT) is False
            clock.now += 45
        lines = [line for line in capsys.readouterr().out.splitlines() if state in line]
        assert len(lines) == 4
        following = "; the next request is due in 45 s"
        for line, lasting in zip(lines, ["", "90 s", "4 min", "8 min"], strict=True):
            assert f"{state}{lasting and f', unchanged for {lasting}'}{following}" in line

    def test_does_not_announce_another_request_if_the_task_defers(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(TaskDeferred):
            TamrResourceIdleSensor(task_id="t", source_id="s", deferrable=True).execute(CONTEXT)
        log = capsys.readouterr().out
        assert "The condition at Tamr is not met yet" in log
        assert "the next request" not in log


class TestRejectedCredentials:
    """The sensor sends them once more, after a pause, in every mode."""

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_do_not_end_the_wait_if_they_are_accepted_the_second_time(
        self, tenant: Tenant, naps: list[float], deferrable: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tenant.on_request = lambda _: fail_with(locking_rejection())("") if not naps else None
        sensor = job_sensor(deferrable=deferrable)
        if deferrable:
            with pytest.raises(TaskDeferred):
                sensor.execute(CONTEXT)
        else:
            assert sensor.poke(CONTEXT) is False
        (nap,) = naps
        assert REFUSAL_PAUSE <= nap <= REFUSAL_PAUSE + 60.0
        assert len(tenant.sent) == 2
        assert (
            "401; Tamr job j-1 is not affected, and the task reads the connection again"
            in capsys.readouterr().out
        )

    @pytest.mark.parametrize("mode", ["poke", "reschedule"])
    def test_fail_the_sensor_if_they_are_rejected_twice(
        self, tenant: Tenant, naps: list[float], mode: str
    ) -> None:
        tenant.on_request = fail_with(locking_rejection())
        with pytest.raises(AuthenticationError):
            job_sensor(mode=mode).poke(CONTEXT)
        assert (len(naps), len(tenant.sent)) == (1, 2)

    def test_are_not_sent_again_after_the_timeout_of_the_sensor(
        self, tenant: Tenant, naps: list[float]
    ) -> None:
        tenant.on_request = fail_with(locking_rejection())
        with pytest.raises(AuthenticationError):
            job_sensor(timeout=60).poke(CONTEXT)
        assert (len(naps), len(tenant.sent)) == (0, 1)

    def test_are_not_sent_again_by_the_last_request_after_the_deadline(
        self, tenant: Tenant, naps: list[float]
    ) -> None:
        tenant.on_request = fail_with(locking_rejection())
        with pytest.raises(PermanentError, match="401"):
            job_sensor().execute_complete(CONTEXT, TIMEOUT)
        assert (len(naps), len(tenant.sent)) == (0, 1)

    def test_are_sent_at_once_if_they_have_changed(
        self, tenant: Tenant, naps: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = iter(["old", "new"])
        monkeypatch.setattr(
            TamrJobSensor, "make_hook", lambda _: Hook(tenant, lambda _: None, tamr(password=next(keys)))
        )
        rejections = [locking_rejection()]
        tenant.on_request = lambda _: fail_with(rejections.pop())("") if rejections else None
        assert job_sensor().poke(CONTEXT) is False
        assert naps == []

    def test_without_a_permission_fail_the_sensor_after_one_request(
        self, tenant: Tenant, naps: list[float]
    ) -> None:
        rejection = PermissionDeniedError("403", status=403)
        rejection.locks_out = True
        tenant.on_request = fail_with(rejection)
        with pytest.raises(PermissionDeniedError):
            job_sensor().poke(CONTEXT)
        assert len(tenant.sent) == 1
