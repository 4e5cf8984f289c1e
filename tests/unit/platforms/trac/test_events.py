"""The objects that an event trigger reports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.events import TracObjectFeed
from tests.unit.fakes import Play, content_of, play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import DATA_ID, header, tag


def poll(*tags: dict[str, Any], **arguments: Any) -> Play:
    feed = TracObjectFeed(**{"object_type": "DATA", **arguments})
    return play(feed.poll(trac(), None), reply(body={"searchResult": list(tags)} if tags else {}))


def sent(played: Play) -> Any:
    (request,) = played.requests
    return json.loads(content_of(request))


def test_one_search_finds_the_objects() -> None:
    played = poll(tag(header(version=3), region="UK"))
    assert played.requests[0].url == "http://trac:8080/trac-meta/api/v1/ACME_CORP/search"
    assert sent(played) == {"objectType": "DATA"}
    run = played.value.ended[f"DATA-{DATA_ID}-v3"]
    # A change of an attribute counts, so the time is that of the tag.
    assert run.ended_at == 1795169340.0
    assert run.payload() == {
        "run_id": f"DATA-{DATA_ID}-v3",
        "url": f"http://trac:8080/trac-meta/api/v1/ACME_CORP/DATA/{DATA_ID}/versions/3/tags/latest",
        "tenant": "ACME_CORP",
        "object_type": "DATA",
        "object_id": DATA_ID,
        "object_version": 3,
        "tag_version": 1,
        "key": f"DATA-{DATA_ID}-v3",
        "object_timestamp": "2026-11-20T10:00:00+00:00",
        "tag_timestamp": "2026-11-20T10:09:00+00:00",
        "attrs": {"region": "UK"},
    }


def test_nothing_found_is_an_empty_list() -> None:
    assert poll().value.ended == {}


def test_search_and_attrs_must_both_be_met() -> None:
    search = sent(poll(search=["price", ">", 5], attrs={"region": "UK"}))["search"]
    terms = [part["term"]["attrName"] for part in search["logical"]["expr"]]
    assert (search["logical"]["operator"], terms) == ("AND", ["price", "region"])


def test_attrs_alone_are_one_term() -> None:
    term = sent(poll(attrs={"region": "UK"}))["search"]["term"]
    assert (term["attrName"], term["operator"]) == ("region", "EQ")


def test_an_unreadable_object_does_not_affect_the_others() -> None:
    listed = poll(tag(header()), {"header": {}}).value
    assert (len(listed.ended), "cannot be read" in str(listed.error)) == (1, True)


def test_the_arguments_have_one_form() -> None:
    feed = TracObjectFeed(object_type="data", search=["price", ">", 5], attrs={"region": "UK"})
    plain = feed.plain()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["object_type"], plain["attrs"]) == ("DATA", None)
    assert TracObjectFeed(**plain).plain() == plain


def test_the_scope_has_the_tenant() -> None:
    assert TracObjectFeed(object_type="DATA").scope(trac()) == "http://trac:8080 ACME_CORP"
    assert TracObjectFeed(object_type="DATA", tenant="OTHER").scope(trac()).endswith(" OTHER")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"object_type": ""}, "object_type must be"),
        ({"search": []}, "search must be"),
        ({"search": ["price", "~", 5]}, "search .price.: the operator must be one of"),
        ({"attrs": {}}, "attrs must be a dict of one or more attributes"),
        ({"attrs": ["region"]}, "attrs must be a dict of one or more attributes"),
        ({"attrs": {"price": 1.5}}, "attrs.'price'. .price.: EQ cannot compare values of type FLOAT"),
        ({"tenant": ""}, "tenant must be a non-empty text"),
    ],
)
def test_wrong_arguments_are_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        TracObjectFeed(**{"object_type": "DATA", **arguments}).check()
