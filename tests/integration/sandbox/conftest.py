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
    """Return the sandbox's clock, which moves only when a test advances it."""
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> Iterator[Sandbox]:
    """Return a new sandbox for one test; a run takes 10 s of its clock."""
    with Sandbox(clock=clock, run_seconds=10) as serving:
        yield serving


@pytest.fixture
def quantemplate(sandbox: Sandbox) -> Iterator[QuantemplateClient]:
    """Return a client that has a token."""
    with QuantemplateClient(sandbox) as client:
        yield client


@pytest.fixture
def tamr(sandbox: Sandbox) -> Iterator[TamrClient]:
    """Return a client that has the API key."""
    with TamrClient(sandbox) as client:
        yield client


@pytest.fixture
def toucan(sandbox: Sandbox) -> Iterator[ToucanClient]:
    """Return a client that has user and password."""
    with ToucanClient(sandbox) as client:
        yield client


@pytest.fixture
def tailer(sandbox: Sandbox) -> Iterator[TailerClient]:
    """Return a client that has a token."""
    with TailerClient(sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def steady_tailer() -> Iterator[TailerClient]:
    """Return a client of a sandbox with one run, to check that refused requests change nothing."""
    with Sandbox(clock=ManualClock(), run_seconds=10) as serving, TailerClient(serving) as client:
        serving.tailer.start(TABLE["configuration_id"])
        yield client


@pytest.fixture
def trac(sandbox: Sandbox) -> Iterator[TracClient]:
    """Return a client with its own TCP connection."""
    with TracClient(sandbox) as client:
        yield client
