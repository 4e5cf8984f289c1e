"""Requests that the tests of the flow share, and how they run."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.core.http import Request, call
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import Answer, FakeClock, Play, play, reply
from tests.unit.platforms.apis import tamr

GET: Request[Any] = Request(
    operation="read it", method="GET", url="https://my-tenant.tamr.cloud/x", repeatable=True
)
POST: Request[Any] = Request(operation="start it", method="POST", url="https://my-tenant.tamr.cloud/x")
GOOD = reply(body={"fine": True})


def run(request: Request[Any], *answers: Answer, policy: RetryPolicy | None = None, api: Any = None) -> Play:
    clock = FakeClock()
    exchange = whole(call(request), api=api or tamr(), policy=policy or RetryPolicy(budget=100), clock=clock)
    return play(exchange, *answers, clock=clock)
