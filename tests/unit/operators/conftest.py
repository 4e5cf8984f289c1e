"""Fixtures for one try of a task: platforms in memory, a clock, and the links that the task stores."""

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
    """Let the Tamr operators send their requests to a tenant in memory."""
    fake = Tenant()
    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda self: Hook(fake, self.pause))
    return fake


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Let the Quantemplate operators send their requests to pipelines in memory."""
    from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator

    fake = Pipeline()
    monkeypatch.setattr(
        QuantemplateExecutePipelineOperator,
        "make_hook",
        lambda self: Hook(fake, self.pause, quantemplate()),
    )
    return fake


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Replace the clock: a wait on a worker then takes no time."""
    fake = Time()
    monkeypatch.setattr(base, "time", fake)
    for name in ("monotonic", "wall", "random"):
        monkeypatch.setattr(SystemClock, name, getattr(fake, name))
    return fake


@pytest.fixture(autouse=True)
def links(mocker: MockerFixture) -> list[str]:
    """Return a list that receives each link that a task stores."""
    return catch_links(mocker)


@pytest.fixture
def kill_driver(tenant: Tenant, mocker: MockerFixture) -> Any:
    """Replace the driver that sends the stop request after a kill."""
    driver = mocker.patch("airflow_provider_dataops.transport.sync.SyncDriver")
    driver.return_value.run.side_effect = lambda exchange, policy: Hook(tenant, lambda _: None).run(exchange)
    return driver
