"""Queries and bodies of Tamr's Jobs API, from its reference and from the protobuf in the vendor's SDK."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from dataops_sandbox.rules import Digits, Rules


class _Message(Rules):
    model_config = ConfigDict(alias_generator=to_camel)


class Load(_Message):
    """Configuration of a job that loads a source."""

    source_id: str = Field(min_length=1)


class Update(_Message):
    """Configuration of a job that updates a data product, or runs a workflow."""

    data_product_id: str = ""
    workflow_id: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.data_product_id) == bool(self.workflow_id):
            raise ValueError("update takes either dataProductId or workflowId")
        return self


class Publish(_Message):
    """Configuration of a job that publishes to a destination."""

    destination_id: str = Field(min_length=1)
    data_product_id: str = ""


class Configuration(Rules):
    """What a job does: exactly one of load, update and publish."""

    load: Load | None = None
    update: Update | None = None
    publish: Publish | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, members: Any) -> Any:
        if not isinstance(members, dict) or len(members) != 1 or None in members.values():
            raise ValueError("must be an object with exactly one of load, update, publish")
        return members

    @property
    def kind(self) -> str:
        """The kind of the job: ``load``, ``update`` or ``publish``."""
        return next(iter(self.model_fields_set))

    @property
    def ids(self) -> dict[str, str]:
        """The ids in the configuration, by member name."""
        return self.as_json()[self.kind]

    def as_json(self, *, empty_ids: bool = False) -> dict[str, dict[str, str]]:
        """Return the configuration as the API shows it.

        :param empty_ids: whether ids that are not set appear as empty strings, as protobuf's JSON allows
        """
        return self.model_dump(by_alias=True, exclude_none=True, exclude_defaults=not empty_ids)


class NewJob(Rules):
    """The body of ``create job``."""

    configuration: Configuration


class Stop(Rules):
    """The body of ``stop job``: an empty object."""


class JobQuery(_Message):
    """The query of ``list jobs``: page, ids, kind of job, and filter."""

    page_size: Annotated[Digits, Field(le=30)] = 0
    """Maximum number of jobs in a page. 0 means the default, which is 10."""
    page_token: str = ""
    source_id: str = ""
    destination_id: str = ""
    data_product_id: str = ""
    workflow_id: str = ""
    job_type: Literal["JOB_TYPE_UNSPECIFIED", "JOB_TYPE_LOAD", "JOB_TYPE_UPDATE", "JOB_TYPE_PUBLISH"] = (
        "JOB_TYPE_UNSPECIFIED"
    )
    """The vendor's reference shows only the first value. The others follow protobuf's naming style."""
    filter: str = ""

    @property
    def ids(self) -> dict[str, str]:
        """The ids in the query, by parameter name."""
        others = {"page_size", "page_token", "job_type", "filter"}
        return self.model_dump(by_alias=True, exclude_defaults=True, exclude=others)
