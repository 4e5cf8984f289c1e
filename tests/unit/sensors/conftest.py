"""Airflow as a sensor sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.operators.stage import catch_links

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


@pytest.fixture(autouse=True)
def links(mocker: MockerFixture) -> list[str]:
    """Catch the links that are stored."""
    return catch_links(mocker)
