"""The response to a request for the tenants."""

from __future__ import annotations

from tests.unit.fakes import reply

TENANTS = reply(body={"tenants": [{"tenantCode": "ACME_CORP"}]})
