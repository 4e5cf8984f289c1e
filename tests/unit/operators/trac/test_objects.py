"""Operators that create, change, read and search objects of TRAC."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    BadRequestError,
    ConflictError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.trac import (
    TracCreateObjectOperator,
    TracReadObjectOperator,
    TracSearchOperator,
    TracUpdateObjectOperator,
    TracUpdateTagOperator,
    TracWriteBatchOperator,
)
from airflow_provider_dataops.platforms.trac import SEARCH_LIMIT
from tests.unit.fakes import reply
from tests.unit.operators.trac.calls import CUSTOM, CUSTOM_ID, LOST, RESULT, WRITTEN, execute, sent
from tests.unit.platforms.trac.payloads import DATA_ID, JOB_ID, header, tag

if TYPE_CHECKING:
    from tests.unit.hooks.worker import Worker


def creating(**arguments: Any) -> TracCreateObjectOperator:
    given = {"task_id": "t", "object_type": "CUSTOM", "definition": CUSTOM, **arguments}
    return TracCreateObjectOperator(**given)


def rejected(status: int, words: str) -> Any:
    details = base64.b64encode(b"\x08\x09\x12" + bytes([len(words)]) + words.encode()).decode()
    return reply(status, headers={"trac-error-details-bin": details})


class TestCreation:
    def test_sends_plain_values_and_returns_the_header(self, worker: Worker) -> None:
        worker.wire.expect(WRITTEN)
        assert execute(creating(attrs={"rows": 7, "day": "2026-11-20"})) == RESULT
        call, payload = sent(worker)
        assert call == "create-object"
        assert payload["tagUpdates"] == [
            {"attrName": "rows", "value": {"integerValue": 7}},
            {"attrName": "day", "value": {"stringValue": "2026-11-20"}},
        ]
        assert payload["definition"]["custom"]["customData"] == "e30="

    @pytest.mark.parametrize("response", [LOST, reply(503), reply(200, b"no JSON")])
    def test_without_a_response_is_not_repeated(self, worker: Worker, response: Any) -> None:
        worker.wire.expect(response)
        with pytest.raises(PermanentError, match=r"may exist nevertheless.*Search for CUSTOM") as caught:
            execute(creating())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(worker.wire.sent) == 1

    def test_fails_without_a_retry_if_trac_rejects_it(self, worker: Worker) -> None:
        worker.wire.expect(rejected(400, "no such type"))
        with pytest.raises(PermanentError, match="no such type") as caught:
            execute(creating())
        assert isinstance(caught.value.error, BadRequestError)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"object_type": "MODEL"}, "object_type"),
            ({"definition": {}}, "definition"),
            ({"attrs": {"trac_x": 1}}, "trac_"),
            ({"attrs": {"x": None}}, r"attrs\['x'\]"),
            ({"tenant": "ACME-CORP"}, "tenant"),
            ({"trac_conn_id": ""}, "trac_conn_id"),
        ],
    )
    def test_invalid_arguments_are_not_sent(
        self, worker: Worker, arguments: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(PermanentError, match=named):
            execute(creating(**arguments))
        assert worker.wire.sent == []


class TestUpdate:
    @pytest.mark.parametrize("prior", [RESULT, RESULT["key"], header("CUSTOM", CUSTOM_ID, 2)])
    def test_accepts_the_result_of_another_task(self, worker: Worker, prior: Any) -> None:
        worker.wire.expect(WRITTEN)
        task = TracUpdateObjectOperator(
            task_id="t", object_type="CUSTOM", definition=CUSTOM, prior_version=prior
        )
        assert execute(task) == RESULT
        call, payload = sent(worker)
        assert call == "update-object"
        assert (payload["priorVersion"]["objectId"], payload["priorVersion"]["objectVersion"]) == (
            CUSTOM_ID,
            2,
        )

    def test_of_an_object_with_a_newer_version_is_a_conflict(self, worker: Worker) -> None:
        worker.wire.expect(rejected(412, "superseded object"))
        task = TracUpdateObjectOperator(
            task_id="t", object_type="CUSTOM", definition=CUSTOM, prior_version=RESULT
        )
        with pytest.raises(ConflictError):
            execute(task)

    def test_without_a_response_can_be_retried(self, worker: Worker) -> None:
        worker.wire.expect(LOST)
        task = TracUpdateObjectOperator(
            task_id="t", object_type="CUSTOM", definition=CUSTOM, prior_version=RESULT
        )
        with pytest.raises(TransportError):
            execute(task)


class TestTags:
    def test_the_latest_tag_is_read_before_the_update(self, worker: Worker) -> None:
        worker.wire.expect(reply(body=tag(header("CUSTOM", CUSTOM_ID, 2, tag=5), {})), WRITTEN)
        task = TracUpdateTagOperator(
            task_id="t",
            selector=RESULT,
            attrs={"approved": True},
            tag_updates=[{"operation": "DELETE_ATTR", "attrName": "draft"}],
        )
        assert execute(task) == RESULT
        payload = json.loads(worker.wire.sent[1].body)
        assert payload["priorVersion"]["tagVersion"] == 5
        assert payload["tagUpdates"] == [
            {"attrName": "approved", "value": {"booleanValue": True}},
            {"operation": "DELETE_ATTR", "attrName": "draft"},
        ]

    def test_the_tag_of_a_running_job_is_not_changed(self, worker: Worker) -> None:
        worker.wire.expect(reply(body=tag(header("JOB", JOB_ID), {}, trac_job_status="RUNNING")))
        with pytest.raises(ConflictError, match="RUNNING"):
            execute(TracUpdateTagOperator(task_id="t", selector=f"JOB-{JOB_ID}-v1", attrs={"a": 1}))
        assert len(worker.wire.sent) == 1


class TestBatch:
    TAGS: ClassVar[list[Any]] = [
        {"selector": {**header(version=3), "tagVersion": 1, "isLatestTag": None}, "attrs": {"approved": True}}
    ]

    def test_returns_the_headers_of_each_kind(self, worker: Worker) -> None:
        made = header("CUSTOM", CUSTOM_ID, 2)
        worker.wire.expect(reply(body={"createObjects": [made], "updateTags": [header(version=3)]}))
        creates = [{"object_type": "CUSTOM", "definition": CUSTOM}]
        result = execute(TracWriteBatchOperator(task_id="t", create_objects=creates, update_tags=self.TAGS))
        assert result["created"] == [RESULT]
        assert result["updated"] == []
        assert [one["key"] for one in result["tagged"]] == [f"DATA-{DATA_ID}-v3"]

    def test_sends_updates(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={"updateObjects": [header("CUSTOM", CUSTOM_ID, 2)]}))
        updates = [{"object_type": "CUSTOM", "definition": CUSTOM, "prior_version": RESULT}]
        result = execute(TracWriteBatchOperator(task_id="t", update_objects=updates))
        assert result == {"created": [], "updated": [RESULT], "tagged": []}
        assert sent(worker)[1]["updateObjects"][0]["priorVersion"]["objectVersion"] == 2

    def test_with_creations_is_not_repeated_without_a_response(self, worker: Worker) -> None:
        worker.wire.expect(LOST)
        creates = [{"object_type": "CUSTOM", "definition": CUSTOM}]
        with pytest.raises(PermanentError, match="may exist nevertheless"):
            execute(TracWriteBatchOperator(task_id="t", create_objects=creates))

    def test_without_creations_can_be_repeated(self, worker: Worker) -> None:
        worker.wire.expect(LOST)
        with pytest.raises(TransportError):
            execute(TracWriteBatchOperator(task_id="t", update_tags=self.TAGS))

    def test_can_be_retried_if_a_request_before_the_write_fails(self, worker: Worker) -> None:
        latest = [{"selector": f"DATA-{DATA_ID}", "attrs": {"approved": True}}]
        creates = [{"object_type": "CUSTOM", "definition": CUSTOM}]
        worker.wire.expect(*[reply(500)] * 20)
        with pytest.raises(ServerError):
            execute(TracWriteBatchOperator(task_id="t", create_objects=creates, update_tags=latest))
        assert all(request.url.endswith("read-object") for request in worker.wire.sent)

    def test_is_not_sent_if_it_is_empty(self, worker: Worker) -> None:
        with pytest.raises(
            PermanentError, match="create_objects, update_objects and update_tags must be given"
        ):
            execute(TracWriteBatchOperator(task_id="t"))


class TestReading:
    def test_an_object_has_its_attributes_and_its_definition(self, worker: Worker) -> None:
        there = tag(header("CUSTOM", CUSTOM_ID, 2), {"customSchemaVersion": 1}, rows=7, labels=["a", "b"])
        worker.wire.expect(reply(body=there))
        result = execute(TracReadObjectOperator(task_id="t", selector=f"CUSTOM-{CUSTOM_ID}"))
        assert result == {
            **RESULT,
            "attrs": {"rows": 7, "labels": ["a", "b"]},
            "definition": {"objectType": "CUSTOM", "custom": {"customSchemaVersion": 1}},
        }

    def test_a_search_returns_plain_dicts(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={"searchResult": [tag(header("CUSTOM", CUSTOM_ID, 2), rows=7)]}))
        result = execute(TracSearchOperator(task_id="t", object_type="CUSTOM", search=["rows", ">", 3]))
        assert result == [{**RESULT, "attrs": {"rows": 7}}]
        call, body = sent(worker)
        assert call == "search"
        assert body["search"]["term"]["operator"] == "GT"

    @pytest.mark.parametrize("search", [{}, [], ""])
    def test_an_empty_search_fails_the_task(self, worker: Worker, search: Any) -> None:
        with pytest.raises(PermanentError, match="search must not be empty"):
            execute(TracSearchOperator(task_id="t", object_type="CUSTOM", search=search))
        assert worker.wire.sent == []

    def test_a_search_can_return_prior_versions(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={}))
        task = TracSearchOperator(
            task_id="t",
            object_type="DATA",
            search_as_of="2001-01-01T00:00:00Z",
            prior_versions=True,
            prior_tags=True,
        )
        assert execute(task) == []
        assert {name: value for name, value in sent(worker)[1].items() if name != "objectType"} == {
            "searchAsOf": {"isoDatetime": "2001-01-01T00:00:00+00:00"},
            "priorVersions": True,
            "priorTags": True,
        }

    @pytest.mark.parametrize(("found", "warned"), [(SEARCH_LIMIT - 1, False), (SEARCH_LIMIT, True)])
    def test_a_search_with_the_maximum_of_results_logs_a_warning(
        self, worker: Worker, found: int, warned: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        worker.wire.expect(reply(body={"searchResult": [tag(header())] * found}))
        assert len(execute(TracSearchOperator(task_id="t", object_type="DATA"))) == found
        assert ("there may be more" in capsys.readouterr().out) is warned
