"""A gateway's list of tenants, and the first request that a call sends."""

from __future__ import annotations

from typing import Any

from tests.unit.fakes import reply

TENANTS = reply(body={"tenants": [{"tenantCode": "ACME_CORP"}]})


def first(exchange: Any) -> Any:
    return next(exchange)
