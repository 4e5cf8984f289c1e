"""Queries and bodies of Toucan's Operations API, from the vendor's guide and the vendor's own clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from dataops_sandbox.rules import Rules

Name = Annotated[str, Field(min_length=1)]

OperationName = Literal[
    "preprocess_data_sources",
    "populate_basemaps",
    "populate_reports",
    "populate_dashboards",
    "release",
    "populate_permissions",
    "release_design",
]

CHAIN: tuple[str, ...] = get_args(OperationName)[:5]
"""The operations that make up a complete update in the vendor's guide, in order."""


class Query(Rules):
    """The query parameters of all operations. A route in :mod:`.toucan.wire` lists those that it allows."""

    stage: Literal["staging"] | None = None
    """``staging``, or ``None`` for production."""
    validation: Literal["false"] | None = None
    """The vendor documents only the value ``false``."""
    release: Literal[""] | None = None
    """A flag: the parameter is present or absent, and never has a value."""


class Login(Rules):
    """The body of ``login``."""

    username: str
    password: str


class Work(Rules):
    """Base class of the bodies that start an operation."""

    output_domains: list[Name] = Field([])

    def operation_fields(self) -> dict[str, Any]:
        """Return the fields of :class:`.runs.Operation` that the request body sets."""
        sent = self.model_dump(by_alias=True, exclude_unset=True)
        selector = {name: sent.pop(name) for name in Selector.model_fields if name in sent}
        return {"operations": sent.pop("operations", ()), "selector": selector, "details": sent}


class OperationList(Work):
    """The body of ``run operations``."""

    operations: list[OperationName] = Field(min_length=1, strict=False)
    origin: Name = ""


class Selector(Work):
    """The body of ``populate``: the domains and functions to work on. An empty body means all of them."""

    input_domains: list[Name] = Field([])
    functions: list[Name] = Field([])


class Preprocess(Selector):
    """The body of ``preprocess``."""

    asynchronous: bool = Field(False, alias="async")
