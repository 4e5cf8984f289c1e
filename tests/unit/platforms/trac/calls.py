"""Values that the tests of TRAC's requests share."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.platforms.trac.payloads import DATA_ID

CUSTOM_BODY = {"customSchemaType": "acme", "customSchemaVersion": 1, "customData": "QQ=="}
CUSTOM = {"custom": CUSTOM_BODY}
KEY = f"DATA-{DATA_ID}-v3"


def body(request: Any) -> Any:
    return json.loads(request.body.content)
