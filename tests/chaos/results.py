"""Makes the results of two tasks comparable: removes ids, times and names."""

from __future__ import annotations

import json
import re
from typing import Any

_DIFFERS = re.compile(
    r"\d{8}-\d{6}-[0-9a-f-]{36}"  # a Tailer run
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\b(?:job_|op-|e-|o-)\d+\b"
    r"|\d{4}-\d\d-\d\d[T ][0-9:.]+(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b\d+:\d\d:\d\d(?:\.\d+)?"  # the duration of a run
)


def shape(result: object, resource: str) -> Any:
    """Return a result with placeholders for ids, times and the resource."""
    text = json.dumps(result).replace(resource, "<resource>")
    return json.loads(_DIFFERS.sub("<differs>", text))
