"""Strict pydantic models of requests and options: they convert no value, and reject unknown members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dataops_sandbox.messages import RefusedError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST = 100
"""Maximum length, in characters, of a wrong value that an error message quotes."""

Seconds = Annotated[float, Field(ge=0)]
"""A length of time in seconds; infinity is allowed."""


def _whole(text: str) -> int:
    # int() alone would also accept blanks, signs, underscores and non-ASCII digits.
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"must be a whole number, not {text!r}")
    return int(text)


Digits = Annotated[int, BeforeValidator(_whole)]
"""A whole number in a query string."""


class Rules(BaseModel):
    """Base of the strict models: frozen, without type conversion, without unknown members."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


RulesT = TypeVar("RulesT", bound=Rules)


def validate_options(rules: type[RulesT], values: object) -> RulesT:
    """Validate the options of a test or a control request, and return them as a model.

    :raises ValueError: if an option is wrong; the message names each wrong option and what it must be
    """
    try:
        return rules.model_validate(values)
    except ValidationError as error:
        known = ", ".join(field.alias or name for name, field in rules.model_fields.items())
        raise ValueError(f"{_describe(error)}; known: {known}") from error


def validate_request(rules: type[RulesT], values: object) -> RulesT:
    """Validate the values that a client sent, and return them as a model.

    :raises RefusedError: if a member is wrong; the message names each wrong member and what it must be
    """
    try:
        return rules.model_validate(values)
    except ValidationError as error:
        raise RefusedError(400, _describe(error)) from error


def _describe(error: ValidationError) -> str:
    return "; ".join(_describe_one(one) for one in error.errors(include_url=False))


def _describe_one(one: ErrorDetails) -> str:
    where = ".".join(str(part) for part in one["loc"]) or "the body"
    if one["type"] == "missing":
        return f"{where} is missing"
    if one["type"] == "extra_forbidden":
        return f"{where} is unknown"
    if one["type"] == "value_error":
        return f"{where}: {one['ctx']['error']}" if one["loc"] else str(one["ctx"]["error"])
    value = repr(one["input"])
    expected = "must be an object" if one["type"] in ("model_type", "dict_type") else one["msg"]
    return f"{where}: {expected}" + (f", not {value}" if len(value) <= _LONGEST else "")
