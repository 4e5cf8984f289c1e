"""The bodies that Tamr's Jobs API takes, by the protobuf definition in the vendor's SDK, mapped to JSON."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from dataops_sandbox.rules import Rules


class _Message(Rules):
    model_config = ConfigDict(alias_generator=to_camel)

    @property
    def ids(self) -> dict[str, str]:
        """The ids that are set: in JSON mapped from protobuf an empty string is an unset member."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


class Load(_Message):
    """Load a source."""

    source_id: str = Field(min_length=1)


class Update(_Message):
    """Update a data product, or run a workflow."""

    data_product_id: str = ""
    workflow_id: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.data_product_id) == bool(self.workflow_id):
            raise ValueError("update takes dataProductId or workflowId, one of them")
        return self


class Publish(_Message):
    """Publish to a destination."""

    destination_id: str = Field(min_length=1)
    data_product_id: str = ""


class Configuration(Rules):
    """What a job does."""

    load: Load | None = None
    update: Update | None = None
    publish: Publish | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, members: Any) -> Any:
        if not isinstance(members, dict) or len(members) != 1 or None in members.values():
            raise ValueError("an object with exactly one of load, update, publish")
        return members

    @property
    def kind(self) -> str:
        """What sort of job it is."""
        return next(iter(self.model_fields_set))

    @property
    def ids(self) -> dict[str, str]:
        """The ids that are set."""
        message: Load | Update | Publish = getattr(self, self.kind)
        return message.ids


class NewJob(Rules):
    """The body of ``create job``."""

    configuration: Configuration


class Stop(Rules):
    """The body of ``stop job``: an empty object."""
