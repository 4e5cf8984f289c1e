"""What the sandbox takes and refuses, in pydantic's models: nothing is converted, nothing unknown passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dataops_sandbox.messages import RefusedError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST = 100
"""Letters up to which a wrong value is repeated in a refusal."""

Seconds = Annotated[float, Field(ge=0)]
"""A length of time; infinity is one, too."""


def _whole(text: str) -> int:
    # int() alone takes blanks, signs, underscores and the digits of all scripts.
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"a whole number, not {text!r}")
    return int(text)


Digits = Annotated[int, BeforeValidator(_whole)]
"""A whole number in a query string."""


class Rules(BaseModel):
    """A value that is what its fields say, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


RulesT = TypeVar("RulesT", bound=Rules)


def checked(rules: type[RulesT], values: object) -> RulesT:
    """Check what a test or a control request gives.

    :raises ValueError: naming each wrong member and what it may be
    """
    try:
        return rules.model_validate(values)
    except ValidationError as error:
        known = ", ".join(field.alias or name for name, field in rules.model_fields.items())
        raise ValueError(f"{_words(error)}; known: {known}") from error


def obeyed(rules: type[RulesT], values: object) -> RulesT:
    """Check what a client sends.

    :raises RefusedError: naming each wrong member and what it may be
    """
    try:
        return rules.model_validate(values)
    except ValidationError as error:
        raise RefusedError(400, _words(error)) from error


def _words(error: ValidationError) -> str:
    return "; ".join(_about(one) for one in error.errors(include_url=False))


def _about(one: ErrorDetails) -> str:
    where = ".".join(str(part) for part in one["loc"]) or "the body"
    if one["type"] == "missing":
        return f"{where} is missing"
    if one["type"] == "extra_forbidden":
        return f"{where} is unknown"
    if one["type"] == "value_error":
        return f"{where}: {one['ctx']['error']}" if one["loc"] else str(one["ctx"]["error"])
    given = repr(one["input"])
    asked = "an object" if one["type"] in ("model_type", "dict_type") else one["msg"]
    return f"{where}: {asked}" + (f", not {given}" if len(given) <= _LONGEST else "")
