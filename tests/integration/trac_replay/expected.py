"""What the sandbox answers otherwise than the real TRAC, and what the hook now does otherwise."""

from __future__ import annotations

from typing import Any

_NO_ARROW = (
    "the sandbox reads and writes CSV and JSON alone; Arrow files need a library that it does without, "
    "so it answers as the platform does to a format without a codec"
)

EXCEPTIONS: dict[str, dict[str, str]] = {
    "meta": {
        "platform_info": "the recorded one was a build of its own, 0.10.1-SNAPSHOT; the sandbox is 0.10.0",
        "search depth 30": (
            "the real database worked on this query until the gateway cut the connection after 10 s; "
            "the sandbox is done at once"
        ),
    },
    "data": {
        "dataset read as application/vnd.apache.arrow.file": _NO_ARROW,
        "dataset read as application/vnd.apache.arrow.stream": _NO_ARROW,
        "download data arrow_file": _NO_ARROW,
    },
}
"""Steps that differ, by recording and name, each with the reason; docs/sandbox.md has the same list."""

CHANGED: dict[str, dict[str, tuple[dict[str, Any], str]]] = {"meta": {}, "data": {}}
"""Steps whose recorded outcome no longer holds, since the hook was changed on purpose.

By recording and name: the outcome that is expected now, as the recordings have it, and the reason.
"""
