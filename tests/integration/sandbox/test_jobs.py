"""Tamr's jobs follow their scripts, take slots, and can be stopped in every state."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox
    from tests.integration.sandbox.clients import TamrClient

WAITING = 0.5
"""Seconds in PENDING, and in STOPPING, of a job that takes 10 s."""

STOPPED = {"reason": "STOPPED_BY_USER", "message": "The job was stopped by a user."}


def entered(job: dict[str, Any]) -> list[str]:
    """Return the states of a job in their order."""
    return [status["state"] for status in [*job["statusHistory"], job["status"]]]


class TestLife:
    def test_job_waits_runs_and_ends(self, tamr: TamrClient, clock: ManualClock) -> None:
        job_id = tamr.create()["jobId"]
        states = []
        for seconds in (0, WAITING - 0.01, 0.01, 9.99, 0.01):
            clock.advance(seconds)
            states.append(tamr.state(job_id))

        assert states == ["PENDING", "PENDING", "RUNNING", "RUNNING", "DONE"]

    def test_history_contains_past_states_with_their_times(
        self, tamr: TamrClient, clock: ManualClock
    ) -> None:
        job_id = tamr.create()["jobId"]
        clock.advance(100)

        job = tamr.get(job_id)

        assert entered(job) == ["PENDING", "RUNNING", "DONE"]
        times = [
            datetime.fromisoformat(status["stateStartTime"])
            for status in [*job["statusHistory"], job["status"]]
        ]
        assert [(time - times[0]).total_seconds() for time in times] == pytest.approx(
            [0, 0.5, 10.5], abs=0.01
        )
        assert job["status"]["stateStartTime"].endswith("Z")

    def test_job_with_duration_0_is_done_in_the_create_response(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        sandbox.tamr.script("src_orders", duration=0)

        assert tamr.create()["status"]["state"] == "DONE"

    def test_waiting_sets_the_seconds_in_pending(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock
    ) -> None:
        sandbox.tamr.script(waiting=200)
        job_id = tamr.create()["jobId"]
        clock.advance(199)
        assert tamr.state(job_id) == "PENDING"

    @pytest.mark.parametrize(
        "error",
        [
            {"reason": "PLANNING_FAILED", "message": "no key"},
            {"reason": "PLANNING_FAILED"},
            {"message": "no key"},
        ],
    )
    def test_failed_job_is_done_with_its_error(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock, error: dict[str, str]
    ) -> None:
        sandbox.tamr.script(error=error)
        job_id = tamr.create()["jobId"]
        clock.advance(5)
        assert "error" not in tamr.get(job_id)["status"]
        clock.advance(10)
        assert tamr.get(job_id)["status"]["error"] == error
        assert tamr.state(job_id) == "DONE"

    @pytest.mark.parametrize(
        ("no_error", "shown"), [("null", {"error": None}), ("empty", {"error": {}}), ("absent", {})]
    )
    def test_success_can_be_shown_in_three_ways(
        self, sandbox: Sandbox, tamr: TamrClient, no_error: str, shown: dict[str, Any]
    ) -> None:
        sandbox.tamr.script(no_error=no_error, duration=0)

        status = tamr.create()["status"]

        assert {name: status[name] for name in status.keys() & {"error"}} == shown

    @pytest.mark.parametrize("state", ["OPTIMISING", 7])
    def test_unknown_state_replaces_running(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock, state: str | int
    ) -> None:
        sandbox.tamr.script(unknown_state=state)
        job_id = tamr.create()["jobId"]
        clock.advance(1)
        assert tamr.state(job_id) == state
        clock.advance(10)
        assert entered(tamr.get(job_id)) == ["PENDING", state, "DONE"]

    def test_unused_ids_are_echoed_as_scripted(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.tamr.script(echo_empty_ids=True)

        job = tamr.create("update", workflowId="flow_sor")

        assert job["configuration"] == {"update": {"dataProductId": "", "workflowId": "flow_sor"}}

    def test_hidden_job_appears_later(self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock) -> None:
        sandbox.tamr.script(hidden=2)
        job_id = tamr.create()["jobId"]
        assert tamr.send("GET", f"/jobs/{job_id}").status_code == 404
        assert tamr.send("POST", f"/jobs/{job_id}:stop", json={}).status_code == 404
        assert tamr.listed() == []
        clock.advance(2)
        assert tamr.state(job_id) == "RUNNING"
        assert tamr.listed() == [job_id]

    def test_forgotten_job_is_not_found(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        job_id = tamr.create()["jobId"]
        sandbox.tamr.forget(job_id)
        assert tamr.send("GET", f"/jobs/{job_id}").status_code == 404

    def test_finish_ends_a_job_with_hold(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock
    ) -> None:
        sandbox.tamr.script(hold=True)
        job_id = tamr.create()["jobId"]
        clock.advance(1000)
        assert tamr.state(job_id) == "RUNNING"
        sandbox.tamr.finish(job_id, {"reason": "BROKEN", "message": "x"})
        assert tamr.get(job_id)["status"]["error"]["reason"] == "BROKEN"
        with pytest.raises(ValueError, match="already ended"):
            sandbox.tamr.finish(job_id)

    @pytest.mark.parametrize("error", ["BROKEN", {}, {"code": "x"}, {"reason": 7}])
    def test_finish_rejects_an_invalid_error(self, sandbox: Sandbox, tamr: TamrClient, error: Any) -> None:
        job_id = tamr.create()["jobId"]
        with pytest.raises(ValueError, match="error"):
            sandbox.tamr.finish(job_id, error)
        assert entered(tamr.get(job_id)) == ["PENDING"]

    @pytest.mark.parametrize("times", [0, -1, 1.5, "2", True])
    def test_a_script_can_be_limited_to_a_number_of_jobs(self, sandbox: Sandbox, times: Any) -> None:
        with pytest.raises(ValueError, match="times"):
            sandbox.tamr.script(times=times, hold=True)

    @pytest.mark.parametrize(
        "behaviour",
        [{"no_error": "nil"}, {"error": {}}, {"error": {"code": "x"}}, {"duration": -1}, {"stopping": "1"}],
    )
    def test_invalid_script_is_rejected(self, sandbox: Sandbox, behaviour: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(behaviour))):
            sandbox.tamr.script(**behaviour)


class TestStop:
    def test_pending_job_is_done_at_once(self, tamr: TamrClient) -> None:
        job_id = tamr.create()["jobId"]
        tamr.stop(job_id)

        job = tamr.get(job_id)
        assert entered(job) == ["PENDING", "DONE"]
        assert job["status"]["error"] == STOPPED

    def test_running_job_is_stopping_and_then_stopped(self, tamr: TamrClient, clock: ManualClock) -> None:
        job_id = tamr.create()["jobId"]
        clock.advance(1)
        tamr.stop(job_id)
        assert tamr.state(job_id) == "STOPPING"
        clock.advance(WAITING)
        assert entered(tamr.get(job_id)) == ["PENDING", "RUNNING", "STOPPING", "DONE"]
        assert tamr.get(job_id)["status"]["error"] == STOPPED

    def test_second_stop_does_not_prolong_the_first(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock
    ) -> None:
        sandbox.tamr.script(stopping=4)
        job_id = tamr.create()["jobId"]
        clock.advance(1)
        tamr.stop(job_id)
        clock.advance(3)
        tamr.stop(job_id)
        clock.advance(1)
        assert tamr.state(job_id) == "DONE"

    @pytest.mark.parametrize("error", [None, {"reason": "BROKEN", "message": "x"}])
    def test_stop_that_comes_too_late_does_not_change_the_outcome(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock, error: dict[str, str] | None
    ) -> None:
        sandbox.tamr.script(stop_loses=True, error=error)
        job_id = tamr.create()["jobId"]
        clock.advance(1)
        tamr.stop(job_id)
        assert tamr.state(job_id) == "STOPPING"
        clock.advance(WAITING)
        assert tamr.get(job_id)["status"].get("error") == error
        assert tamr.state(job_id) == "DONE"

    def test_stop_at_the_very_end_finds_the_job_done(self, tamr: TamrClient, clock: ManualClock) -> None:
        job_id = tamr.create()["jobId"]
        clock.advance(10.5)
        tamr.stop(job_id)
        assert "error" not in tamr.get(job_id)["status"]

    def test_done_job_does_not_change(self, tamr: TamrClient, clock: ManualClock) -> None:
        job_id = tamr.create()["jobId"]
        clock.advance(20)
        before = tamr.get(job_id)
        tamr.stop(job_id)
        clock.advance(20)
        assert tamr.get(job_id) == before

    def test_job_with_hold_can_be_stopped(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock
    ) -> None:
        sandbox.tamr.script(hold=True)
        job_id = tamr.create()["jobId"]
        clock.advance(1)
        tamr.stop(job_id)
        clock.advance(WAITING)
        assert tamr.get(job_id)["status"]["error"] == STOPPED


class TestSlots:
    LOAD = {"configuration": {"load": {"sourceId": "src_orders"}}}  # noqa: RUF012

    def refused(self, tamr: TamrClient) -> bool:
        response = tamr.send("POST", "/jobs", json=self.LOAD)
        if response.status_code == 429:
            assert response.json()["statusCode"] == 429
            assert "Retry-After" not in response.headers
            return True
        assert response.status_code == 200
        return False

    def test_sixth_job_at_once_is_rejected_and_not_created(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        assert [self.refused(tamr) for _ in range(6)] == [False] * 5 + [True]
        assert len(sandbox.runs()) == 5
        assert sandbox.journal.refusals() == []

    def test_end_of_a_job_frees_its_slot(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        jobs = [tamr.create()["jobId"] for _ in range(5)]
        sandbox.tamr.finish(jobs[2])

        assert [self.refused(tamr) for _ in range(2)] == [False, True]

    @pytest.mark.parametrize(("states", "refused"), [(["RUNNING"], False), (["RUNNING", "STOPPING"], True)])
    def test_setting_chooses_the_states_that_take_a_slot(
        self, sandbox: Sandbox, tamr: TamrClient, clock: ManualClock, states: list[str], refused: bool
    ) -> None:
        sandbox.tamr.configure(slots=1, slot_states=states)
        job_id = tamr.create()["jobId"]
        clock.advance(1)
        assert self.refused(tamr)
        tamr.stop(job_id)

        assert self.refused(tamr) is refused

    def test_jobs_of_other_users_also_take_slots(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        for _ in range(6):
            sandbox.tamr.start(self.LOAD["configuration"])

        assert self.refused(tamr)
        assert len(sandbox.runs()) == 6
