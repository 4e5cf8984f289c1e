"""Operators that store and fetch files and datasets of TRAC."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import TransportError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.trac import (
    TracDownloadDatasetOperator,
    TracDownloadFileOperator,
    TracUploadDatasetOperator,
    TracUploadFileOperator,
)
from airflow_provider_dataops.platforms.trac import MAX_CONTENT
from tests.unit.fakes import reply
from tests.unit.operators.trac.calls import LOST, RESULT, SCHEMA, WRITTEN, execute, sent
from tests.unit.platforms.trac.payloads import DATA_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.hooks.worker import Worker


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.csv"
    path.write_bytes(b"id\nCL-1\n")
    return path


class TestUploads:
    def test_a_dataset_is_uploaded(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        task = TracUploadDatasetOperator(
            task_id="t", source=str(claims), schema=SCHEMA, attrs={"dataset_class": "claims"}
        )
        assert execute(task) == RESULT
        call, payload = sent(worker)
        assert call == "create-small-dataset"
        assert (payload["format"], payload["schema"]) == ("text/csv", SCHEMA)
        assert base64.b64decode(payload["content"]) == b"id\nCL-1\n"
        assert payload["tagUpdates"] == [{"attrName": "dataset_class", "value": {"stringValue": "claims"}}]

    def test_a_new_version_is_uploaded(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        task = TracUploadDatasetOperator(
            task_id="t", source=str(claims), schema=SCHEMA, prior_version=f"DATA-{DATA_ID}-v3"
        )
        execute(task)
        call, payload = sent(worker)
        assert (call, payload["priorVersion"]["objectVersion"]) == ("update-small-dataset", 3)

    def test_a_dataset_is_uploaded_with_an_existing_schema(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        schema = {"object_type": "SCHEMA", "key": f"SCHEMA-{DATA_ID}-v1"}
        task = TracUploadDatasetOperator(
            task_id="t", source=str(claims), schema_id=schema, format="text/tab-separated-values"
        )
        execute(task)
        payload = sent(worker)[1]
        assert (payload["schemaId"]["objectId"], payload["format"]) == (DATA_ID, "text/tab-separated-values")
        assert "schema" not in payload

    def test_a_file_is_uploaded(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        assert execute(TracUploadFileOperator(task_id="t", source=str(claims))) == RESULT
        call, payload = sent(worker)
        assert (call, payload["name"], payload["mimeType"]) == ("create-small-file", "claims.csv", "text/csv")
        assert base64.b64decode(payload["content"]) == b"id\nCL-1\n"

    def test_a_file_is_uploaded_with_another_name(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(WRITTEN)
        execute(TracUploadFileOperator(task_id="t", source=str(claims), name="c.bin", mime_type="a/b"))
        assert {k: v for k, v in sent(worker)[1].items() if k in ("name", "mimeType")} == {
            "name": "c.bin",
            "mimeType": "a/b",
        }

    @pytest.mark.parametrize("kind", ["file", "dataset"])
    def test_an_upload_without_a_response_is_not_repeated(
        self, worker: Worker, claims: Path, kind: str
    ) -> None:
        task: Any = TracUploadFileOperator(task_id="t", source=str(claims))
        if kind == "dataset":
            task = TracUploadDatasetOperator(task_id="t", source=str(claims), schema=SCHEMA)
        worker.wire.expect(LOST)
        with pytest.raises(PermanentError, match=f"the {kind} may exist nevertheless"):
            execute(task)

    def test_an_upload_of_a_new_version_can_be_repeated(self, worker: Worker, claims: Path) -> None:
        worker.wire.expect(LOST)
        task = TracUploadFileOperator(task_id="t", source=str(claims), prior_version=f"FILE-{DATA_ID}-v1")
        with pytest.raises(TransportError):
            execute(task)


def test_a_complete_download_leaves_only_the_file(worker: Worker, tmp_path: Path) -> None:
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


def test_the_latest_version_of_a_file_is_downloaded(worker: Worker, tmp_path: Path) -> None:
    worker.wire.expect(reply(200, b"%PDF"))
    file = {"object_type": "FILE", "key": f"FILE-{DATA_ID}"}
    execute(TracDownloadFileOperator(task_id="t", selector=file, destination=str(tmp_path / "r.pdf")))
    assert (tmp_path / "r.pdf").read_bytes() == b"%PDF"
    assert worker.wire.sent[0].url.endswith(f"/FILE/{DATA_ID}/versions/latest/file")


def test_a_failed_download_leaves_no_file(worker: Worker, tmp_path: Path) -> None:
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
