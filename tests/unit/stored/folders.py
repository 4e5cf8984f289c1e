"""The folders with samples. Each has the name of the release that wrote its formats first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.stored import events, published, records, triggers

HERE = Path(__file__).parent
COMMAND = "python -m tests.unit.stored.write"


def folders() -> list[Path]:
    """Return the folders, oldest release first."""
    return sorted((path for path in HERE.glob("[0-9]*") if path.is_dir()), key=_numbers)


def _numbers(folder: Path) -> list[int]:
    """Return the numbers of a version: 1.10.0 is newer than 1.9.0."""
    return [int(number) for number in folder.name.split(".")]


def samples(folder: Path) -> dict[str, Any]:
    """Return the samples of a folder, by the name of the file without its ending."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


def present() -> dict[str, Any]:
    """Return what the present code writes, by the name of the file without its ending."""
    written = {
        "triggers": triggers.triggers(),
        "marks": triggers.marks(),
        "records": records.records(),
        "fingerprints": records.fingerprints(),
        "run_events": events.run_events(),
        "condition_events": events.condition_events(),
        "deferrals": events.deferrals(),
        "published": published.published(),
        "links": published.links(),
    }
    # Airflow stores JSON, which has no tuples.
    read: dict[str, Any] = json.loads(json.dumps(written))
    return read


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Return the paths of the values that two samples do not share."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            found
            for name in sorted({*old, *new})
            for found in differences(old.get(name, ...), new.get(name, ...), f"{path}/{name}")
        ]
    return [] if old == new and type(old) is type(new) else [path]
