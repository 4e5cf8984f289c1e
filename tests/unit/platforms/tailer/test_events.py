"""The runs that an event trigger reports."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.feed import Listing
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
)
from airflow_provider_dataops.lifecycle.marks import IdMark
from airflow_provider_dataops.platforms.tailer.events import TailerRunFeed
from tests.unit.fakes import Play, play
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import IOWA, item, results, sent_payloads


def poll(*answers: Any, before: Listing | None = None, **arguments: Any) -> Play:
    feed = TailerRunFeed(**{"configuration_id": IOWA, **arguments})
    return play(feed.poll(tailer(), before), *answers)


def test_one_request_lists_the_last_runs_of_the_configuration() -> None:
    played = poll(results(item("r-3"), item("r-2", "FAILED"), item("r-1", "SUCCESS")))
    (sent,) = sent_payloads(played)
    assert sent == {
        "action": "get_last_status",
        "account": "000099",
        "environment": "DEV",
        "configuration_type": "table-to-table",
        "configuration_id": IOWA,
        "limit": 100,
    }
    ended = played.value.ended
    assert {name: run.state for name, run in ended.items()} == {
        "r-1": RunState.SUCCEEDED,
        "r-2": RunState.FAILED,
    }


def test_runs_of_other_configurations_are_left_out() -> None:
    other = item("r-2", "SUCCESS", configuration_id="other")
    assert list(poll(results(other, item("r-1", "SUCCESS"))).value.ended) == ["r-1"]


def test_the_payload_is_what_the_operator_returns() -> None:
    bare = {"run_id": "r-1", "status": "SUCCESS", "start_execution_date": "2026-11-20T10:00:00Z"}
    run = poll(results(bare)).value.ended["r-1"]
    # Not all types of configuration report the end, so the start replaces it.
    assert run.ended_at == 1795168800.0
    payload = run.payload()
    assert (
        payload.items()
        >= {
            "run_id": "r-1",
            "state": "succeeded",
            "status": "SUCCESS",
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": IOWA,
            "job_id": f"gbq-to-gbq|{IOWA}",
            "started_at": "2026-11-20T10:00:00Z",
            "finished_at": None,
        }.items()
    )


def test_the_user_decides_which_statuses_are_a_success() -> None:
    listed = poll(
        results(item("r-1", "CHECKED"), item("r-2", "WARNING")),
        success_statuses=["SUCCESS", "CHECKED"],
        failure_statuses=["WARNING"],
    ).value
    assert [run.state for run in listed.ended.values()] == [RunState.SUCCEEDED, RunState.FAILED]


def test_a_status_that_nobody_knows_is_no_end() -> None:
    assert poll(results(item("r-1", "WARNING"))).value.ended == {}


class TestAnActiveRunThatHasLeftTheList:
    def listing(self) -> Listing:
        listing: Listing = poll(results(item("r-1"))).value
        return listing

    def test_is_read_alone(self) -> None:
        played = poll(results(item("r-9")), results(item("r-1", "SUCCESS")), before=self.listing())
        assert sent_payloads(played)[1]["run_id"] == "r-1"
        assert list(played.value.ended) == ["r-1"]

    @pytest.mark.parametrize("answer", [NotFoundError("no run", status=404), results()])
    def test_is_forgotten_if_it_does_not_exist(self, answer: Any) -> None:
        after = poll(results(), answer, before=self.listing()).value
        assert len(poll(results(), before=after).requests) == 1

    @pytest.mark.parametrize("error", [MalformedReplyError("half a run"), PermissionDeniedError("no")])
    def test_is_read_again_if_it_could_not_be_read(self, error: ApiError) -> None:
        """The runs of the list are reported all the same."""
        after = poll(results(item("r-2", "SUCCESS")), error, before=self.listing()).value
        assert (list(after.ended), after.error) == (["r-2"], error)
        assert "r-1" in poll(results(), results(item("r-1", "SUCCESS")), before=after).value.ended

    def test_without_a_job_id_cannot_be_read(self) -> None:
        run = {"run_id": "r-1", "status": "RUNNING"}
        first = poll(results(run), configuration_type="storage-to-storage").value
        assert len(poll(results(), before=first, configuration_type="storage-to-storage").requests) == 1


def test_a_run_without_an_end_time_ends_when_it_is_seen_to_end() -> None:
    """Its start may be long before the end of a run that was reported."""
    first = poll(results(item("r-1"))).value
    run = {name: value for name, value in item("r-1", "SUCCESS").items() if name != "last_update_date"}
    ended = poll(results(run), before=first).value.ended["r-1"]
    assert ended.ended_at is None
    assert IdMark(until=2e9).new(Listing(ended={"r-1": ended})) == [ended]


def test_a_configuration_without_runs_is_an_empty_list() -> None:
    """Otherwise the first run would count as one that has ended before the trigger started."""
    listed = poll(NotFoundError("no such configuration", status=404)).value
    assert (listed.ended, "no such configuration" in str(listed.error)) == ({}, True)


def test_the_scope_has_account_and_environment() -> None:
    assert TailerRunFeed(configuration_id="x").scope(tailer()).endswith(" 000099 DEV")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"configuration_id": ""}, "configuration_id must be a non-empty text"),
        ({"account": 99}, "account must be a text of six digits"),
        ({"environment": "dev"}, "environment must be one of"),
        ({"success_statuses": []}, "success_statuses must contain a status"),
        ({"failure_statuses": "FAILED"}, "failure_statuses must be a list"),
    ],
)
def test_wrong_arguments_are_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        TailerRunFeed(**{"configuration_id": "x", **arguments}).plain()
