"""Which arguments the URI of a Toucan asset needs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.assets.toucan import toucan_uri
from airflow_provider_dataops.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of domain, data_source is needed"),
        ({"domain": "d", "data_source": "s.csv"}, "exactly one of domain, data_source is needed"),
        ({"domain": "d", "stage": "production"}, "stage must be 'staging' or None; given: 'production'"),
        ({"domain": "d", "small_app": ""}, "small_app must be a non-empty text"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        toucan_uri(**{"host": "api-demo.toucantoco.com", "small_app": "app", **arguments})
