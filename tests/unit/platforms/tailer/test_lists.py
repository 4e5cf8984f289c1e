"""Which responses are a list of a configuration's runs. A mistake here could start a second run."""

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
    """Return an exchange as a driver runs it: error responses become exceptions."""
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
def test_an_unknown_configuration_has_an_empty_list_at_the_date_of_the_response(answer: Reply) -> None:
    tailer_launch = launch()
    baseline = play(sent(tailer_launch.record_baseline()), answer).value
    assert baseline["known"] == []
    listed = [
        item("ours"),
        item("of last week", start_execution_date="2020-12-02T11:30:00+00:00"),
    ]
    found = play(tailer_launch.find_candidates(baseline, "t"), results(*listed)).value
    assert [snapshot.run_id for snapshot in found] == ["ours"]


def test_an_unknown_configuration_is_an_error_if_the_response_has_no_date() -> None:
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
def test_a_404_that_is_not_from_the_api_is_no_list(answer: Reply) -> None:
    """It is no baseline, so nothing is submitted. It does not mean that there are no candidates."""
    tailer_launch = launch()
    assert isinstance(play(sent(tailer_launch.record_baseline()), answer).error, UnroutedError)
    baseline = play(tailer_launch.record_baseline(), results()).value
    done = play(sent(tailer_launch.find_candidates(baseline, "t")), answer)
    assert isinstance(done.error, UnroutedError)
