"""The vendor's own client, toucan-client, works with the sandbox's Toucan without changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from toucan_client import ToucanClient

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox


@pytest.fixture
def app(dataops_sandbox: Sandbox) -> ToucanClient:
    fields = dataops_sandbox.toucan.connection()
    auth = (fields["login"], fields["password"])
    return ToucanClient(fields["host"], auth=auth, timeout=10)[fields["extra"]["small_app"]]


def test_it_reads_the_configuration(app: ToucanClient) -> None:
    answer = app.config.etl.get(stage="staging")
    assert answer.status_code == 200
    assert "DATA_SOURCES" in answer.json()


def test_it_uploads_preprocesses_and_releases(app: ToucanClient, dataops_sandbox: Sandbox) -> None:
    [source, *_] = app.config.etl.get().json()["DATA_SOURCES"]
    uploaded = app.data.sources.post(
        params={"validation": "false"},
        data={"data": json.dumps({"filename": source["file"]})},
        files={"file": ("local.csv", b"a,b\n1,2\n")},
    )
    assert uploaded.status_code == 200
    preprocessed = app.data.preprocess.post(stage="staging", json={"async": True})
    assert preprocessed.status_code == 200
    operations = {"origin": "autofeed", "operations": ["populate_reports", "release"]}
    started = app.operations.post(stage="staging", json=operations)
    operation_id = started.json()["operation_id"]
    assert app.operations.state[operation_id].get().json()["status"] in {"pending", "running", "successful"}
    dataops_sandbox.toucan.finish(operation_id)
    assert app.operations.state[operation_id].get().json()["status"] == "successful"
    assert dataops_sandbox.journal.refusals() == []
