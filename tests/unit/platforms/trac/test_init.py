"""The names that users import from the platform's package."""

from __future__ import annotations

import importlib

import pytest

from airflow_provider_dataops.platforms import trac

NAMES = (
    "BatchResult ConfigEntry JobPlan JobStatus PlatformInfo Resource SearchResult Selector SmallDataset "
    "SmallFile Tag TagHeader Tenant Value ValueType from_wire import_model plan"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_types_are_found_at_the_platform_and_at_its_model(name: str) -> None:
    model = importlib.import_module("airflow_provider_dataops.platforms.trac.model")
    assert getattr(trac, name) is getattr(model, name)
    assert name in model.__all__


def test_other_names_raise_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Selectors'"):
        _ = trac.Selectors
