"""TRAC's responses as plain Python: tag headers, tags, tenants, resources. Unknown fields are ignored."""

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
    from airflow_provider_dataops.core.listing import EntryCache

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TagHeader:
    """Identifies a version of an object and a version of its tag. TRAC returns a tag header for each write.

    :param object_timestamp: when this version of the object was created.
    :param tag_timestamp: when this version of the tag was created. A change of attributes changes this time,
        but not ``object_timestamp``.
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
        """The selector of this object version and this tag version, even if later versions exist."""
        return Selector(
            object_type=self.object_type,
            object_id=self.object_id,
            object_version=self.object_version,
            tag_version=self.tag_version,
        )

    @property
    def key(self) -> str:
        """The object key, ``DATA-<uuid>-v3`` for instance."""
        return self.selector.key

    def as_json(self) -> dict[str, Any]:
        """Return the tag header in TRAC's JSON. Arguments that accept a selector also accept this JSON."""
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
        """Return the tag header as the result of a task. It is JSON, and templates can read its fields."""
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
        """Return the tag header in a response.

        :raises ValueError: if the type, the id or a version is missing.
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
    :param definition: the object itself in TRAC's JSON. It is empty in the results of a search.
    """

    header: TagHeader
    attrs: JsonObject
    definition: JsonObject = field(default_factory=dict)

    @property
    def selector(self) -> Selector:
        """The selector of exactly this version of the object and of its tag."""
        return self.header.selector

    @property
    def body(self) -> JsonObject:
        """The part of the definition that depends on the type: the flow, the model or the job."""
        body = self.definition.get(self.header.object_type.lower())
        return body if isinstance(body, Mapping) else {}

    def as_json(self) -> dict[str, Any]:
        """Return the tag as JSON. Attributes are plain values; decimals, dates and times are texts."""
        return self._with_header(header=self.header.as_json())

    def as_result(self) -> dict[str, Any]:
        """Return the tag as the result of a task: the tag header's fields, ``attrs`` and ``definition``.

        Attributes are plain values; decimals, dates and times are texts. An empty definition is left out.
        """
        return self._with_header(**self.header.as_result())

    def _with_header(self, **header: Any) -> dict[str, Any]:
        tag = {**header, "attrs": as_plain_json(self.attrs)}
        return {**tag, "definition": dict(self.definition)} if self.definition else tag

    def differences(self, wanted: JsonObject) -> dict[str, str]:
        """Return the attributes that do not have the wanted values.

        :param wanted: values as plain JSON, by the attribute's name.
        :return: a text for each of these attributes, by name: an explanation if the wanted value does not
            fit the attribute's type, else an empty text.
        """
        found = {
            name: difference(self.attrs[name], value) if name in self.attrs else ""
            for name, value in wanted.items()
        }
        return {name: why for name, why in found.items() if why is not None}

    @classmethod
    def from_json(cls, payload: Any) -> Tag:
        """Return the tag in a response.

        :raises ValueError: if the tag header is missing, if an attribute cannot be read, or if the
            definition is not a JSON object.
        """
        definition = payload.get("definition") or {}
        if not isinstance(definition, Mapping):
            raise ValueError(f"the definition is not a JSON object: {str(definition)[:100]}")
        return cls(
            header=TagHeader.from_json(payload["header"]),
            attrs={name: from_wire(value) for name, value in (payload.get("attrs") or {}).items()},
            definition=definition,
        )


@contextmanager
def reading(tag: Tag) -> Iterator[None]:
    """Raise a ``MalformedReplyError`` if the ``with`` block cannot read the definition of an object.

    A definition is not validated when its tag is read, because each type of object has fields of its own.

    :raises MalformedReplyError: if the definition does not have the documented fields.
    """
    try:
        yield
    except DataOpsError:
        raise
    except UNREADABLE as error:
        raise MalformedReplyError(
            f"the definition of {tag.header.key} does not have the documented fields: {error!r}", status=200
        ) from error


@dataclass(frozen=True)
class SearchResult:
    """The objects that a search found, newest tag first. They have no definitions."""

    tags: tuple[Tag, ...]

    @property
    def possibly_more(self) -> bool:
        """Whether there may be more objects, because the search returned 100, the most that TRAC returns."""
        return len(self.tags) >= SEARCH_LIMIT

    def __iter__(self) -> Iterator[Tag]:
        """Return an iterator over the tags."""
        return iter(self.tags)

    def __len__(self) -> int:
        """Return the number of objects that were found."""
        return len(self.tags)

    @classmethod
    def read(cls, reply: Reply) -> SearchResult:
        """Return the objects in the response to a search.

        :raises MalformedReplyError: if one of them cannot be read.
        """
        return cls(tuple(read_found(reply, Tag.from_json).whole()))


def read_found(
    reply: Reply, parse: Callable[[JsonObject], T], cache: EntryCache[T] | None = None
) -> Listed[T]:
    """Return the objects in the response to a search. The result also lists unreadable objects.

    :param parse: converts an object in TRAC's JSON to its value in the result.
    :param cache: the values from earlier searches with the same ``parse``.
    """
    found = reply.members("searchResult").get("searchResult")
    if found is None:
        # If a search finds nothing, the response is an empty JSON object.
        reply.members(others=False)
    entries = () if found is None else reply.entries_of(found)
    return read_entries(reply, entries, ("header", "attrs"), parse, cache=cache)


def listed(payload: Any, name: str) -> list[Any]:
    """Return the list in a response. If the response is empty, so is the list: TRAC leaves out empty lists.

    :raises ValueError: if the response has other fields but not the list.
    """
    if name not in payload and payload:
        raise ValueError(f"the response has no {name}")
    return list(payload.get(name) or [])


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """The tag headers that TRAC returned for a batch. Each list has the same order as the request."""

    created: tuple[TagHeader, ...]
    updated: tuple[TagHeader, ...]
    tagged: tuple[TagHeader, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the tag headers in TRAC's JSON."""
        return {
            "createObjects": [header.as_json() for header in self.created],
            "updateObjects": [header.as_json() for header in self.updated],
            "updateTags": [header.as_json() for header in self.tagged],
        }

    def as_result(self) -> dict[str, Any]:
        """Return the tag headers as the result of a task: ``created``, ``updated`` and ``tagged``."""
        return {name: [header.as_result() for header in headers] for name, headers in vars(self).items()}

    @classmethod
    def from_json(cls, payload: Any) -> BatchResult:
        """Return the tag headers in the response to a batch.

        :raises ValueError: if the response contains no tag header, or if a tag header cannot be read.
        """

        def headers(name: str) -> tuple[TagHeader, ...]:
            return tuple(TagHeader.from_json(header) for header in payload.get(name) or [])

        if not any(payload.get(name) for name in ("createObjects", "updateObjects", "updateTags")):
            raise ValueError("the response to a batch contains no tag header")
        return cls(
            created=headers("createObjects"), updated=headers("updateObjects"), tagged=headers("updateTags")
        )


@dataclass(frozen=True, kw_only=True)
class PlatformInfo(Result):
    """The version and environment of a TRAC installation.

    :param version: the release of TRAC, ``0.9.1`` for instance. Some calls need a certain release.
    :param environment: the name of the environment.
    :param production: whether this is a production environment.
    :param deployment_info: further texts from the platform's configuration, by name.
    """

    version: str
    environment: str
    production: bool
    deployment_info: Mapping[str, str]

    @classmethod
    def from_json(cls, payload: Any) -> PlatformInfo:
        """Return the information in a response."""
        return cls(
            version=str(payload["tracVersion"]),
            environment=_text(payload, "environment"),
            production=payload.get("production") is True,
            deployment_info=dict(payload.get("deploymentInfo") or {}),
        )


@dataclass(frozen=True, kw_only=True)
class Tenant(Result):
    """A tenant that the connection's account may use."""

    code: str
    description: str

    @classmethod
    def from_json(cls, payload: Any) -> Tenant:
        """Return the tenant in a response."""
        return cls(code=str(payload["tenantCode"]), description=_text(payload, "description"))


@dataclass(frozen=True, kw_only=True)
class Resource(Result):
    """A model repository or storage of a tenant, as it appears in the lists of TRAC 0.8 and earlier."""

    resource_type: str
    resource_key: str
    protocol: str
    properties: Mapping[str, str]

    @classmethod
    def from_json(cls, payload: Any) -> Resource:
        """Return the resource in a response."""
        return cls(
            resource_type=_text(payload, "resourceType"),
            resource_key=str(payload["resourceKey"]),
            protocol=_text(payload, "protocol"),
            properties=dict(payload.get("properties") or {}),
        )


@dataclass(frozen=True, kw_only=True)
class ConfigEntry(Result):
    """An entry of a tenant's configuration, as it appears in the lists of TRAC 0.8 and later.

    :param config_class: the kind of entry, ``trac_resources`` for instance.
    :param details: the resource type and the selector of the entry's object, in TRAC's JSON.
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
        """Return the entry in a response."""
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
        raise ValueError(f"a tag header has no {name}")
    return value


def _text(payload: Any, name: str) -> str:
    return str(payload.get(name) or "")


def _time(payload: Any) -> datetime | None:
    return from_wire({"datetimeValue": payload}) if payload else None


def _time_json(moment: datetime | None) -> dict[str, str] | None:
    return {"isoDatetime": instant_text(moment)} if moment else None
