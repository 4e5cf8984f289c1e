"""Checks of arguments: what is rejected, and how the error names it."""

from __future__ import annotations

import math
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dataops.core.arguments import (
    require_boolean,
    require_choice,
    require_one,
    require_one_text,
    require_seconds,
    require_still_set,
    require_text,
    require_texts,
    require_time,
    require_whole,
    set_arguments,
    whole_number,
)
from airflow_provider_dataops.errors import InvalidArgumentError


def rejected(match: str) -> Any:
    return pytest.raises(InvalidArgumentError, match=match)


@pytest.mark.parametrize("value", [None, 7, b"x", "", "  ", ["x"]])
def test_a_text_must_not_be_blank(value: object) -> None:
    with rejected("source_id must be a non-empty text; given: "):
        require_text(source_id=value)


def test_a_text_that_cannot_be_sent_is_rejected() -> None:
    with rejected("filename has characters that cannot be sent"):
        require_text(filename="caf\udce9.csv")


def test_the_first_wrong_argument_is_named() -> None:
    with rejected("^second must be"):
        require_text(first="x", second="", third="")


@pytest.mark.parametrize("value", ["sales", b"sales", [], ["a", ""], ["a", 1], None, {"a": 1}])
def test_a_list_of_texts_must_contain_only_texts(value: object) -> None:
    with rejected("domains must be a list of one or more non-empty texts"):
        require_texts("domains", value)


def test_a_tuple_of_texts_becomes_a_list() -> None:
    assert require_texts("domains", ("a", "b")) == ["a", "b"]


def test_the_error_names_the_item_that_cannot_be_sent() -> None:
    with rejected(r"domains\[1\] has characters"):
        require_texts("domains", ["a", "\ud800"])


def test_the_error_names_the_allowed_values_of_a_choice() -> None:
    require_choice("stage", "production", ("staging", "production"))
    with rejected("stage must be 'staging' or 'production'; given: 'test'"):
        require_choice("stage", "test", ("staging", "production"))


@pytest.mark.parametrize("value", [0, 1, "True", "false", None])
def test_only_true_and_false_are_booleans(value: object) -> None:
    with rejected("durable must be True or False; given: "):
        require_boolean("durable", value)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1])
def test_a_whole_number_is_an_integer_from_the_minimum(value: object) -> None:
    with rejected("min_results must be a whole number of at least 0"):
        require_whole(min_results=value)


def test_a_whole_number_may_be_the_minimum() -> None:
    require_whole(1, min_results=1)
    with rejected("whole number of at least 1; given: 0"):
        require_whole(1, min_results=0)


def test_a_whole_number_may_be_a_rendered_text() -> None:
    assert whole_number("version", " 12 ") == whole_number("version", 12) == 12


@pytest.mark.parametrize("value", [True, "", "1.5", "-1", -1, "x", None])
def test_other_values_are_no_whole_numbers(value: object) -> None:
    with rejected("version must be a whole number of at least 0"):
        whole_number("version", value)


@pytest.mark.parametrize("value", [True, None, "7", 0, -1.0, math.nan, math.inf])
def test_a_time_is_a_finite_number_above_0(value: object) -> None:
    with rejected("deadline must be a number above 0"):
        require_time(deadline=value)


def test_a_time_that_is_too_large_for_a_float_is_accepted() -> None:
    require_time(deadline=10**400)


@pytest.mark.parametrize("value", [True, None, "7", 0, timedelta(0), timedelta(seconds=-1), 1e12, math.nan])
def test_seconds_are_above_0_and_bounded(value: object) -> None:
    with rejected("timeout must be seconds or a timedelta"):
        require_seconds("timeout", value)


def test_a_timedelta_becomes_seconds() -> None:
    assert require_seconds("timeout", timedelta(minutes=2)) == 120.0


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"source_id": None, "data_product_id": ""}, "none of them"),
        ({"source_id": "s", "data_product_id": "d"}, "source_id, data_product_id"),
    ],
)
def test_exactly_one_argument_is_required(arguments: dict[str, Any], given: str) -> None:
    with rejected(f"exactly one of source_id, data_product_id is needed; given: {given}"):
        require_one(**arguments)


def test_the_required_argument_must_be_a_text() -> None:
    require_one_text(source_id="s", data_product_id=None)
    with rejected("source_id must be a non-empty text; given: 7"):
        require_one_text(source_id=7, data_product_id=None)


def test_an_argument_whose_template_renders_to_none_is_rejected() -> None:
    operator = SimpleNamespace(account="{{ none }}", environment=None)
    names = set_arguments(operator, "account", "environment")
    require_still_set(operator, names)
    operator.account = None
    with rejected("account rendered to None"):
        require_still_set(operator, names)
