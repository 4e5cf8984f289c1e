"""What is a list of a configuration's runs, and what is none: a second run could be started on its word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import NotFoundError, UnroutedError
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, play, reply
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import TABLES, item, results

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange, Reply
    from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch

DATED = {"Date": "Wed, 30 Dec 2020 11:28:40 GMT"}


def launch() -> TailerJobLaunch:
    return tailer().launch(TABLES)


def sent(exchange: Exchange[Any]) -> Exchange[Any]:
    """Return an exchange as a driver runs it: with errors made of responses."""
    return whole(exchange, api=tailer(), policy=ONCE, clock=FakeClock())


@pytest.mark.parametrize(
    "answer",
    [
        reply(404, {"message": "unknown configuration"}, DATED),
        reply(200, {"message": "KO", "code": 404}, DATED),
        reply(200, {"message": "KO"}, DATED),
    ],
    ids=["404", "KO 404", "KO"],
)
def test_a_configuration_without_a_list_has_none_as_of_the_date_of_that_answer(answer: Reply) -> None:
    there = launch()
    baseline = play(sent(there.record_baseline()), answer).value
    assert baseline["known"] == []
    listed = [
        item("ours"),
        item("of last week", start_execution_date="2020-12-02T11:30:00+00:00"),
    ]
    found = play(there.find_candidates(baseline, "t"), results(*listed)).value
    assert [snapshot.run_id for snapshot in found] == ["ours"]


def test_without_a_date_there_is_nothing_to_tell_a_later_run_by() -> None:
    assert isinstance(
        play(sent(launch().record_baseline()), reply(404, {"message": "no"})).error, NotFoundError
    )


@pytest.mark.parametrize(
    "answer",
    [
        reply(404, "default backend - 404", DATED),
        reply(404, "<html>", {**DATED, "Content-Type": "text/html"}),
        reply(404, b"\x00\xff", DATED),
        reply(404, [], DATED),
    ],
    ids=["text", "page", "bytes", "no object"],
)
def test_a_404_in_other_words_than_the_apis_is_no_list(answer: Reply) -> None:
    """Neither a baseline, so that nothing is sent, nor a look without candidates."""
    there = launch()
    assert isinstance(play(sent(there.record_baseline()), answer).error, UnroutedError)
    baseline = play(there.record_baseline(), results()).value
    looked = play(sent(there.find_candidates(baseline, "t")), answer)
    assert isinstance(looked.error, UnroutedError)
