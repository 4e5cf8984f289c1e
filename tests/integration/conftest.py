from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import BaseHook

from airflow_provider_dataops.core.clock import SystemClock
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.polling import feeds
from airflow_provider_dataops.transport import gate
from airflow_provider_dataops.triggers import guard, waits
from dataops_sandbox.pytest_plugin import (  # noqa: F401 - the sandbox's fixtures
    _dataops_sandbox_server,
    dataops_sandbox,
)
from tests.integration.bench.base import Bench, Connections
from tests.integration.bench.quantemplate import QuantemplateBench
from tests.integration.bench.tailer import TailerBench
from tests.integration.bench.tamr import TamrBench
from tests.integration.bench.toucan import ToucanBench
from tests.integration.bench.trac import TracBench
from tests.watchdog import _event_loop_is_left_free  # noqa: F401 - watches every test here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import Sandbox


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies and the certificates of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Make hooks and triggers read the connections that the test sets."""
    return Connections.installed(monkeypatch.setattr, BaseHook)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make triggers poll twenty times a second, and retry almost at once."""
    monkeypatch.setattr(progress, "FIRST_INTERVAL", 0.05)
    monkeypatch.setattr(progress, "FAILURE_FLOOR", 0.05)
    monkeypatch.setattr(progress, "backoff", lambda failures, **_: 0.01 * failures)
    monkeypatch.setattr(gate, "REFUSAL_PAUSE", 0.3)
    monkeypatch.setattr(feeds, "REFUSED_PAUSE", 0.05)
    monkeypatch.setattr(feeds, "UNUSABLE_PAUSE", 0.05)
    monkeypatch.setattr(guard, "guard", lambda _: 0.0)
    monkeypatch.setattr(SystemClock, "random", lambda _: 0.0)


@pytest.fixture
def task_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Airflow report that the task of a trigger has ended."""

    async def state(_: object) -> str:
        return "failed"

    monkeypatch.setattr(waits, "task_state", state)


@pytest.fixture
def tamr(dataops_sandbox: Sandbox, connections: Connections) -> TamrBench:  # noqa: F811
    return TamrBench(dataops_sandbox, connections)


@pytest.fixture
def quantemplate(dataops_sandbox: Sandbox, connections: Connections) -> QuantemplateBench:  # noqa: F811
    return QuantemplateBench(dataops_sandbox, connections)


@pytest.fixture
def toucan(dataops_sandbox: Sandbox, connections: Connections) -> ToucanBench:  # noqa: F811
    return ToucanBench(dataops_sandbox, connections)


@pytest.fixture
def trac(dataops_sandbox: Sandbox, connections: Connections) -> TracBench:  # noqa: F811
    return TracBench(dataops_sandbox, connections)


@pytest.fixture
def tailer(dataops_sandbox: Sandbox, connections: Connections) -> TailerBench:  # noqa: F811
    return TailerBench(dataops_sandbox, connections)


def benches() -> list[type[Bench]]:
    """Return the bench of each platform: each class with its own ``name`` in a folder ``bench`` of tests."""
    root = Path(__file__).parents[2]
    files = [path.relative_to(root).with_suffix("") for path in sorted(root.glob("tests/**/bench/*.py"))]
    return [
        cls
        for module in (import_module(".".join(file.parts)) for file in files)
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, Bench) and "name" in vars(cls)
    ]


@pytest.fixture(params=benches(), ids=lambda bench: bench.name)
def bench(
    request: pytest.FixtureRequest,
    dataops_sandbox: Sandbox,  # noqa: F811
    connections: Connections,
) -> Iterator[Bench]:
    with request.param.mounted(dataops_sandbox):
        yield request.param(dataops_sandbox, connections)
