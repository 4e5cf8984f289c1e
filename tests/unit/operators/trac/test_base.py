"""The tenant and the connection of each TRAC operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import PermissionDeniedError
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
from tests.unit.fakes import reply
from tests.unit.operators.trac.calls import CUSTOM, CUSTOM_ID, RESULT, SCHEMA, execute
from tests.unit.platforms.trac.payloads import DATA_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.hooks.worker import Worker


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
def test_each_operator_uses_the_given_tenant_and_connection(
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
