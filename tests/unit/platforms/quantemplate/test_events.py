"""The executions that an event trigger reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.quantemplate import events
from airflow_provider_dataops.platforms.quantemplate.events import QuantemplateExecutionFeed
from tests.unit.fakes import Play, play, reply
from tests.unit.platforms.apis import quantemplate
from tests.unit.platforms.quantemplate.executions import execution

if TYPE_CHECKING:
    from airflow_provider_dataops.core.feed import Listing

FEED = QuantemplateExecutionFeed(pipeline_id="p-1")


def poll(entries: list[Any], before: Listing | None = None) -> Play:
    return play(FEED.poll(quantemplate(), before), reply(body=entries))


def entry(number: int, status: object = "Succeeded", **members: Any) -> dict[str, Any]:
    return execution(id=f"e-{number}", runNumber=number, status=status, **members)


def test_one_request_lists_the_executions_of_the_pipeline() -> None:
    done = poll([entry(1), entry(2, "Started"), entry(3, "Failed"), entry(4, "Canceled")])
    assert [r.url.rpartition("/v1/")[2] for r in done.requests] == [
        "organisations/c-1/pipelines/p-1/executions"
    ]
    runs = done.value.ended
    assert {run_id: run.state for run_id, run in runs.items()} == {
        "e-1": RunState.SUCCEEDED,
        "e-3": RunState.FAILED,
        "e-4": RunState.CANCELLED,
    }
    assert [run.number for run in runs.values()] == [1, 3, 4]
    assert done.value.open_numbers == {2}
    assert done.value.error is None


def test_the_payload_is_what_the_operator_returns() -> None:
    done = poll([entry(1, finishedAt="2026-11-20T10:05:00Z", outputs=[{"id": "o-1", "name": "Clean"}])])
    assert done.value.ended["e-1"].payload() == {
        "execution_id": "e-1",
        "pipeline_id": "p-1",
        "organisation_id": "c-1",
        "run_number": 1,
        "version": 3,
        "outputs": [{"id": "o-1", "name": "Clean"}],
        "run_id": "e-1",
        "state": "succeeded",
        "url": "https://app.quantemplate.com/",
        "started_at": "2026-11-20T10:00:00.000Z",
        "finished_at": "2026-11-20T10:05:00Z",
    }


class TestALaterPoll:
    def test_does_not_decode_old_executions(self) -> None:
        first = poll([entry(1), entry(2), entry(3, "Started")]).value
        # The entries that are known have no readable status now.
        second = poll([entry(1, status=7), entry(2, status=7), entry(3)], first).value
        assert list(second.ended) == ["e-1", "e-2", "e-3"]
        assert second.ended["e-1"] is first.ended["e-1"]
        assert second.error is None

    def test_finds_an_execution_that_ends_after_later_ones(self) -> None:
        first = poll([entry(4), entry(5, "Started"), entry(6)]).value
        second = poll([entry(4), entry(5, "Started"), entry(6), entry(7)], first).value
        assert (list(second.ended), second.open_numbers) == (["e-4", "e-6", "e-7"], {5})
        third = poll([entry(n) for n in (4, 5, 6, 7)], second).value
        assert set(third.ended) == {"e-4", "e-5", "e-6", "e-7"}
        assert third.ended["e-6"] is first.ended["e-6"]

    def test_finds_an_execution_that_is_listed_late(self) -> None:
        first = poll([entry(1), entry(3)]).value
        assert set(poll([entry(1), entry(2), entry(3)], first).value.ended) == {"e-1", "e-2", "e-3"}

    def test_finds_the_first_execution_of_a_pipeline(self) -> None:
        assert list(poll([entry(1)], poll([]).value).value.ended) == ["e-1"]

    def test_finds_the_end_of_an_execution_after_many_later_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events, "GAPS", 2)
        later = [entry(number) for number in range(2, 9)]
        first = poll([entry(1, "Started"), *later]).value
        second = poll([entry(1, "Started"), *later], first).value
        assert second.open_numbers == {1}
        assert "e-1" in poll([entry(1), *later], second).value.ended

    def test_does_not_wait_for_ever_for_a_missing_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "GAPS", 2)
        first = poll([entry(1), entry(3), entry(4), entry(5), entry(6)]).value
        assert poll([entry(4, status=7), entry(5), entry(6)], first).value.error is None
        assert poll([entry(5, status=7)], first).value.error is not None


def test_an_unreadable_entry_does_not_affect_the_others() -> None:
    done = poll([entry(1), entry(2, status=7)])
    assert list(done.value.ended) == ["e-1"]
    assert "an entry of the list cannot be read" in str(done.value.error)


def test_the_scope_has_the_organisation() -> None:
    assert FEED.scope(quantemplate()).endswith("/external/v1 c-1")
    other = QuantemplateExecutionFeed(pipeline_id="p-1", organisation_id="c-2")
    assert other.scope(quantemplate()).endswith(" c-2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pipeline_id": ""}, "pipeline_id must be a non-empty text"),
        ({"pipeline_id": 7}, "pipeline_id must be a non-empty text"),
        ({"pipeline_id": "p", "organisation_id": " "}, "organisation_id must be a non-empty text"),
    ],
)
def test_wrong_arguments_are_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        QuantemplateExecutionFeed(**arguments).check()
