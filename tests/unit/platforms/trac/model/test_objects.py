"""Objects of TRAC: their addresses, and how they are read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import MalformedReplyError
from airflow_provider_dataops.platforms.trac import SEARCH_LIMIT
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.calls import KEY
from tests.unit.platforms.trac.payloads import header, tag


def test_a_search_with_a_hundred_hits_may_have_more() -> None:
    def found(hits: int) -> Any:
        return play(trac().search("DATA"), reply(body={"searchResult": [tag(header())] * hits})).value

    assert [found(hits).possibly_more for hits in (0, SEARCH_LIMIT - 1, SEARCH_LIMIT)] == [False, False, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        {},
        {"header": {}},
        {"header": {**header(), "objectVersion": "1"}},
        {"header": {**header(), "tagVersion": True}},
    ],
)
def test_a_response_without_an_object_raises_an_error(body: Any) -> None:
    exchange = whole(trac().read_object(KEY), api=trac(), policy=ONCE, clock=FakeClock())
    assert isinstance(play(exchange, reply(body=body)).error, MalformedReplyError)


def test_unknown_fields_of_later_releases_are_ignored() -> None:
    body = tag({**header(), "isPinned": True, "objectType": "CREDENTIAL"}, {})
    body["lineage"] = {}
    assert play(trac().read_object(KEY), reply(body=body)).value.header.object_type == "CREDENTIAL"
