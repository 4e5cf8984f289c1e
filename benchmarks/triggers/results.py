"""The file with the figures of a benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.machine import describe
from benchmarks.triggers.figures import ratios
from benchmarks.triggers.registry import PEERS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.triggers.figures import Row
    from benchmarks.triggers.settings import Settings


class Results:
    """The rows of a benchmark, with the machine and the settings.

    :param path: the file; ``None`` keeps the rows in memory only. If the file exists, new rows are added to
        its rows. A new row replaces an older row of the same client and number of triggers.
    :raises ValueError: if the rows in the file were measured with other settings, or on another machine.
    """

    def __init__(self, path: Path | None, settings: Settings) -> None:
        self._path = path
        # The limit only ends runs that would take too long.
        fixed = {name: value for name, value in asdict(settings).items() if name != "limit"}
        # As JSON reads it back: with lists in place of tuples.
        self._header: dict[str, Any] = json.loads(json.dumps({"machine": describe(), "settings": fixed}))
        self._rows: dict[tuple[str, int], Row] = {}
        if path is not None and path.exists():
            earlier = json.loads(path.read_text(encoding="utf-8"))
            if any(earlier[name] != value for name, value in self._header.items()):
                raise ValueError(
                    f"{path} has figures of another machine or with other settings; delete it, or choose "
                    "another file"
                )
            for one in earlier["rows"]:
                self._rows[one["client"], one["n"]] = one

    @property
    def rows(self) -> list[Row]:
        """The rows, the earliest first."""
        return list(self._rows.values())

    def add(self, row: Row) -> None:
        """Add a row, and write the file."""
        self._rows[row["client"], row["n"]] = row
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = {**self._header, "ratios": ratios(self.rows, PEERS), "rows": self.rows}
            members = [f"{json.dumps(name)}: {_text(value)}" for name, value in content.items()]
            self._path.write_text("{\n" + ",\n".join(members) + "\n}\n", encoding="utf-8")


def _text(value: Any) -> str:
    """Return JSON with one line for each entry of a list, so that a diff shows which rows have changed."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    return json.dumps(value)
