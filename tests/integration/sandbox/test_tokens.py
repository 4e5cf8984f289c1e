"""How all platforms read bearer tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from tests.integration.sandbox.clients import QuantemplateClient


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_name_of_the_scheme_is_case_insensitive(quantemplate: QuantemplateClient, scheme: str) -> None:
    token = quantemplate.headers["Authorization"].removeprefix("Bearer ")

    quantemplate.headers["Authorization"] = f"{scheme} {token}"
    assert quantemplate.dataset().status_code == 204


@pytest.mark.parametrize("header", ["Bearer ", "Bearers x", "Basic x", "x", ""])
def test_request_without_a_bearer_token_is_refused(
    sandbox: Sandbox, quantemplate: QuantemplateClient, header: str
) -> None:
    quantemplate.headers["Authorization"] = header

    assert quantemplate.dataset().status_code == 401
    assert "bearer" in (sandbox.journal.refusals()[-1].refused or "")
