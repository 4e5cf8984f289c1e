"""The command that writes the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.stored import write
from tests.unit.stored.folders import present, samples

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "# Changelog\n\n## [1.1.0] - unreleased\n\n## [1.0.0] - 2027-01-31\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the command write to a temporary folder."""
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(TEXT)
    monkeypatch.setattr(write, "CHANGELOG", changelog)
    monkeypatch.setattr(write, "HERE", tmp_path)
    return tmp_path


def test_writes_what_the_tests_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "__version__", "1.1.0")
    (root / "1.1.0").mkdir()
    (root / "1.1.0" / "of_an_earlier_draft.json").write_text("{}")
    assert write.main() == 0
    assert samples(root / "1.1.0") == present()


def test_does_not_write_for_a_released_version(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(write, "__version__", "1.0.0")
    assert write.main() == 1
    assert not (root / "1.0.0").exists()
    assert "1.0.0 is released, so its samples must not change" in capsys.readouterr().err


def test_needs_a_heading_in_the_changelog() -> None:
    with pytest.raises(ValueError, match=r"no heading '## \[2\.0\.0\] - unreleased'"):
        write.is_released("2.0.0", TEXT)
