"""An execution of Quantemplate for the responses in the tests."""

from __future__ import annotations

from typing import Any


def execution(**members: Any) -> dict[str, Any]:
    return {
        "id": "e-7",
        "runNumber": 7,
        "createdAt": "2026-11-20T10:00:00.000Z",
        "createdBy": "u-1",
        "version": 3,
        "status": "Started",
        **members,
    }
