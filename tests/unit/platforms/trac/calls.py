"""Values that the tests of TRAC's requests share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.unit.fakes import content_of
from tests.unit.platforms.trac.payloads import DATA_ID

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Request

CUSTOM_BODY = {"customSchemaType": "acme", "customSchemaVersion": 1, "customData": "QQ=="}
CUSTOM = {"custom": CUSTOM_BODY}
KEY = f"DATA-{DATA_ID}-v3"


def body(request: Request[Any]) -> Any:
    return json.loads(content_of(request))
