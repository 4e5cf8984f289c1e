"""What the operators send that write, read and find objects, and move files."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import requests

from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    BadRequestError,
    ConflictError,
    PermissionDeniedError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.trac import (
    TracCreateObjectOperator,
    TracDownloadDatasetOperator,
    TracDownloadFileOperator,
    TracReadObjectOperator,
    TracSearchOperator,
    TracUpdateObjectOperator,
    TracUpdateTagOperator,
    TracUploadDatasetOperator,
    TracUploadFileOperator,
    TracWriteBatchOperator,
)
from airflow_provider_dataops.operators.trac.base import TracOperator
from airflow_provider_dataops.platforms.trac import MAX_CONTENT, SEARCH_LIMIT
from tests.unit.fakes import reply
from tests.unit.hooks.worker import Worker
from tests.unit.operators.stage import Attempt
from tests.unit.platforms.trac.told import DATA_ID, JOB_ID, header, tag

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_dataops.operators.base import DataOpsOperator

CUSTOM_ID = "01a1fb70-c0a1-7bb2-ae6a-f79c5720de08"
CUSTOM = {"custom": {"customSchemaType": "acme_checkpoint", "customSchemaVersion": 1, "customData": b"{}"}}
RESULT = {
    "object_type": "CUSTOM",
    "object_id": CUSTOM_ID,
    "object_version": 2,
    "tag_version": 1,
    "key": f"CUSTOM-{CUSTOM_ID}-v2",
    "object_timestamp": "2026-11-20T10:00:00+00:00",
    "tag_timestamp": "2026-11-20T10:09:00+00:00",
}
WRITTEN = reply(body=header("CUSTOM", CUSTOM_ID, 2))
LOST = requests.ConnectionError("reset by peer")
SCHEMA = {"schemaType": "TABLE_SCHEMA", "table": {"fields": [{"fieldName": "id", "fieldType": "STRING"}]}}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Set up a machine on which operators pause without waiting."""
    there = Worker.set_up(monkeypatch)
    monkeypatch.setattr(TracOperator, "make_hook", lambda task: there.trac(task.trac_conn_id))
    return there


def execute(operator: DataOpsOperator) -> Any:
    return operator.execute(Attempt().context())


def sent(worker: Worker) -> tuple[str, Any]:
    """Return the only request: the last parts of its path, and its body."""
    [request] = worker.wire.sent
    return request.url.partition("/ACME_CORP/")[2], json.loads(request.body)


def creating(**arguments: Any) -> TracCreateObjectOperator:
    given = {"task_id": "t", "object_type": "CUSTOM", "definition": CUSTOM, **arguments}
    return TracCreateObjectOperator(**given)


def refused(status: int, words: str) -> Any:
    details = base64.b64encode(b"\x08\x09\x12" + bytes([len(words)]) + words.encode()).decode()
    return reply(status, headers={"trac-error-details-bin": details})


class TestCreation:
    def test_sends_plain_values_and_returns_the_header(self, worker: Worker) -> None:
        worker.wire.expect(WRITTEN)
        assert execute(creating(attrs={"rows": 7, "day": "2026-11-20"})) == RESULT
        call, told = sent(worker)
        assert call == "create-object"
        assert told["tagUpdates"] == [
            {"attrName": "rows", "value": {"integerValue": 7}},
            {"attrName": "day", "value": {"stringValue": "2026-11-20"}},
        ]
        assert told["definition"]["custom"]["customData"] == "e30="

    @pytest.mark.parametrize("answer", [LOST, reply(503), reply(200, b"no JSON")])
    def test_without_an_answer_is_not_repeated(self, worker: Worker, answer: Any) -> None:
        worker.wire.expect(answer)
        with pytest.raises(PermanentError, match=r"may exist nevertheless.*Search for CUSTOM") as caught:
            execute(creating())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(worker.wire.sent) == 1

    def test_that_is_refused_made_nothing(self, worker: Worker) -> None:
        worker.wire.expect(refused(400, "no such type"))
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
    def test_wrong_arguments_are_not_sent(
        self, worker: Worker, arguments: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(PermanentError, match=named):
            execute(creating(**arguments))
        assert worker.wire.sent == []


class TestUpdate:
    @pytest.mark.parametrize("prior", [RESULT, RESULT["key"], header("CUSTOM", CUSTOM_ID, 2)])
    def test_follows_what_another_task_returned(self, worker: Worker, prior: Any) -> None:
        worker.wire.expect(WRITTEN)
        task = TracUpdateObjectOperator(
            task_id="t", object_type="CUSTOM", definition=CUSTOM, prior_version=prior
        )
        assert execute(task) == RESULT
        call, told = sent(worker)
        assert call == "update-object"
        assert (told["priorVersion"]["objectId"], told["priorVersion"]["objectVersion"]) == (CUSTOM_ID, 2)

    def test_of_what_has_a_newer_version_is_a_conflict(self, worker: Worker) -> None:
        worker.wire.expect(refused(412, "superseded object"))
        task = TracUpdateObjectOperator(
            task_id="t", object_type="CUSTOM", definition=CUSTOM, prior_version=RESULT
        )
        with pytest.raises(ConflictError):
            execute(task)

    def test_without_an_answer_may_be_tried_again(self, worker: Worker) -> None:
        worker.wire.expect(LOST)
        task = TracUpdateObjectOperator(
            task_id="t", object_type="CUSTOM", definition=CUSTOM, prior_version=RESULT
        )
        with pytest.raises(TransportError):
            execute(task)


class TestTags:
    def test_of_the_latest_version_are_read_first(self, worker: Worker) -> None:
        worker.wire.expect(reply(body=tag(header("CUSTOM", CUSTOM_ID, 2, tag=5), {})), WRITTEN)
        task = TracUpdateTagOperator(
            task_id="t",
            selector=RESULT,
            attrs={"approved": True},
            tag_updates=[{"operation": "DELETE_ATTR", "attrName": "draft"}],
        )
        assert execute(task) == RESULT
        told = json.loads(worker.wire.sent[1].body)
        assert told["priorVersion"]["tagVersion"] == 5
        assert told["tagUpdates"] == [
            {"attrName": "approved", "value": {"booleanValue": True}},
            {"operation": "DELETE_ATTR", "attrName": "draft"},
        ]

    def test_of_a_job_that_runs_are_left_alone(self, worker: Worker) -> None:
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
        told = execute(TracWriteBatchOperator(task_id="t", create_objects=creates, update_tags=self.TAGS))
        assert told["created"] == [RESULT]
        assert told["updated"] == []
        assert [one["key"] for one in told["tagged"]] == [f"DATA-{DATA_ID}-v3"]

    def test_updates(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={"updateObjects": [header("CUSTOM", CUSTOM_ID, 2)]}))
        updates = [{"object_type": "CUSTOM", "definition": CUSTOM, "prior_version": RESULT}]
        told = execute(TracWriteBatchOperator(task_id="t", update_objects=updates))
        assert told == {"created": [], "updated": [RESULT], "tagged": []}
        assert sent(worker)[1]["updateObjects"][0]["priorVersion"]["objectVersion"] == 2

    def test_that_creates_is_not_repeated_without_an_answer(self, worker: Worker) -> None:
        worker.wire.expect(LOST)
        creates = [{"object_type": "CUSTOM", "definition": CUSTOM}]
        with pytest.raises(PermanentError, match="may exist nevertheless"):
            execute(TracWriteBatchOperator(task_id="t", create_objects=creates))

    def test_that_creates_nothing_may_be(self, worker: Worker) -> None:
        worker.wire.expect(LOST)
        with pytest.raises(TransportError):
            execute(TracWriteBatchOperator(task_id="t", update_tags=self.TAGS))

    def test_that_never_got_to_writing_wrote_nothing(self, worker: Worker) -> None:
        latest = [{"selector": f"DATA-{DATA_ID}", "attrs": {"approved": True}}]
        creates = [{"object_type": "CUSTOM", "definition": CUSTOM}]
        worker.wire.expect(*[reply(500)] * 20)
        with pytest.raises(ServerError):
            execute(TracWriteBatchOperator(task_id="t", create_objects=creates, update_tags=latest))
        assert all(request.url.endswith("read-object") for request in worker.wire.sent)

    def test_that_is_empty_is_not_sent(self, worker: Worker) -> None:
        with pytest.raises(
            PermanentError, match="create_objects, update_objects and update_tags must be given"
        ):
            execute(TracWriteBatchOperator(task_id="t"))


class TestReading:
    def test_an_object_comes_with_attributes_and_definition(self, worker: Worker) -> None:
        there = tag(header("CUSTOM", CUSTOM_ID, 2), {"customSchemaVersion": 1}, rows=7, labels=["a", "b"])
        worker.wire.expect(reply(body=there))
        told = execute(TracReadObjectOperator(task_id="t", selector=f"CUSTOM-{CUSTOM_ID}"))
        assert told == {
            **RESULT,
            "attrs": {"rows": 7, "labels": ["a", "b"]},
            "definition": {"objectType": "CUSTOM", "custom": {"customSchemaVersion": 1}},
        }

    def test_a_search_returns_plain_dicts(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={"searchResult": [tag(header("CUSTOM", CUSTOM_ID, 2), rows=7)]}))
        told = execute(TracSearchOperator(task_id="t", object_type="CUSTOM", search=["rows", ">", 3]))
        assert told == [{**RESULT, "attrs": {"rows": 7}}]
        call, body = sent(worker)
        assert call == "search"
        assert body["search"]["term"]["operator"] == "GT"

    @pytest.mark.parametrize("search", [{}, [], ""])
    def test_an_empty_search_is_not_one_for_all_objects(self, worker: Worker, search: Any) -> None:
        with pytest.raises(PermanentError, match="search must not be empty"):
            execute(TracSearchOperator(task_id="t", object_type="CUSTOM", search=search))
        assert worker.wire.sent == []

    def test_a_search_may_look_back(self, worker: Worker) -> None:
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
    def test_a_full_answer_is_warned_about(
        self, worker: Worker, found: int, warned: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        worker.wire.expect(reply(body={"searchResult": [tag(header())] * found}))
        assert len(execute(TracSearchOperator(task_id="t", object_type="DATA"))) == found
        assert ("there may be more" in capsys.readouterr().out) is warned


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.csv"
    path.write_bytes(b"id\nCL-1\n")
    return path


class TestUploads:
    def test_of_a_dataset(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        task = TracUploadDatasetOperator(
            task_id="t", source=str(claims), schema=SCHEMA, attrs={"dataset_class": "claims"}
        )
        assert execute(task) == RESULT
        call, told = sent(worker)
        assert call == "create-small-dataset"
        assert (told["format"], told["schema"]) == ("text/csv", SCHEMA)
        assert base64.b64decode(told["content"]) == b"id\nCL-1\n"
        assert told["tagUpdates"] == [{"attrName": "dataset_class", "value": {"stringValue": "claims"}}]

    def test_of_a_new_version(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        task = TracUploadDatasetOperator(
            task_id="t", source=str(claims), schema=SCHEMA, prior_version=f"DATA-{DATA_ID}-v3"
        )
        execute(task)
        call, told = sent(worker)
        assert (call, told["priorVersion"]["objectVersion"]) == ("update-small-dataset", 3)

    def test_of_a_dataset_by_a_schema_that_is_there(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        schema = {"object_type": "SCHEMA", "key": f"SCHEMA-{DATA_ID}-v1"}
        task = TracUploadDatasetOperator(
            task_id="t", source=str(claims), schema_id=schema, format="text/tab-separated-values"
        )
        execute(task)
        told = sent(worker)[1]
        assert (told["schemaId"]["objectId"], told["format"]) == (DATA_ID, "text/tab-separated-values")
        assert "schema" not in told

    def test_of_a_file(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        assert execute(TracUploadFileOperator(task_id="t", source=str(claims))) == RESULT
        call, told = sent(worker)
        assert (call, told["name"], told["mimeType"]) == ("create-small-file", "claims.csv", "text/csv")
        assert base64.b64decode(told["content"]) == b"id\nCL-1\n"

    def test_of_a_file_by_another_name(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        execute(TracUploadFileOperator(task_id="t", source=str(claims), name="c.bin", mime_type="a/b"))
        assert {k: v for k, v in sent(worker)[1].items() if k in ("name", "mimeType")} == {
            "name": "c.bin",
            "mimeType": "a/b",
        }

    @pytest.mark.parametrize("kind", ["file", "dataset"])
    def test_without_an_answer_are_not_repeated(self, worker: Worker, claims: Path, kind: str) -> None:
        task: Any = TracUploadFileOperator(task_id="t", source=str(claims))
        if kind == "dataset":
            task = TracUploadDatasetOperator(task_id="t", source=str(claims), schema=SCHEMA)
        worker.wire.expect(LOST)
        with pytest.raises(PermanentError, match=f"the {kind} may exist nevertheless"):
            execute(task)

    def test_of_a_new_version_may_be(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(LOST)
        task = TracUploadFileOperator(task_id="t", source=str(claims), prior_version=f"FILE-{DATA_ID}-v1")
        with pytest.raises(TransportError):
            execute(task)


def test_a_download_appears_when_it_is_complete(worker: Worker, tmp_path: Path) -> None:
    target = tmp_path / "new" / "reserves.csv"
    worker.wire.expect(reply(200, b"id,reserve\n"))
    task = TracDownloadDatasetOperator(task_id="t", selector=f"DATA-{DATA_ID}-v3", destination=str(target))
    assert execute(task) == str(target)
    assert target.read_bytes() == b"id,reserve\n"
    assert [path.name for path in target.parent.iterdir()] == ["reserves.csv"]
    assert worker.wire.sent[0].url.endswith(f"/DATA/{DATA_ID}/versions/3/data?format=csv")


def test_a_dataset_is_downloaded_in_another_format(worker: Worker, tmp_path: Path) -> None:
    worker.wire.expect(reply(200, b"ARROW1"))
    task = TracDownloadDatasetOperator(
        task_id="t", selector=f"DATA-{DATA_ID}", destination=str(tmp_path / "r.arrow"), format="arrow"
    )
    execute(task)
    assert worker.wire.sent[0].url.endswith("/data?format=arrow")


TENANTS: dict[type[Any], dict[str, Any]] = {
    TracCreateObjectOperator: {"object_type": "CUSTOM", "definition": CUSTOM},
    TracUpdateObjectOperator: {"object_type": "CUSTOM", "definition": CUSTOM, "prior_version": RESULT},
    TracUpdateTagOperator: {"selector": f"CUSTOM-{CUSTOM_ID}", "attrs": {"a": 1}},
    TracWriteBatchOperator: {"create_objects": [{"object_type": "CUSTOM", "definition": CUSTOM}]},
    TracReadObjectOperator: {"selector": RESULT},
    TracSearchOperator: {"object_type": "DATA"},
    TracUploadFileOperator: {"source": __file__},
    TracUploadDatasetOperator: {"source": __file__, "schema": SCHEMA, "format": "text/csv"},
    TracDownloadFileOperator: {"selector": f"FILE-{DATA_ID}"},
    TracDownloadDatasetOperator: {"selector": f"DATA-{DATA_ID}"},
}


@pytest.mark.parametrize("operator", TENANTS)
def test_each_works_in_the_tenant_and_with_the_connection_that_it_is_given(
    worker: Worker, operator: type[Any], tmp_path: Path
) -> None:
    worker.connections["other"] = {"host": "http://other:8080"}
    arguments = dict(TENANTS[operator])
    if operator in (TracDownloadFileOperator, TracDownloadDatasetOperator):
        arguments["destination"] = str(tmp_path / "file")
    worker.wire.expect(reply(403))
    with pytest.raises(PermissionDeniedError):
        execute(operator(task_id="t", tenant="OTHER_CO", trac_conn_id="other", **arguments))
    [request] = worker.wire.sent
    assert request.url.startswith("http://other:8080/")
    assert "/api/v1/OTHER_CO/" in request.url


def test_a_file_is_downloaded_in_its_latest_version(worker: Worker, tmp_path: Path) -> None:
    worker.wire.expect(reply(200, b"%PDF"))
    file = {"object_type": "FILE", "key": f"FILE-{DATA_ID}"}
    execute(TracDownloadFileOperator(task_id="t", selector=file, destination=str(tmp_path / "r.pdf")))
    assert (tmp_path / "r.pdf").read_bytes() == b"%PDF"
    assert worker.wire.sent[0].url.endswith(f"/FILE/{DATA_ID}/versions/latest/file")


def test_nothing_appears_where_a_download_fails(worker: Worker, tmp_path: Path) -> None:
    worker.wire.expect(reply(404))
    task = TracDownloadFileOperator(
        task_id="t", selector=f"FILE-{DATA_ID}", destination=str(tmp_path / "r.pdf")
    )
    with pytest.raises(Exception, match="404"):
        execute(task)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    contents = {
        "a.csv": b"id\n",
        "a.parquet": b"PAR1",
        "empty.csv": b"",
        "large.csv": b"x" * (MAX_CONTENT + 1),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in [*contents, "missing.csv"]}


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("missing.csv", {"schema": SCHEMA}, "is not a file"),
        ("empty.csv", {"schema": SCHEMA}, "is empty"),
        ("large.csv", {"schema": SCHEMA}, "the most that TRAC's gateway accepts over REST"),
        ("a.parquet", {"schema": SCHEMA}, "format must be given"),
        ("a.csv", {}, "schema, schema_id"),
        ("a.csv", {"schema": SCHEMA, "schema_id": f"SCHEMA-{DATA_ID}"}, "schema, schema_id"),
    ],
)
def test_datasets_that_cannot_be_stored_are_not_sent(
    worker: Worker, files: dict[str, str], name: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(PermanentError, match=named):
        execute(TracUploadDatasetOperator(task_id="t", source=files[name], **arguments))
    assert worker.wire.sent == []


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("large.csv", f"at most {MAX_CONTENT} bytes.*; given: {MAX_CONTENT + 1}"),
        ("missing.csv", "is not a file"),
    ],
)
def test_files_that_cannot_be_stored_are_not_sent(
    worker: Worker, files: dict[str, str], name: str, named: str
) -> None:
    with pytest.raises(PermanentError, match=named):
        execute(TracUploadFileOperator(task_id="t", source=files[name]))
    assert worker.wire.sent == []


@pytest.mark.parametrize("operator", [TracDownloadFileOperator, TracDownloadDatasetOperator])
def test_a_download_needs_a_destination(worker: Worker, operator: Any) -> None:
    worker.connections.clear()
    with pytest.raises(PermanentError, match="destination"):
        execute(operator(task_id="t", selector=f"FILE-{DATA_ID}", destination=""))
