"""The simulated platform counts the requests that it receives, and fails as its plan says."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.triggers.registry import load
from benchmarks.triggers.server import Platform

PLAN = {"t0": 0.0, "shortest": 1.0, "longest": 2.0, "latency": 0.0, "n": 3}


class Request(SimpleNamespace):
    """A request as aiohttp passes it to a handler."""

    async def read(self) -> bytes:
        return bytes(self.body)


def send(platform: Platform, path: str, body: Any = None, method: str = "GET") -> Any:
    request: Any = Request(path=path, method=method, query={}, transport=None, body=json.dumps(body).encode())
    return asyncio.run(platform.handle(request))


def stats(platform: Platform) -> dict[str, Any]:
    counters: dict[str, Any] = json.loads(send(platform, "/_bench/stats").body)
    return counters


@pytest.fixture
def platform() -> Platform:
    platform = Platform(load("toucan"))
    send(platform, "/_bench/plan", PLAN)
    return platform


def test_polls_and_logins_are_counted_apart(platform: Platform) -> None:
    send(platform, "/login", method="POST")
    send(platform, "/product-corporation/operations/state/000000000000000000000001")
    counted = stats(platform)
    assert (counted["requests"], counted["polls"], counted["answers"]) == (2, 1, 1)
    assert counted["kinds"] == {"token": 1, "job": 1}
    assert counted["by_status"] == {"200": 2}


def test_the_connection_of_the_harness_itself_is_not_counted(platform: Platform) -> None:
    platform.connections = 3
    assert stats(platform)["connections"] == 2


def test_an_unknown_route_is_a_404_and_no_poll(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(platform, "/elsewhere").status == 404
    assert stats(platform)["polls"] == 0
    assert "no such route: GET /elsewhere" in capsys.readouterr().err


def test_a_new_plan_resets_the_counters(platform: Platform) -> None:
    send(platform, "/login", method="POST")
    send(platform, "/_bench/plan", PLAN)
    assert stats(platform)["requests"] == 0


def test_a_share_of_the_polls_fails_but_no_login(platform: Platform) -> None:
    send(platform, "/_bench/plan", PLAN | {"error_rate": 1.0, "error_status": 429})
    assert send(platform, "/login", method="POST").status == 200
    response = send(platform, "/product-corporation/operations/state/000000000000000000000001")
    assert response.status == 429
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(("start", "status"), [(0.0, 502), (1e12, 200)])
def test_an_outage_has_a_beginning_and_an_end(platform: Platform, start: float, status: int) -> None:
    send(platform, "/_bench/plan", PLAN | {"outage": [start, 1e11, 502]})
    response = send(platform, "/product-corporation/operations/state/000000000000000000000001")
    assert response.status == status
