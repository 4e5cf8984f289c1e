"""Fixtures for the sensors: a Tamr tenant in memory, links, and pauses that take no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.operators.stage import catch_links

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


from airflow_provider_dataops.sensors.tamr import (
    TamrJobSensor,
    TamrJobSucceededSensor,
    TamrResourceIdleSensor,
)
from tests.unit.operators.stage import PAST, Hook, Tenant


@pytest.fixture(autouse=True)
def links(mocker: MockerFixture) -> list[str]:
    """Return a list that receives each link that a task stores."""
    return catch_links(mocker)


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """Let the Tamr sensors send their requests to a tenant with one running job."""
    fake = Tenant()
    configuration = {"load": {"sourceId": "s"}}
    past = [{"state": "PENDING", "stateStartTime": PAST}]
    running = {"state": "RUNNING", "stateStartTime": PAST}
    fake.jobs["j-1"] = {
        "jobId": "j-1",
        "configuration": configuration,
        "status": running,
        "statusHistory": past,
    }
    monkeypatch.setattr(TamrJobSensor, "make_hook", lambda _: Hook(fake, lambda _: None))
    monkeypatch.setattr(TamrResourceIdleSensor, "make_hook", lambda _: Hook(fake, lambda _: None))
    monkeypatch.setattr(TamrJobSucceededSensor, "make_hook", lambda _: Hook(fake, lambda _: None))
    return fake


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses that a sensor makes; they take no time."""
    taken: list[float] = []
    monkeypatch.setattr("airflow_provider_dataops.sensors.waits.time.sleep", taken.append)
    return taken
