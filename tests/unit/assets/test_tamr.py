"""Which arguments the URI of a Tamr asset needs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.assets.tamr import tamr_uri
from airflow_provider_dataops.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of source_id, data_product_id, destination_id is needed"),
        ({"source_id": "s", "destination_id": "x"}, "exactly one of source_id"),
        ({"source_id": 3}, "source_id must be a non-empty text; given: 3"),
        ({"source_id": "s", "tenant": ""}, "tenant must be a non-empty text"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        tamr_uri(**{"tenant": "my-tenant", **arguments})
