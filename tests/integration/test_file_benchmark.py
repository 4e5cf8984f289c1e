"""The benchmark of file transfers, with small files."""

from __future__ import annotations

import pytest

from benchmarks.files.clients import KINDS
from benchmarks.files.measure import run


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_each_transfer_is_measured(tls: bool) -> None:
    measured = run(mebibytes=2, clients=("ours", "requests"), rounds=1, tls=(tls,))
    assert [transfer["kind"] for transfer in measured["transfers"]] == list(KINDS)
    for transfer in measured["transfers"]:
        assert list(transfer["clients"]) == ["ours", "requests"]
        assert all(figures["rate"] > 0 for figures in transfer["clients"].values())
        assert list(transfer["ratios"]) == ["ours / fastest other Python"]
    assert measured["missing"] == []
