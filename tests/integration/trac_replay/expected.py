"""What the sandbox answers otherwise than the real TRAC, and what the hook now sends otherwise."""

from __future__ import annotations

from typing import Any

EXCEPTIONS: dict[str, dict[str, str]] = {
    "meta": {},
    "data": {},
}
"""Steps that differ by recording, each with the reason."""

CHANGED: dict[str, dict[str, tuple[dict[str, Any], str]]] = {"meta": {}, "data": {}}
"""Steps whose recorded outcome no longer holds, since the hook was changed on purpose.

By recording and step: the outcome that is expected now, and the reason.
"""
