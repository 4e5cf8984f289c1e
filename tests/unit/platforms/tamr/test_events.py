"""The jobs that an event trigger reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
)
from airflow_provider_dataops.platforms.tamr import events
from airflow_provider_dataops.platforms.tamr.events import TamrJobFeed
from tests.unit.fakes import Play, play, reply
from tests.unit.platforms.apis import tamr
from tests.unit.platforms.tamr.jobs import JOBS, job

if TYPE_CHECKING:
    from airflow_provider_dataops.core.feed import Listing


def page(*jobs: dict[str, Any], token: str = "") -> Any:
    return reply(body={"jobs": list(jobs), "nextPageToken": token})


def done(job_id: str, **members: Any) -> dict[str, Any]:
    return job(job_id, state="DONE", **members)


def poll(*answers: Any, before: Listing | None = None, **arguments: Any) -> Play:
    return play(TamrJobFeed(**arguments).poll(tamr(), before), *answers)


class TestTheFirstPoll:
    def test_reads_all_pages_of_a_short_list(self) -> None:
        played = poll(page(done("j-3"), job("j-2"), token="t"), page(done("j-1")))
        assert [r.url for r in played.requests] == [f"{JOBS}?pageSize=30", f"{JOBS}?pageSize=30&pageToken=t"]
        assert set(played.value.ended) == {"j-1", "j-3"}

    def test_of_a_long_list_reads_the_newest_jobs_and_the_open_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events, "FIRST_PAGES", 1)
        first = poll(page(done("j-9"), token="t"), page(job("j-1"))).value
        # The old job is found again when it ends, although it is not on the first page.
        second = poll(page(done("j-9")), reply(body=done("j-1")), before=first)
        assert second.requests[1].url == f"{JOBS}/j-1"
        assert set(second.value.ended) == {"j-9", "j-1"}


class TestALaterPoll:
    def test_reads_pages_until_one_contains_a_known_end(self) -> None:
        first = poll(page(done("j-1"))).value
        second = poll(
            page(done("j-4"), done("j-3"), token="t"), page(done("j-2"), done("j-1"), token="u"), before=first
        )
        assert len(second.requests) == 2
        assert list(second.value.ended) == ["j-1", "j-2", "j-3", "j-4"]

    def test_does_not_stop_at_a_job_that_has_just_ended(self) -> None:
        first = poll(page(job("j-2"), done("j-1"))).value
        second = poll(page(done("j-3"), done("j-2"), token="t"), page(done("j-1"), token="u"), before=first)
        assert len(second.requests) == 2

    def test_reads_an_open_job_that_has_left_the_pages(self) -> None:
        first = poll(page(job("j-2"), done("j-1"))).value
        second = poll(page(done("j-3"), done("j-1"), token="t"), reply(body=job("j-2")), before=first).value
        assert set(second.ended) == {"j-1", "j-3"}
        third = poll(page(done("j-3")), reply(body=done("j-2")), before=second).value
        assert "j-2" in third.ended
        # After its end, it costs no request any more.
        assert len(poll(page(done("j-3")), before=third).requests) == 1

    def test_forgets_an_open_job_that_is_gone(self) -> None:
        first = poll(page(job("j-2"), done("j-1"))).value
        second = poll(page(done("j-1")), NotFoundError("gone", status=404), before=first).value
        assert len(poll(page(done("j-1")), before=second).requests) == 1

    @pytest.mark.parametrize(
        "error",
        [MalformedReplyError("half a job"), PermissionDeniedError("no"), BadRequestError("no")],
    )
    def test_asks_again_for_an_open_job_that_cannot_be_read(self, error: ApiError) -> None:
        """The jobs of the list are reported all the same."""
        first = poll(page(job("j-2"), done("j-1"))).value
        second = poll(page(done("j-3"), done("j-1")), error, before=first).value
        assert ("j-3" in second.ended, second.error) == (True, error)
        assert "j-2" in poll(page(done("j-1")), reply(body=done("j-2")), before=second).value.ended

    def test_goes_on_after_a_page_without_an_end(self) -> None:
        first = poll(page(done("j-1"))).value
        second = poll(page(job("j-2"), token="t"), page(done("j-1")), before=first).value
        third = poll(page(job("j-3"), job("j-2"), token="t"), page(done("j-1"), token="u"), before=second)
        assert len(third.requests) == 2


class TestAResource:
    def test_filters_the_list_and_the_jobs(self) -> None:
        """A list of a data product also contains jobs that publish it."""
        update = {"update": {"dataProductId": "d"}}
        publish = {"publish": {"destinationId": "x", "dataProductId": "d"}}
        jobs = page(done("j-2", configuration=publish), done("j-1", configuration=update), token="t")
        first = poll(jobs, page(done("j-0", configuration=publish)), data_product_id="d")
        assert first.requests[0].url == f"{JOBS}?pageSize=30&dataProductId=d"
        assert set(first.value.ended) == {"j-1"}
        # The pages end at a job that is known, also if the trigger does not report it.
        again = poll(jobs, before=first.value, data_product_id="d")
        assert len(again.requests) == 1

    def test_of_the_whole_tenant_has_all_jobs(self) -> None:
        update = {"update": {"dataProductId": "d"}}
        assert set(poll(page(done("j-2", configuration=update), done("j-1"))).value.ended) == {"j-1", "j-2"}

    @pytest.mark.parametrize(
        "arguments",
        [{"source_id": ""}, {"source_id": 7}, {"source_id": "s", "workflow_id": "w"}],
    )
    def test_that_is_wrong_is_an_error(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError, match="source_id"):
            TamrJobFeed(**arguments).check()


def test_the_payload_is_what_the_operator_returns() -> None:
    run = poll(page(done("j-1", status={"error": {"reason": "BROKEN", "message": "m"}}))).value.ended["j-1"]
    assert run.state is RunState.FAILED
    assert run.ended_at == 1795169100.0
    assert run.payload() == {
        "job_id": "j-1",
        "configuration": {"load": {"sourceId": "s"}},
        "reason": "BROKEN",
        "message": "m",
        "history": [{"state": "DONE", "since": "2026-11-20T10:05:00.000Z"}],
        "run_id": "j-1",
        "state": "failed",
        "url": "https://my-tenant.tamr.cloud/",
        "started_at": "2026-11-20T10:05:00.000Z",
        "finished_at": "2026-11-20T10:05:00.000Z",
    }


def test_an_unreadable_job_does_not_affect_the_others() -> None:
    listed = poll(page(done("j-1"), {"jobId": "j-2"})).value
    assert (list(listed.ended), "cannot be read" in str(listed.error)) == (["j-1"], True)
