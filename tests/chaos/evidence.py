"""Writes the runs and requests of the sandbox to files beside Airflow's logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dataops_sandbox import Sandbox


def keep(sandbox: Sandbox, folder: Path) -> None:
    """Write all runs to ``runs.json`` and all requests to ``requests.log``."""
    runs = [run.as_json() for run in sandbox.runs()]
    (folder / "runs.json").write_text(json.dumps(runs, indent=1, default=str))
    with (folder / "requests.log").open("w") as lines:
        for entry in sandbox.journal:
            at = datetime.fromtimestamp(entry.wall, tz=UTC).isoformat(timespec="milliseconds")
            end = entry.status or entry.outcome
            fault = f" fault {entry.fault}" if entry.fault else ""
            body = (entry.body or b"")[:300].decode(errors="replace")
            lines.write(f"{at} {entry.operation} {entry.method} {entry.path} -> {end}{fault} {body}\n")
