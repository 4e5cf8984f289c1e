from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import ManualClock, Sandbox
from tests.integration.sandbox.clients import QuantemplateClient, TamrClient
from tests.integration.sandbox.tailer_client import TABLE, TailerClient
from tests.integration.sandbox.toucan_client import ToucanClient
from tests.integration.sandbox.trac_client import TracClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> ManualClock:
    """Give the clock of the sandbox; it stands still until a test moves it."""
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> Iterator[Sandbox]:
    """Give a sandbox of the test's own, in which a run takes 10 s of its clock."""
    with Sandbox(clock=clock, run_seconds=10) as serving:
        yield serving


@pytest.fixture
def quantemplate(sandbox: Sandbox) -> Iterator[QuantemplateClient]:
    """Give a client that has a token."""
    with QuantemplateClient(sandbox) as client:
        yield client


@pytest.fixture
def tamr(sandbox: Sandbox) -> Iterator[TamrClient]:
    """Give a client that has the key."""
    with TamrClient(sandbox) as client:
        yield client


@pytest.fixture
def toucan(sandbox: Sandbox) -> Iterator[ToucanClient]:
    """Give a client that has user and password."""
    with ToucanClient(sandbox) as client:
        yield client


@pytest.fixture
def tailer(sandbox: Sandbox) -> Iterator[TailerClient]:
    """Give a client that has a token."""
    with TailerClient(sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def steady_tailer() -> Iterator[TailerClient]:
    """Give a client of a sandbox that has a run, for what must change nothing."""
    with Sandbox(clock=ManualClock(), run_seconds=10) as serving, TailerClient(serving) as client:
        serving.tailer.start(TABLE["configuration_id"])
        yield client


@pytest.fixture
def trac(sandbox: Sandbox) -> Iterator[TracClient]:
    """Give a client with a connection of its own."""
    with TracClient(sandbox) as client:
        yield client
