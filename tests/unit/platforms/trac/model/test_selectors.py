"""Selectors of TRAC's objects: which values are accepted, and what is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac import Selector, TagHeader
from airflow_provider_dataops.platforms.trac.model.objects import Tag
from tests.unit.platforms.trac.keys import DATA, ID

HEADER = TagHeader(object_type="DATA", object_id=ID, object_version=3, tag_version=2)
AS_OF = {"isoDatetime": "2026-02-28T23:59:59Z"}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (f"DATA-{ID}-v3", {"objectVersion": 3, "latestTag": True}),
        (f"data-{ID.upper()}-v3", {"objectVersion": 3, "latestTag": True}),
        (f"DATA-{ID}", {"latestObject": True, "latestTag": True}),
        (DATA, {"latestObject": True, "latestTag": True}),
        ({**DATA, "objectVersion": 3, "latestTag": True}, {"objectVersion": 3, "latestTag": True}),
        ({**DATA, "objectVersion": "3", "tagVersion": "2"}, {"objectVersion": 3, "tagVersion": 2}),
        ({**DATA, "objectVersion": 3, "objectAsOf": None}, {"objectVersion": 3, "latestTag": True}),
        (
            {**DATA, "objectAsOf": AS_OF, "tagAsOf": "2026-02-28T23:59:59+00:00"},
            {
                "objectAsOf": {"isoDatetime": "2026-02-28T23:59:59+00:00"},
                "tagAsOf": {"isoDatetime": "2026-02-28T23:59:59+00:00"},
            },
        ),
        (HEADER, {"objectVersion": 3, "tagVersion": 2}),
        (HEADER.as_json(), {"objectVersion": 3, "tagVersion": 2}),
        (Tag(header=HEADER, attrs={}), {"objectVersion": 3, "tagVersion": 2}),
        (Tag(header=HEADER, attrs={}).as_json(), {"objectVersion": 3, "tagVersion": 2}),
        (HEADER.selector, {"objectVersion": 3, "tagVersion": 2}),
    ],
)
def test_object_and_tag_criteria_are_always_sent(value: Any, sent: dict[str, Any]) -> None:
    assert Selector.of(value).as_json() == {**DATA, **sent}


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        # Read from TRAC: later changes of the tag are kept.
        (HEADER, {"latestTag": True}),
        (HEADER.as_json(), {"latestTag": True}),
        ({**DATA, "objectVersion": 3, "tagVersion": 2, "tagTimestamp": AS_OF}, {"latestTag": True}),
        (Tag(header=HEADER, attrs={}), {"latestTag": True}),
        (Tag(header=HEADER, attrs={}).as_json(), {"latestTag": True}),
        ({"tag_version": 2, "key": f"DATA-{ID}-v3"}, {"latestTag": True}),
        (f"DATA-{ID}-v3", {"latestTag": True}),
        # Selectors that contain a tag version or time.
        ({**DATA, "objectVersion": 3, "tagVersion": 2}, {"tagVersion": 2}),
        (HEADER.selector, {"tagVersion": 2}),
        (
            {**DATA, "objectVersion": 3, "tagAsOf": AS_OF},
            {"tagAsOf": {"isoDatetime": "2026-02-28T23:59:59+00:00"}},
        ),
    ],
)
def test_a_prior_version_selects_the_latest_tag_or_the_given_one(value: Any, tag: dict[str, Any]) -> None:
    assert Selector.of_prior(value, "prior_version").as_json() == {**DATA, "objectVersion": 3, **tag}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "inputs must be a selector, a tag header, a tag or an object key"),
        (5, "inputs must be a selector"),
        ("", "inputs must be an object key"),
        (ID, "inputs must be an object key"),
        (f"DATA-{ID}-v0", "the version in inputs must be a whole number of at least 1"),
        (f"DATA-{ID}-latest", "inputs must be an object key"),
        ({}, r"inputs\['objectType'\] must be an identifier"),
        ({"objectType": "DATA"}, r"inputs\['objectId'\] must be a UUID"),
        ({"objectType": "DATA", "objectId": "abc"}, r"inputs\['objectId'\] must be a UUID; given: 'abc'"),
        (
            {**DATA, "objectVersion": 0},
            r"inputs\['objectVersion'\] must be a whole number of at least 1; given: 0",
        ),
        ({**DATA, "objectVersion": True}, r"\['objectVersion'\] must be a whole number"),
        ({**DATA, "objectVersion": 1.0}, r"\['objectVersion'\] must be a whole number"),
        ({**DATA, "objectVersion": "{{ v }}"}, r"\['objectVersion'\] must be a whole number"),
        (
            {**DATA, "objectVersion": 1, "latestObject": True},
            "inputs must contain only one of objectVersion, objectAsOf",
        ),
        ({**DATA, "latestTag": False}, r"inputs\['latestTag'\] must be true; given: False"),
        (
            {**DATA, "objectAsOf": {"isoDatetime": "2026-02-28T23:59:59"}},
            r"inputs\['objectAsOf'\] must be a DATETIME with an offset",
        ),
        # None of these silently selects the latest version.
        (
            {**DATA, "objectAsOf": {"isoDateTime": "2026-02-28T23:59:59Z"}},
            r"inputs\['objectAsOf'\] must contain only 'isoDatetime'; given: {'isoDateTime'",
        ),
        ({**DATA, "objectAsOf": {}}, r"\['objectAsOf'\] must contain only 'isoDatetime'; given: {}"),
        ({**DATA, "tagAsOf": {"isoDatetime": None}}, r"inputs\['tagAsOf'\] must contain only 'isoDatetime'"),
        ({**DATA, "tagAsOf": {**AS_OF, "offset": 1}}, r"inputs\['tagAsOf'\] must contain only 'isoDatetime'"),
        ({**DATA, "version": 3}, "inputs must contain only the fields .*; given: 'version'"),
        ({"header": "DATA"}, r"inputs\['header'\] must be a tag header in TRAC's JSON; given: 'DATA'"),
        ({"header": {**DATA, "objectId": "abc"}}, r"inputs\['header'\]\['objectId'\] must be a UUID"),
        ({"key": "abc"}, r"inputs\['key'\] must be an object key"),
    ],
)
def test_an_invalid_selector_is_rejected(value: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Selector.of(value, "inputs")


def test_times_without_an_offset_are_rejected() -> None:
    naive = Selector(object_type="DATA", object_id=ID, object_as_of=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidArgumentError, match="offset"):
        naive.as_json()


def test_headers_and_tags_as_json_contain_plain_values() -> None:
    header = TagHeader(
        object_type="DATA",
        object_id=ID,
        object_version=1,
        tag_version=1,
        object_timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        is_latest_tag=True,
    )
    tag = Tag(
        header=header, attrs={"at": datetime(2026, 1, 1, tzinfo=UTC)}, definition={"objectType": "DATA"}
    )
    assert tag.as_json() == {
        "header": {
            **DATA,
            "objectVersion": 1,
            "objectTimestamp": {"isoDatetime": "2026-01-01T00:00:00+00:00"},
            "tagVersion": 1,
            "tagTimestamp": None,
            "isLatestObject": False,
            "isLatestTag": True,
        },
        "attrs": {"at": "2026-01-01T00:00:00+00:00"},
        "definition": {"objectType": "DATA"},
    }
