"""The fixtures of the Mill tests: the package and the sandbox know Mill while a test runs."""

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

    from pytest_mock import MockerFixture

    from dataops_sandbox import Sandbox


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
    """Return a bench on which a batch keeps running until the test ends it."""
    return MillBench(dataops_sandbox, Connections.installed(monkeypatch.setattr, BaseHook), "mill_default")


@pytest.fixture(autouse=True)
def links(mocker: MockerFixture) -> list[str]:
    """Return a list that receives each link that a task pushes to XCom."""
    return catch_links(mocker)
