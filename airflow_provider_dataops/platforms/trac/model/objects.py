"""What TRAC answers, as plain Python: headers, tags, tenants, resources. Unknown fields are let through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.values import as_plain_json, from_wire, instant_text

if TYPE_CHECKING:
    from datetime import datetime

#: A search never returns more, and does not tell that it left any out.
SEARCH_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class TagHeader:
    """Which version of which object, and of its tag; the answer to each write.

    :param object_timestamp: when this version of the object was made.
    :param tag_timestamp: when this version of the tag was made; nothing else tells of a change of tags.
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

    @classmethod
    def from_json(cls, told: Any) -> TagHeader:
        """Read a header.

        :raises ValueError: if it lacks its type, id or versions.
        """
        return cls(
            object_type=_text(told, "objectType"),
            object_id=_text(told, "objectId"),
            object_version=_number(told, "objectVersion"),
            tag_version=_number(told, "tagVersion"),
            object_timestamp=_time(told.get("objectTimestamp")),
            tag_timestamp=_time(told.get("tagTimestamp")),
            is_latest_object=told.get("isLatestObject") is True,
            is_latest_tag=told.get("isLatestTag") is True,
        )


@dataclass(frozen=True, kw_only=True)
class Tag:
    """An object with its attributes.

    :param attrs: the attributes as Python values, by name.
    :param definition: the object itself in the platform's JSON; empty where a search found it.
    """

    header: TagHeader
    attrs: Mapping[str, Any]
    definition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def selector(self) -> Selector:
        """Points at exactly this version of the object and of its tag."""
        return self.header.selector

    @property
    def body(self) -> Mapping[str, Any]:
        """What the definition holds beside its type: the flow, the model, the job."""
        told = self.definition.get(self.header.object_type.lower())
        return told if isinstance(told, Mapping) else {}

    def as_json(self) -> dict[str, Any]:
        """Return the tag as JSON, with attributes as plain values: decimals, dates and times are texts."""
        told: dict[str, Any] = {"header": self.header.as_json(), "attrs": as_plain_json(self.attrs)}
        return {**told, "definition": dict(self.definition)} if self.definition else told

    @classmethod
    def from_json(cls, told: Any) -> Tag:
        """Read a tag.

        :raises ValueError: if it has no header, or an attribute cannot be read.
        """
        return cls(
            header=TagHeader.from_json(told["header"]),
            attrs={name: from_wire(value) for name, value in (told.get("attrs") or {}).items()},
            definition=told.get("definition") or {},
        )


@dataclass(frozen=True)
class SearchResult:
    """What a search found, without definitions, the newest tag first.

    :param possibly_more: the platform returned as many as it ever does, 100: there may be more, which only a
        narrower search finds.
    """

    tags: tuple[Tag, ...]

    @property
    def possibly_more(self) -> bool:
        """Whether the platform may have left some out."""
        return len(self.tags) >= SEARCH_LIMIT

    def __iter__(self) -> Iterator[Tag]:
        """Go through the tags."""
        return iter(self.tags)

    def __len__(self) -> int:
        """Return how many were found."""
        return len(self.tags)


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


@dataclass(frozen=True, kw_only=True)
class PlatformInfo:
    """What a platform says of itself.

    :param version: its release; what it can do depends on it.
    :param production: whether it calls itself a production environment.
    """

    version: str
    environment: str
    production: bool
    deployment_info: Mapping[str, str]

    @classmethod
    def from_json(cls, told: Any) -> PlatformInfo:
        """Read what a platform says of itself."""
        return cls(
            version=str(told["tracVersion"]),
            environment=str(told.get("environment") or ""),
            production=told.get("production") is True,
            deployment_info=dict(told.get("deploymentInfo") or {}),
        )


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A tenant that we may use."""

    code: str
    description: str

    @classmethod
    def from_json(cls, told: Any) -> Tenant:
        """Read a tenant."""
        return cls(code=str(told["tenantCode"]), description=str(told.get("description") or ""))


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A repository or storage of a tenant, as platforms up to 0.8 list them."""

    resource_type: str
    resource_key: str
    protocol: str
    properties: Mapping[str, str]

    @classmethod
    def from_json(cls, told: Any) -> Resource:
        """Read a resource."""
        return cls(
            resource_type=str(told.get("resourceType") or ""),
            resource_key=str(told["resourceKey"]),
            protocol=str(told.get("protocol") or ""),
            properties=dict(told.get("properties") or {}),
        )


@dataclass(frozen=True, kw_only=True)
class ConfigEntry:
    """An entry of a tenant's configuration, as platforms from 0.8 on list them.

    :param details: what it is about, in the platform's JSON: resource type, selector of the object behind it.
    """

    config_class: str
    config_key: str
    config_version: int
    timestamp: datetime | None
    is_latest: bool
    is_deleted: bool
    details: Mapping[str, Any]

    @classmethod
    def from_json(cls, told: Any) -> ConfigEntry:
        """Read an entry."""
        return cls(
            config_class=str(told.get("configClass") or ""),
            config_key=str(told["configKey"]),
            config_version=int(told.get("configVersion") or 0),
            timestamp=_time(told.get("configTimestamp")),
            is_latest=told.get("isLatestConfig") is True,
            is_deleted=told.get("configDeleted") is True,
            details=dict(told.get("details") or {}),
        )


def _text(told: Any, name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"a header without {name}")
    return value


def _number(told: Any, name: str) -> int:
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a header without {name}")
    return value


def _time(told: Any) -> datetime | None:
    return from_wire({"datetimeValue": told}) if told else None


def _time_json(moment: datetime | None) -> dict[str, str] | None:
    return {"isoDatetime": instant_text(moment)} if moment else None
