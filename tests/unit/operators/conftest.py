"""A task's surroundings: a platform, a clock, and what Airflow is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.clock import SystemClock
from airflow_provider_dataops.operators import base
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Hook, Pipeline, Tenant, Time, catch_links
from tests.unit.platforms.apis import quantemplate

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """Put a tenant behind the Tamr operators."""
    there = Tenant()
    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda self: Hook(there, self.pause))
    return there


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Put pipelines behind the Quantemplate operators."""
    from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator

    there = Pipeline()
    monkeypatch.setattr(
        QuantemplateExecutePipelineOperator,
        "make_hook",
        lambda self: Hook(there, self.pause, quantemplate()),
    )
    return there


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Let no wait on a worker take time."""
    there = Time()
    monkeypatch.setattr(base, "time", there)
    for name in ("monotonic", "wall", "random"):
        monkeypatch.setattr(SystemClock, name, getattr(there, name))
    return there


@pytest.fixture(autouse=True)
def links(mocker: MockerFixture) -> list[str]:
    """Catch the links that are pushed."""
    return catch_links(mocker)


@pytest.fixture
def quick(tenant: Tenant, mocker: MockerFixture) -> Any:
    """Catch the driver that a kill makes for itself."""
    driver = mocker.patch("airflow_provider_dataops.operators.kill.SyncDriver")
    driver.return_value.run.side_effect = lambda exchange, policy: Hook(tenant, lambda _: None).run(exchange)
    return driver
