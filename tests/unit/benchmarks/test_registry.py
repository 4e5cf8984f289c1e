"""The names of the clients, and which of them can run here."""

from __future__ import annotations

import pytest

from benchmarks.triggers.adapter import Adapter
from benchmarks.triggers.registry import CLIENTS, OURS, PEERS, load, missing_distribution


@pytest.mark.parametrize("name", CLIENTS)
def test_each_name_has_an_adapter(name: str) -> None:
    adapter = load(name)
    assert adapter.trigger.startswith("airflow_provider_dataops." if name in OURS else "")
    assert bool(adapter.distribution) == (name in PEERS)


def test_another_adapter_is_found_by_its_path() -> None:
    assert isinstance(load("benchmarks.triggers.baselines.Idle"), Adapter)


def test_a_client_without_its_package_is_named_with_the_package() -> None:
    class Absent(Adapter):
        trigger = "no_such_package.triggers.Trigger"
        distribution = "no-such-package"

    assert missing_distribution(Absent()) == "no-such-package"
    assert missing_distribution(load("tamr")) is None
