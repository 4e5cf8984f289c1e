"""Two commands run at the same time, and both must succeed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from devtools import side_by_side

if TYPE_CHECKING:
    from pathlib import Path


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(("first", "second", "expected"), [(0, 0, 0), (3, 0, 3), (0, 4, 4)])
def test_both_must_succeed(tmp_path: Path, first: int, second: int, expected: int) -> None:
    code = side_by_side.main(
        tmp_path / "log", command(f"raise SystemExit({first})"), command(f"raise SystemExit({second})")
    )
    assert code == expected


def test_the_output_of_the_first_comes_last(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # The first command waits for the second one, so they must run at the same time.
    met = tmp_path / "met"
    wait = f"import os, time\nwhile not os.path.exists({str(met)!r}): time.sleep(0.01)\nprint('first')"
    meet = f"print('second'); open({str(met)!r}, 'w').close()"
    assert side_by_side.main(tmp_path / "logs" / "log", command(wait), command(meet)) == 0
    assert capfd.readouterr().out.split() == ["second", "first"]
