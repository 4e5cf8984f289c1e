"""Mill on the sandbox, known to the package for as long as a test lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk import BaseHook

from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.triggers import guard
from tests.integration.bench.base import Connections
from tests.mill.bench.mill import MillBench
from tests.unit.operators.stage import catch_links

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import Sandbox
    from pytest_mock import MockerFixture


@pytest.fixture(autouse=True)
def _grafted(dataops_sandbox: Sandbox) -> Iterator[None]:
    with MillBench.mounted(dataops_sandbox):
        yield


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_INTERVAL", 0.05)
    monkeypatch.setattr(guard, "guard", lambda _: 0.0)


@pytest.fixture
def mill(_grafted: None, dataops_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> MillBench:
    """Give a mill whose batches go on until they are finished."""
    return MillBench(dataops_sandbox, Connections.installed(monkeypatch.setattr, BaseHook), "mill_default")


@pytest.fixture(autouse=True)
def links(mocker: MockerFixture) -> list[str]:
    """Catch the links that are pushed."""
    return catch_links(mocker)
