"""The figures and ratios of the benchmark of file transfers."""

from __future__ import annotations

import pytest

from benchmarks.files.clients import CLIENTS, Client, is_installed
from benchmarks.files.measure import compared
from benchmarks.files.report import section
from benchmarks.machine import describe


def sample(seconds: float, growth: float = 0.0) -> dict[str, float]:
    return {"seconds": seconds, "cpu": seconds / 2, "growth": growth, "server_cpu": seconds / 4}


def test_rates_are_medians_and_the_growth_is_the_most_of_all_rounds() -> None:
    figures = compared({"ours": [sample(1.0, 3.0), sample(4.0), sample(2.0, 1.0)]}, mebibytes=512)
    assert figures["clients"]["ours"] == pytest.approx(
        {"rate": 268.435456, "cpu": 2.0, "server_cpu": 1.0, "growth": 3.0}
    )
    assert figures["ratios"] == {}


def test_the_hook_is_compared_with_the_fastest_python_client_and_with_curl() -> None:
    samples = {
        "ours": [sample(2.0)],
        "requests": [sample(4.0)],
        "httpx": [sample(1.0)],
        "curl": [sample(0.5)],
    }
    assert compared(samples, mebibytes=1)["ratios"] == {
        "ours / fastest other Python": pytest.approx(0.5),
        "ours / curl": pytest.approx(0.25),
    }


def test_a_client_that_is_not_installed_is_known() -> None:
    assert not is_installed(Client("none", "no_such_package"))
    assert is_installed(CLIENTS[0])


def test_the_table_names_missing_packages_in_one_line() -> None:
    transfer = {"kind": "raw", "tls": True, **compared({"ours": [sample(1.0)], "curl": [sample(2.0)]}, 64)}
    measured = {
        "machine": describe(),
        "mebibytes": 64,
        "rounds": 1,
        "folder": "/dev/shm",
        "missing": ["a", "b"],
        "transfers": [transfer],
    }
    text = section(measured)
    assert "Not installed, so not measured: a, b.\n" in text
    assert "### Raw, with TLS\n" in text
    assert text.endswith("\n\nMB/s, ours / curl: 2.00.")
