"""The list of tests that need a newer Airflow names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.airflow_versions import NEEDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", NEEDS)
def test_each_name_is_that_of_a_folder_a_file_a_class_or_a_test(name: str) -> None:
    path, *parts = name.partition("[")[0].split("::")
    assert (ROOT / path).exists()
    for part in parts:
        assert re.search(rf"^ *(class|def) {part}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
