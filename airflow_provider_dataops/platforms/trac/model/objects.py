"""What TRAC answers, as plain Python: headers, tags, tenants, resources. Unknown fields are let through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.decode import UNREADABLE
from airflow_provider_dataops.core.json import Result
from airflow_provider_dataops.core.listing import Listed, read_entries
from airflow_provider_dataops.errors import DataOpsError, MalformedReplyError
from airflow_provider_dataops.platforms.trac.limits import SEARCH_LIMIT
from airflow_provider_dataops.platforms.trac.model.matching import difference
from airflow_provider_dataops.platforms.trac.model.primitives import as_plain_json, instant_text
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.values import from_wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_dataops.core.http import Reply
    from airflow_provider_dataops.core.json import JsonObject

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TagHeader:
    """Which version of which object, and of its tag; the answer to each write.

    :param object_timestamp: when this version of the object was made.
    :param tag_timestamp: when this version of the tag was made; nothing else shows a change of tags.
    """

    object_type: str
    object_id: str
    object_version: int
    tag_version: int
    object_timestamp: datetime | None = None
    tag_timestamp: datetime | None = None
    is_latest_object: bool = False
    is_latest_tag: bool = False

    @property
    def selector(self) -> Selector:
        """Points at exactly this version of the object and of its tag."""
        return Selector(
            object_type=self.object_type,
            object_id=self.object_id,
            object_version=self.object_version,
            tag_version=self.tag_version,
        )

    @property
    def key(self) -> str:
        """The object key: ``DATA-<uuid>-v3``."""
        return self.selector.key

    def as_json(self) -> dict[str, Any]:
        """Return the header in the platform's JSON; it can be given wherever a selector can."""
        return {
            "objectType": self.object_type,
            "objectId": self.object_id,
            "objectVersion": self.object_version,
            "objectTimestamp": _time_json(self.object_timestamp),
            "tagVersion": self.tag_version,
            "tagTimestamp": _time_json(self.tag_timestamp),
            "isLatestObject": self.is_latest_object,
            "isLatestTag": self.is_latest_tag,
        }

    def as_result(self) -> dict[str, Any]:
        """Return the header as a task returns it: plain JSON that templates can take apart."""
        return {
            "object_type": self.object_type,
            "object_id": self.object_id,
            "object_version": self.object_version,
            "tag_version": self.tag_version,
            "key": self.key,
            "object_timestamp": as_plain_json(self.object_timestamp),
            "tag_timestamp": as_plain_json(self.tag_timestamp),
        }

    @classmethod
    def from_json(cls, payload: Any) -> TagHeader:
        """Read a header.

        :raises ValueError: if it lacks its type, id or versions.
        """
        return cls(
            object_type=_required(payload, "objectType", str),
            object_id=_required(payload, "objectId", str),
            object_version=_required(payload, "objectVersion", int),
            tag_version=_required(payload, "tagVersion", int),
            object_timestamp=_time(payload.get("objectTimestamp")),
            tag_timestamp=_time(payload.get("tagTimestamp")),
            is_latest_object=payload.get("isLatestObject") is True,
            is_latest_tag=payload.get("isLatestTag") is True,
        )


@dataclass(frozen=True, kw_only=True)
class Tag:
    """An object with its attributes.

    :param attrs: the attributes as Python values, by name.
    :param definition: the object itself in the platform's JSON; empty where a search found it.
    """

    header: TagHeader
    attrs: JsonObject
    definition: JsonObject = field(default_factory=dict)

    @property
    def selector(self) -> Selector:
        """Points at exactly this version of the object and of its tag."""
        return self.header.selector

    @property
    def body(self) -> JsonObject:
        """What the definition holds beside its type: the flow, the model, the job."""
        body = self.definition.get(self.header.object_type.lower())
        return body if isinstance(body, Mapping) else {}

    def as_json(self) -> dict[str, Any]:
        """Return the tag as JSON, with attributes as plain values: decimals, dates and times are texts."""
        return self._with_header(header=self.header.as_json())

    def as_result(self) -> dict[str, Any]:
        """Return the tag as a task returns it: its header's result, ``attrs``, and any ``definition``.

        Attributes are plain values; decimals, dates and times are texts.
        """
        return self._with_header(**self.header.as_result())

    def _with_header(self, **header: Any) -> dict[str, Any]:
        tag = {**header, "attrs": as_plain_json(self.attrs)}
        return {**tag, "definition": dict(self.definition)} if self.definition else tag

    def differences(self, wanted: JsonObject) -> dict[str, str]:
        """Return which attributes do not have the values that somebody waits for.

        :param wanted: values as plain JSON, by the attribute's name.
        :return: by name how the attribute's type rules the value out; an empty text where it does not, as
            for an attribute that is missing.
        """
        found = {
            name: difference(self.attrs[name], value) if name in self.attrs else ""
            for name, value in wanted.items()
        }
        return {name: why for name, why in found.items() if why is not None}

    @classmethod
    def from_json(cls, payload: Any) -> Tag:
        """Read a tag.

        :raises ValueError: if it has no header, an attribute cannot be read, or its definition is no object.
        """
        definition = payload.get("definition") or {}
        if not isinstance(definition, Mapping):
            raise ValueError(f"a definition that is no object: {str(definition)[:100]}")
        return cls(
            header=TagHeader.from_json(payload["header"]),
            attrs={name: from_wire(value) for name, value in (payload.get("attrs") or {}).items()},
            definition=definition,
        )


@contextmanager
def reading(tag: Tag) -> Iterator[None]:
    """Take a definition apart. It was not when the tag was read: what it holds differs from type to type.

    :raises MalformedReplyError: if it is not as documented.
    """
    try:
        yield
    except DataOpsError:
        raise
    except UNREADABLE as error:
        raise MalformedReplyError(
            f"the definition of {tag.header.key} has an unknown shape: {error!r}", status=200
        ) from error


@dataclass(frozen=True)
class SearchResult:
    """What a search found, without definitions, the newest tag first."""

    tags: tuple[Tag, ...]

    @property
    def possibly_more(self) -> bool:
        """Whether the platform returned as many as it ever does, 100: a narrower search may find more."""
        return len(self.tags) >= SEARCH_LIMIT

    def __iter__(self) -> Iterator[Tag]:
        """Go through the tags."""
        return iter(self.tags)

    def __len__(self) -> int:
        """Return how many were found."""
        return len(self.tags)

    @classmethod
    def read(cls, reply: Reply) -> SearchResult:
        """Read what a search found.

        :raises MalformedReplyError: if any of it cannot be read.
        """
        return cls(tuple(read_found(reply, Tag.from_json).whole()))


def read_found(reply: Reply, parse: Callable[[JsonObject], T]) -> Listed[T]:
    """Return what a search found, as far as it can be read.

    :param parse: makes the value of a tag in the platform's JSON.
    """
    found = reply.members("searchResult").get("searchResult")
    if found is None:
        # A search that finds nothing leaves its only member out.
        reply.members(others=False)
    entries = () if found is None else reply.entries_of(found)
    return read_entries(reply, entries, ("header", "attrs"), parse)


def listed(payload: Any, name: str) -> list[Any]:
    """Return the list of an answer that holds nothing else. The platform leaves an empty one out.

    :raises ValueError: if the answer holds something else instead.
    """
    if name not in payload and payload:
        raise ValueError(f"an answer without {name}")
    return list(payload.get(name) or [])


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """The headers that a batch made, each list in the order of its request."""

    created: tuple[TagHeader, ...]
    updated: tuple[TagHeader, ...]
    tagged: tuple[TagHeader, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the headers in the platform's JSON."""
        return {
            "createObjects": [header.as_json() for header in self.created],
            "updateObjects": [header.as_json() for header in self.updated],
            "updateTags": [header.as_json() for header in self.tagged],
        }

    def as_result(self) -> dict[str, Any]:
        """Return the headers as a task returns them: ``created``, ``updated`` and ``tagged``."""
        return {name: [header.as_result() for header in headers] for name, headers in vars(self).items()}

    @classmethod
    def from_json(cls, payload: Any) -> BatchResult:
        """Read what a batch made."""

        def headers(name: str) -> tuple[TagHeader, ...]:
            return tuple(TagHeader.from_json(header) for header in payload.get(name) or [])

        if not any(payload.get(name) for name in ("createObjects", "updateObjects", "updateTags")):
            raise ValueError("an answer to a batch without a header")
        return cls(
            created=headers("createObjects"), updated=headers("updateObjects"), tagged=headers("updateTags")
        )


@dataclass(frozen=True, kw_only=True)
class PlatformInfo(Result):
    """What a platform says of itself.

    :param version: its release; what it can do depends on it.
    :param production: whether it calls itself a production environment.
    """

    version: str
    environment: str
    production: bool
    deployment_info: Mapping[str, str]

    @classmethod
    def from_json(cls, payload: Any) -> PlatformInfo:
        """Read what a platform says of itself."""
        return cls(
            version=str(payload["tracVersion"]),
            environment=_text(payload, "environment"),
            production=payload.get("production") is True,
            deployment_info=dict(payload.get("deploymentInfo") or {}),
        )


@dataclass(frozen=True, kw_only=True)
class Tenant(Result):
    """A tenant that we may use."""

    code: str
    description: str

    @classmethod
    def from_json(cls, payload: Any) -> Tenant:
        """Read a tenant."""
        return cls(code=str(payload["tenantCode"]), description=_text(payload, "description"))


@dataclass(frozen=True, kw_only=True)
class Resource(Result):
    """A repository or storage of a tenant, as platforms up to 0.8 list them."""

    resource_type: str
    resource_key: str
    protocol: str
    properties: Mapping[str, str]

    @classmethod
    def from_json(cls, payload: Any) -> Resource:
        """Read a resource."""
        return cls(
            resource_type=_text(payload, "resourceType"),
            resource_key=str(payload["resourceKey"]),
            protocol=_text(payload, "protocol"),
            properties=dict(payload.get("properties") or {}),
        )


@dataclass(frozen=True, kw_only=True)
class ConfigEntry(Result):
    """An entry of a tenant's configuration, as platforms from 0.8 on list them.

    :param details: what it is about, in the platform's JSON: resource type, selector of the object behind it.
    """

    config_class: str
    config_key: str
    config_version: int
    timestamp: datetime | None
    is_latest: bool
    is_deleted: bool
    details: JsonObject

    @classmethod
    def from_json(cls, payload: Any) -> ConfigEntry:
        """Read an entry."""
        return cls(
            config_class=_text(payload, "configClass"),
            config_key=str(payload["configKey"]),
            config_version=int(payload.get("configVersion") or 0),
            timestamp=_time(payload.get("configTimestamp")),
            is_latest=payload.get("isLatestConfig") is True,
            is_deleted=payload.get("configDeleted") is True,
            details=dict(payload.get("details") or {}),
        )


def _required(payload: Any, name: str, kind: type) -> Any:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, kind) or value == "":
        raise ValueError(f"a header without {name}")
    return value


def _text(payload: Any, name: str) -> str:
    return str(payload.get(name) or "")


def _time(payload: Any) -> datetime | None:
    return from_wire({"datetimeValue": payload}) if payload else None


def _time_json(moment: datetime | None) -> dict[str, str] | None:
    return {"isoDatetime": instant_text(moment)} if moment else None
