"""Which arguments are local paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_dataops.core.paths import local_path


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("/data/claims.csv", Path("/data/claims.csv")),
        ("claims.csv", Path("claims.csv")),
        ("~/claims.csv", Path.home() / "claims.csv"),
        ("file:///data/a%20b.csv", Path("/data/a b.csv")),
        ("file:///data/what?#1.csv", Path("/data/what?#1.csv")),
        ("s3://bucket/claims.csv", None),
    ],
)
def test_a_path_and_a_file_url_are_local(where: str, path: Path | None) -> None:
    assert local_path(where) == path
