"""The names that TRAC accepts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import (
    MAX_NAME,
    object_type,
    require_attribute_name,
    require_identifier,
    require_own_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(StrEnum):
    DATA = "DATA"


@pytest.mark.parametrize("name", ["a", "_a", "A1_b", "x" * 300])
def test_an_identifier_is_accepted(name: str) -> None:
    assert require_identifier("the name", name) == name


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "é", "a\n", None, 5])
def test_an_invalid_identifier_raises_an_error_that_names_the_argument(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="the name"):
        require_identifier("the name", name)


@pytest.mark.parametrize("check", [require_own_name, require_attribute_name])
@pytest.mark.parametrize("name", ["trac_x", "TRAC_x", "tracdap_x", "_x"])
def test_names_that_trac_reserves_are_rejected(check: Callable[[str, object], str], name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        check("the name", name)


def test_an_attribute_name_has_a_maximum_length() -> None:
    assert require_attribute_name("the name", "x" * MAX_NAME)
    with pytest.raises(InvalidArgumentError, match=f"{MAX_NAME}"):
        require_attribute_name("the name", "x" * (MAX_NAME + 1))


def test_an_object_type_becomes_plain_text_in_upper_case() -> None:
    assert object_type("data") == "DATA"
    assert type(object_type(Kind.DATA)) is str
