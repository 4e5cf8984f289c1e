"""The file with the figures, and the part of the page that is made from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.report import NAMES, PAGE, replaced
from benchmarks.triggers.report import section
from benchmarks.triggers.results import Results
from benchmarks.triggers.settings import Settings
from benchmarks.triggers.tables import figures_table

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = (
    "cpu_s cpu_share cpu_ms_per_poll requests connections lookups most_under_way lag_p99_ms lag_max_ms "
    "late_p50_s late_p99_s rss_kib_per_trigger failures unfinished server_cpu_share others_cpu"
)


def figures(client: str, n: int = 100, **more: Any) -> dict[str, Any]:
    return {"client": client, "n": n, **dict.fromkeys(FIGURES.split(), 1), **more}


class TestResults:
    def test_a_later_benchmark_adds_to_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "results" / "triggers.json"
        Results(path, Settings()).add(figures("floor"))
        # Another limit of the time is no other setting.
        later = Results(path, Settings(limit=9.0))
        later.add(figures("idle"))
        later.add(figures("floor", cpu_s=5))
        content = json.loads(path.read_text(encoding="utf-8"))
        assert [(row["client"], row["cpu_s"]) for row in content["rows"]] == [("floor", 5), ("idle", 1)]
        assert [ratio["client"] for ratio in content["ratios"]] == ["floor"]

    def test_figures_with_other_settings_are_not_mixed(self, tmp_path: Path) -> None:
        path = tmp_path / "triggers.json"
        Results(path, Settings()).add(figures("floor"))
        with pytest.raises(ValueError, match="with other settings; delete it"):
            Results(path, Settings(interval=1.0))

    def test_an_outage_is_read_back_as_it_was_written(self, tmp_path: Path) -> None:
        path = tmp_path / "triggers.json"
        settings = Settings(outage=(10.0, 8.0, "reset"))
        Results(path, settings).add(figures("floor"))
        assert len(Results(path, settings).rows) == 1


class TestPage:
    def test_each_number_of_triggers_has_its_tables(self, tmp_path: Path) -> None:
        path = tmp_path / "triggers.json"
        results = Results(path, Settings())
        for row in (figures("floor", 1000), figures("idle", 1000), figures("floor")):
            results.add(row)
        text = section(json.loads(path.read_text(encoding="utf-8")))
        first, second = text.index("#### 100 triggers"), text.index("#### 1,000 triggers")
        assert first < second
        assert "| idle |" not in text[first:second]
        assert "| idle |" in text[second:]

    def test_the_clients_of_this_package_are_the_first_rows(self) -> None:
        rows = [figures(client) for client in ("other.Adapter", "idle", "databricks", "trac")]
        lines = figures_table(rows).splitlines()[2:]
        assert [line.split(" | ")[0] for line in lines] == [
            "| trac",
            "| databricks",
            "| idle",
            "| other.Adapter",
        ]

    def test_only_the_text_between_the_markers_changes(self) -> None:
        page = "before\n<!-- begin: triggers -->\nold\n<!-- end: triggers -->\nafter\n"
        new = replaced(page, "triggers", "new \\1")
        assert new.startswith("before\n<!-- begin")
        assert new.endswith("end: triggers -->\nafter\n")
        assert "new \\1" in new
        assert "old" not in new

    def test_a_page_without_markers_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="the page must contain"):
            replaced("before", "files", "new")

    @pytest.mark.parametrize("name", NAMES)
    def test_the_page_has_the_markers(self, name: str) -> None:
        assert "same" in replaced(PAGE.read_text(encoding="utf-8"), name, "same")
