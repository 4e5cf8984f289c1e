"""Reading and writing objects of TRAC: what is sent, and what is rejected before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.errors import ConflictError, InvalidArgumentError, NotFoundError, ServerError
from airflow_provider_dataops.platforms.trac.api.metadata import TAG_ATTEMPTS
from tests.unit.fakes import Answer, play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.calls import CUSTOM, CUSTOM_BODY, KEY, body
from tests.unit.platforms.trac.payloads import DATA_ID, JOB_ID, header, job, selector, tag

CREATED = {"object_type": "CUSTOM", "definition": CUSTOM}
SUPERSEDED = ConflictError("Prior tag has been superseded", status=409)


def calls(done: Any) -> list[str]:
    return [request.path.rpartition("/")[2] for request in done.requests]


class TestUpdateTag:
    def test_the_newest_tag_is_read_first(self) -> None:
        done = play(
            trac().update_tag(KEY, attrs={"approved": True}),
            reply(body=tag(header(version=3, tag=7), {})),
            reply(body=header(version=3, tag=8)),
        )
        assert calls(done) == ["read-object", "update-tag"]
        assert body(done.requests[1]) == {
            "objectType": "DATA",
            "priorVersion": {
                "objectType": "DATA",
                "objectId": DATA_ID,
                "objectVersion": 3,
                "tagVersion": 7,
            },
            "tagUpdates": [{"attrName": "approved", "value": {"booleanValue": True}}],
        }
        assert done.value.tag_version == 8

    def test_after_a_conflict_the_same_changes_are_made_to_the_newer_tag(self) -> None:
        api = trac()
        api._chance = lambda: 0.5
        done = play(
            api.update_tag(KEY, attrs={"n": 1}),
            reply(body=tag(header(version=3, tag=7), {})),
            SUPERSEDED,
            reply(body=tag(header(version=3, tag=8), {})),
            reply(body=header(version=3, tag=9)),
        )
        assert calls(done) == ["read-object", "update-tag"] * 2
        assert body(done.requests[3])["priorVersion"]["tagVersion"] == 8
        assert body(done.requests[3])["tagUpdates"] == body(done.requests[1])["tagUpdates"]
        assert done.pauses == [0.25]

    def test_a_conflict_is_retried_a_limited_number_of_times(self) -> None:
        answers: list[Answer] = [reply(body=tag(header(), {})), SUPERSEDED] * TAG_ATTEMPTS
        done = play(trac().update_tag(KEY, attrs={"n": 1}), *answers)
        assert done.error is SUPERSEDED
        assert len(done.pauses) == TAG_ATTEMPTS - 1

    def test_a_given_tag_version_is_sent_without_a_lookup(self) -> None:
        done = play(trac().update_tag(header(version=3, tag=2), attrs={"n": 1}), SUPERSEDED)
        assert (calls(done), done.error) == (["update-tag"], SUPERSEDED)

    @pytest.mark.parametrize("pinned", [True, False])
    @pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "FINISHING", "NEW_STATE", None])
    def test_an_active_job_is_not_tagged(self, status: str | None, pinned: bool) -> None:
        payload = tag(header("JOB", JOB_ID), {}, **({"trac_job_status": status} if status else {}))
        target: Any = header("JOB", JOB_ID) if pinned else f"JOB-{JOB_ID}"
        done = play(trac().update_tag(target, attrs={"n": 1}), reply(body=payload))
        assert calls(done) == ["read-object"]
        # Only the newest tag contains the job's current status.
        assert body(done.requests[0])["latestTag"] is True
        assert isinstance(done.error, ConflictError)
        assert "would delete its results" in str(done.error)

    @pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "CANCELLED"])
    def test_an_ended_job_is_tagged(self, status: str) -> None:
        done = play(
            trac().update_tag(f"JOB-{JOB_ID}", attrs={"n": 1}),
            reply(body=job(status)),
            reply(body=header("JOB", JOB_ID, tag=5)),
        )
        assert calls(done) == ["read-object", "update-tag"]
        assert body(done.requests[1])["priorVersion"]["tagVersion"] == 4

    def test_an_empty_change_makes_a_new_tag(self) -> None:
        done = play(trac().update_tag(header(), tag_updates=[]), reply(body=header(tag=2)))
        assert body(done.requests[0])["tagUpdates"] == []

    @pytest.mark.parametrize(
        ("selector", "changes", "words"),
        [
            (KEY, {}, "attrs or tag_updates must be given"),
            (
                {**header(), "tagVersion": None, "tagAsOf": "2026-01-01T00:00:00Z"},
                {"attrs": {}},
                "selector must have tagVersion or latestTag.*; given: tagAsOf 2026-01-01",
            ),
            (
                {**header(), "objectVersion": None},
                {"attrs": {}},
                r"selector\['tagVersion'\] needs objectVersion",
            ),
        ],
    )
    def test_invalid_arguments_are_rejected(self, selector: Any, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            trac().update_tag(selector, **changes)


@pytest.mark.parametrize(
    ("kind", "definition", "words"),
    [
        ("MODEL", {"model": {}}, "object_type must be one of FLOW, CUSTOM, SCHEMA, .*; given: 'MODEL'"),
        ("custom", None, "definition must contain the dict 'custom'"),
        ("CUSTOM", CUSTOM_BODY, "definition must contain the dict 'custom'"),
        (
            "CUSTOM",
            {"objectType": "FLOW", "custom": CUSTOM_BODY},
            r"definition\['objectType'\] must be 'CUSTOM', .*; given: 'FLOW'",
        ),
        ("CUSTOM", {"custom": CUSTOM_BODY, "flow": {}}, "given: 'flow'"),
        (
            "CUSTOM",
            {"custom": {**CUSTOM_BODY, "customSchemaType": "trac_x"}},
            r"definition\['custom'\]\['customSchemaType'\] must not begin",
        ),
        (
            "CUSTOM",
            {"custom": {**CUSTOM_BODY, "customSchemaVersion": 0}},
            r"\['customSchemaVersion'\] must be",
        ),
        (
            "CUSTOM",
            {"custom": {**CUSTOM_BODY, "customSchemaVersion": True}},
            r"\['customSchemaVersion'\] must be",
        ),
        (
            "CUSTOM",
            {"custom": {**CUSTOM_BODY, "customData": ""}},
            r"definition\['custom'\]\['customData'\] must be",
        ),
        (
            "CUSTOM",
            {"custom": {**CUSTOM_BODY, "customData": b""}},
            r"definition\['custom'\]\['customData'\] must be",
        ),
        (
            "CUSTOM",
            {"custom": {**CUSTOM_BODY, "customData": "no base64"}},
            r"definition\['custom'\]\['customData'\] must be",
        ),
    ],
)
def test_invalid_definitions_are_rejected(kind: str, definition: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        trac().create_object(kind, definition)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (f"CUSTOM-{DATA_ID}", "prior_version must have an object version"),
        (f"FLOW-{DATA_ID}-v1", "prior_version must select an object of type CUSTOM, .*; given: FLOW-"),
    ],
)
def test_a_new_version_needs_a_prior_version_of_its_type(prior: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        trac().update_object("CUSTOM", CUSTOM, prior)


def test_a_new_version_starts_from_the_latest_tag() -> None:
    prior = header("CUSTOM", tag=1)
    batch: dict[str, Any] = {
        "update_objects": [{"object_type": "CUSTOM", "definition": CUSTOM, "prior_version": prior}]
    }
    done = play(trac().update_object("CUSTOM", CUSTOM, prior), reply(body=header("CUSTOM", version=2)))
    assert body(done.requests[0])["priorVersion"] == selector("CUSTOM", DATA_ID)
    done = play(trac().write_batch(**batch), reply(body={"updateObjects": [header("CUSTOM", version=2)]}))
    assert body(done.requests[0])["updateObjects"][0]["priorVersion"] == selector("CUSTOM", DATA_ID)


class TestReadBatch:
    def test_objects_are_read_in_order(self) -> None:
        done = play(
            trac().read_batch([KEY, header("JOB", JOB_ID)]),
            reply(body=tag(header(version=3), {})),
            reply(body=job("RUNNING")),
        )
        assert calls(done) == ["read-object"] * 2
        assert [t.header.object_type for t in done.value] == ["DATA", "JOB"]

    def test_one_missing_object_fails_the_batch(self) -> None:
        gone = NotFoundError("gone", status=404)
        assert play(trac().read_batch([KEY, KEY]), reply(body=tag(header(), {})), gone).error is gone

    @pytest.mark.parametrize(
        ("given", "words"), [(KEY, "must be a list"), ([KEY, "x"], r"selectors\[1\] must")]
    )
    def test_invalid_selectors_are_rejected_before_any_request(self, given: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            trac().read_batch(given)


class TestWriteBatch:
    def test_latest_tags_are_looked_up(self) -> None:
        done = play(
            trac().write_batch(
                update_objects=[
                    {
                        "definition": {"objectType": "CUSTOM", **CUSTOM},
                        "prior_version": f"CUSTOM-{DATA_ID}-v1",
                    }
                ],
                update_tags=[{"selector": f"DATA-{DATA_ID}", "attrs": {"n": 1}}],
            ),
            reply(body=tag(header(version=4, tag=2), {})),
            reply(
                body={
                    "updateObjects": [header("CUSTOM", version=2)],
                    "updateTags": [header(version=4, tag=3)],
                }
            ),
        )
        assert calls(done) == ["read-object", "write-batch"]
        sent = body(done.requests[1])
        assert list(sent) == ["updateObjects", "updateTags"]
        assert sent["updateTags"][0]["priorVersion"]["tagVersion"] == 2
        assert "tenant" not in json.dumps(sent)
        assert (done.value.created, done.value.updated[0].object_version) == ((), 2)

    def test_a_version_that_is_selected_twice_is_rejected(self) -> None:
        done = play(
            trac().write_batch(
                update_tags=[
                    {"selector": f"DATA-{DATA_ID}", "attrs": {"n": 1}},
                    {"selector": header(version=4), "attrs": {"n": 2}},
                ]
            ),
            reply(body=tag(header(version=4), {})),
        )
        assert isinstance(done.error, InvalidArgumentError)
        assert f"DATA-{DATA_ID}-v4" in str(done.error)

    def test_an_active_job_fails_the_batch(self) -> None:
        item = {"selector": header("JOB", JOB_ID), "attrs": {"n": 1}}
        done = play(trac().write_batch(update_tags=[item]), reply(body=job("RUNNING")))
        assert isinstance(done.error, ConflictError)

    @pytest.mark.parametrize(
        ("batch", "words"),
        [
            ({}, "one of create_objects, update_objects and update_tags must be given"),
            ({"create_objects": CUSTOM}, "create_objects must be a list"),
            (
                {"create_objects": [{"definition": CUSTOM, "tenant": "A"}]},
                r"create_objects\[0\] must contain only",
            ),
            ({"create_objects": [{"definition": CUSTOM}]}, r"create_objects\[0\]: object_type must be an"),
            (
                {"create_objects": [CREATED, {**CREATED, "attrs": {"a": None}}]},
                r"^create_objects\[1\]: attrs\['a'\] must be .*; given: None",
            ),
            (
                {"create_objects": [CREATED, {"object_type": "CUSTOM"}]},
                r"^create_objects\[1\]: definition must contain the dict 'custom'",
            ),
            (
                {"update_objects": [{**CREATED, "prior_version": KEY}]},
                r"^update_objects\[0\]: prior_version must select .* CUSTOM, .*; given: DATA-",
            ),
            (
                {"update_tags": [{"selector": KEY, "attrs": {}}, {"selector": KEY, "tag_updates": ["x"]}]},
                r"^update_tags\[1\]: tag_updates\[0\] must contain only operation",
            ),
            ({"update_tags": [{"attrs": {}}]}, r"^update_tags\[0\]: selector must be a selector"),
            ({"update_tags": [{"selector": KEY}]}, r"^update_tags\[0\]: attrs or tag_updates must be given"),
            (
                {
                    "update_objects": [
                        {
                            "object_type": "CUSTOM",
                            "definition": CUSTOM,
                            "prior_version": f"CUSTOM-{DATA_ID}-v{v}",
                        }
                        for v in (1, 2)
                    ]
                },
                f"update_objects must contain each object only once; .*{DATA_ID}",
            ),
        ],
    )
    def test_invalid_batches_are_rejected(self, batch: dict[str, Any], words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            trac().write_batch(**batch)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ((), "versions/latest/tags/latest"),
        ((3,), "versions/3/tags/latest"),
        ((3, 2), "versions/3/tags/2"),
    ],
)
def test_get_object_requests_a_version_by_its_path(given: tuple[int, ...], path: str) -> None:
    done = play(trac().get_object("data", DATA_ID, *given), reply(body=tag(header(), {})))
    assert done.requests[0].path == f"/trac-meta/api/v1/ACME_CORP/DATA/{DATA_ID}/{path}"


def test_a_tag_version_needs_an_object_version() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"tag_version needs object_version.*; given: tag_version=2"
    ):
        trac().get_object("DATA", DATA_ID, None, 2)


def test_a_server_error_is_not_retried_as_a_conflict() -> None:
    fault = ServerError("HTTP 500", status=500)
    assert play(trac().update_tag(header(), attrs={"n": 1}), fault).error is fault
