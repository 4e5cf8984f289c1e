"""Which arguments the URI of a Quantemplate asset needs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dataops.assets.quantemplate import quantemplate_uri, sanitize_uri
from airflow_provider_dataops.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of dataset_id, pipeline_id is needed; given: none of them"),
        ({"dataset_id": "d", "pipeline_id": "p"}, "exactly one of dataset_id, pipeline_id is needed"),
        ({"pipeline_id": "p", "output_name": ""}, "output_name must be a non-empty text; given: ''"),
        ({"dataset_id": " "}, "dataset_id must be a non-empty text"),
        ({"dataset_id": "d", "output_name": "o"}, "output_name needs pipeline_id; given: dataset_id"),
        ({"dataset_id": "d", "organisation_id": ""}, "organisation_id must be a non-empty text"),
        ({"dataset_id": "d", "host": "a b"}, "host must be a host name"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        quantemplate_uri(**{"organisation_id": "c-1", **arguments})


def test_the_uri_of_a_pipeline_stands_for_its_executions() -> None:
    uri = quantemplate_uri(organisation_id="c-1", pipeline_id="p-1")
    assert uri == "quantemplate://fabric.prod.quantemplate.com/c-1/pipeline/p-1"
    assert sanitize_uri(urlsplit(uri)).geturl() == uri
