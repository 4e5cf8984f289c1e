"""Jobs of TRAC for the requests and responses in the tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.platforms.trac import import_model
from tests.unit.fakes import reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import JOB_ID

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.trac.runs import TracJobLaunch

PLAN = import_model(repository="r", entry_point="a.B", version="v1")
KEY = f"JOB-{JOB_ID}-v1"
TAG_PATH = f"/trac-meta/api/v1/ACME_CORP/JOB/{JOB_ID}/versions/1/tags/latest"


def launch(**given: Any) -> TracJobLaunch:
    return trac().launch(**{"tenant": "ACME_CORP", "job": PLAN, **given})


def body(request: Any) -> Any:
    return json.loads(request.body.content)


def hits(*tags: Any) -> Any:
    return reply(body={"searchResult": list(tags)} if tags else {})
