"""The life of a job of Tamr Cloud: launched, found again, watched."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import BadRequestError, NotFoundError
from airflow_provider_dataops.platforms.tamr import configurations as platform
from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch, TamrJobWatch
from tests.unit.fakes import play, reply, sweep
from tests.unit.platforms.apis import tamr
from tests.unit.platforms.tamr.jobs import JOBS, job

FILTERED = f"{JOBS}?pageSize=30&filter=status.state%20%21%3D%20DONE"


def watch(run_id: str = "j-1") -> TamrJobWatch:
    return TamrJobWatch(run_id=run_id)


class TestWatch:
    def test_one_list_returns_all_open_jobs(self) -> None:
        done = play(
            sweep(tamr(), watch("j-1"), watch("j-9")),
            reply(body={"jobs": [job("j-1"), job("j-2")]}),
        )
        assert done.requests[0].url == FILTERED
        assert set(done.value) == {"j-1"}

    def test_a_rejected_filter_is_not_sent_again(self) -> None:
        api = tamr()
        rejected = BadRequestError("filter", status=400)
        done = play(sweep(api, watch()), rejected, reply(body={"jobs": [job("j-1")]}))
        assert [r.url for r in done.requests] == [FILTERED, f"{JOBS}?pageSize=30"]
        done = play(sweep(api, watch()), reply(body={"jobs": []}))
        assert done.requests[0].url == f"{JOBS}?pageSize=30"

    def test_a_list_without_the_filter_returns_ended_jobs_too(self) -> None:
        """Otherwise each ended job would cost one more request."""
        rejected = BadRequestError("filter", status=400)
        page = reply(body={"jobs": [job("j-1", state="DONE")]})
        assert set(play(sweep(tamr(), watch()), rejected, page).value) == {"j-1"}

    def test_an_unknown_job_is_absent(self) -> None:
        done = play(watch().look(tamr()), NotFoundError("gone", status=404))
        assert done.value.state is RunState.ABSENT

    def test_an_unknown_job_keeps_the_text_of_the_server(self) -> None:
        gone = NotFoundError("gone", status=404, body="no such job")
        assert play(watch().look(tamr()), gone).value.raw_state == "404: no such job"


class TestLaunch:
    def test_candidates_are_new_jobs_that_do_the_same(self) -> None:
        launch = TamrJobLaunch(api=tamr(), configuration=platform.load("s"))
        date = {"Date": "Fri, 20 Nov 2026 10:00:30 GMT"}
        baseline = play(launch.record_baseline(), reply(body={"jobs": [job("old")]}, headers=date)).value
        listed = [
            job("ours", statusHistory=[{"state": "PENDING", "stateStartTime": "2026-11-20T10:00:25Z"}]),
            job("more", configuration={"load": {"sourceId": "s", "mode": "FULL"}}),
            job("other", configuration={"load": {"sourceId": "t"}}),
            job("old"),
            job("older", statusHistory=[{"state": "PENDING", "stateStartTime": "2026-11-19T10:00:00Z"}]),
        ]
        done = play(launch.find_candidates(baseline, "token"), reply(body={"jobs": listed}))
        assert [s.run_id for s in done.value] == ["ours", "more"]
        assert done.requests[0].url == f"{JOBS}?pageSize=30&sourceId=s"


class TestSucceededSince:
    def ask(self, *jobs: dict[str, Any], **resource: str) -> Any:
        since = 1_795_168_800.0  # 2026-11-20T10:00:00Z
        return play(tamr().succeeded_since(since, **resource), reply(body={"jobs": list(jobs)})).value

    def run_of(self, created: str, configuration: dict[str, Any], **status: Any) -> dict[str, Any]:
        past = [{"state": "PENDING", "stateStartTime": created}]
        return job("j", state="DONE", configuration=configuration, statusHistory=past, status=status)

    def test_a_job_counts_if_it_was_created_at_that_time_or_later(self) -> None:
        update = {"update": {"dataProductId": "dp"}}
        assert self.ask(self.run_of("2026-11-20T10:00:00Z", update), data_product_id="dp").job_id == "j"
        assert self.ask(self.run_of("2026-11-20T09:59:59Z", update), data_product_id="dp") is None

    def test_a_publish_job_does_not_count_for_its_data_product(self) -> None:
        publish = {"publish": {"dataProductId": "dp", "destinationId": "d"}}
        assert self.ask(self.run_of("2026-11-20T10:30:00Z", publish), data_product_id="dp") is None
        assert self.ask(self.run_of("2026-11-20T10:30:00Z", publish), destination_id="d").job_id == "j"

    def test_failed_and_running_jobs_do_not_count(self) -> None:
        load = {"load": {"sourceId": "s"}}
        failed = self.run_of("2026-11-20T10:30:00Z", load, error={"reason": "X"})
        assert self.ask(failed, job("r"), source_id="s") is None

    def test_the_end_time_of_a_job_is_not_its_creation_time(self) -> None:
        assert (
            self.ask(job("j", state="DONE", status={"stateStartTime": "2026-11-20T11:00:00Z"}), source_id="s")
            is None
        )
