"""TRAC's metadata store: objects, their versions, and the tags of each version."""

from __future__ import annotations

import secrets
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import definitions, values
from dataops_sandbox.trac.errors import Code, ServiceError, bad_state, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from dataops_sandbox.trac.values import Attrs

GENERATIONS = ("0.8", "0.10")
"""Releases of the platform that the sandbox can imitate."""


@dataclass
class TagRecord:
    """One stored tag: the attributes that an object version has from the tag's time on."""

    number: int
    at: datetime
    write: int
    """Number of the transaction that wrote the tag. Tags with the same time are sorted by this number."""
    place: int
    """Position of the tag among all tags of the platform, in the order of writing."""
    attrs: Attrs


@dataclass
class VersionRecord:
    """One stored version of an object, with its tags, oldest first."""

    number: int
    at: datetime
    definition: dict[str, Any]
    tags: list[TagRecord]


@dataclass
class ObjectRecord:
    """One stored object, with its versions, oldest first."""

    object_type: str
    object_id: str
    versions: list[VersionRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The result of a look-up: a tag, with the version and the object that it belongs to."""

    record: ObjectRecord
    version: VersionRecord
    tag: TagRecord

    @property
    def key(self) -> str:
        """Object key of the version, e.g. ``DATA-<id>-v1``; a job writes such keys to attributes."""
        return f"{self.record.object_type}-{self.record.object_id}-v{self.version.number}"

    @property
    def inner(self) -> Any:
        """The inner definition: the member that has the object's type as its name, e.g. ``file``."""
        return self.version.definition[self.record.object_type.lower()]

    @property
    def is_latest(self) -> bool:
        """Whether this is the latest version of the object."""
        return self.version is self.record.versions[-1]

    def header(self) -> dict[str, Any]:
        """Return the tag header: object type, id, versions and times. Leave out flags that are ``False``."""
        header = {
            **self.selector(),
            "objectTimestamp": {"isoDatetime": values.stamp(self.version.at)},
            "tagTimestamp": {"isoDatetime": values.stamp(self.tag.at)},
        }
        if self.is_latest:
            header["isLatestObject"] = True
        if self.tag is self.version.tags[-1]:
            header["isLatestTag"] = True
        return header

    def selector(self) -> dict[str, Any]:
        """Return the selector of exactly this tag."""
        record = self.record
        return selector_of(record.object_type, record.object_id, self.version.number, self.tag.number)

    def as_json(self, *, definition: bool = True) -> dict[str, Any]:
        """Return the tag, with or without the object's definition."""
        payload: dict[str, Any] = {"header": self.header(), "attrs": self.tag.attrs}
        if definition:
            payload["definition"] = self.version.definition
        return payload


def selector_of(object_type: str, object_id: str, version: int = 1, tag: int = 1) -> dict[str, Any]:
    """Return the selector of a tag; by default, the first tag of the object's first version."""
    return {
        "objectType": object_type,
        "objectId": object_id,
        "objectVersion": version,
        "tagVersion": tag,
    }


def new_id(at: datetime) -> str:
    """Return a new object id: a UUID of version 7, as on the platform. It begins with the time."""
    number = int(at.timestamp() * 1000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=number & ~(0x3 << 62) | 0x2 << 62))


class Metadata:
    """The stored objects of all tenants. Callers must hold the sandbox's lock."""

    def __init__(self, generation: str) -> None:
        self.generation = generation
        """Release of the platform."""
        self._objects: dict[str, dict[str, ObjectRecord]] = {}
        self._undo: list[Callable[[], object]] = []
        self._writes = 0
        self._places = count()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group the writes of a ``with`` block: if the block raises an error, undo all of them."""
        self._writes += 1
        try:
            yield
        except BaseException:
            for step in reversed(self._undo):
                step()
            raise
        finally:
            self._undo.clear()

    def objects(self, tenant: str, object_type: str) -> Iterator[ObjectRecord]:
        """Return the objects of one type, oldest first."""
        records = self._objects.get(tenant, {}).values()
        return (record for record in records if record.object_type == object_type)

    # Writing; the callers have validated the requests

    def write(
        self, tenant: str, requests: list[tuple[str, Mapping[str, Any]]], at: datetime
    ) -> list[dict[str, Any]]:
        """Execute the write requests of a call, and return their tag headers. If one fails, undo all.

        :param requests: pairs of a method (``createObject``, ``updateObject`` or ``updateTag``) and a request
        """
        with self.transaction():
            # Read all prior versions before the first write, as the platform does. So a version that the
            # call creates does not change ``isLatestObject`` in the other tag headers of the call.
            priors = [
                None
                if method == "createObject"
                else self.find(tenant, request["priorVersion"], method.removeprefix("update").lower())
                for method, request in requests
            ]
            latest = [prior and prior.is_latest for prior in priors]
            headers = []
            for (method, request), prior, was_latest in zip(requests, priors, latest, strict=True):
                updates = request.get("tagUpdates", ())
                if prior is not None and method == "updateTag":
                    found = self.add_tag(prior, values.apply(updates, prior.tag.attrs), at)
                else:
                    found = self.put(tenant, prior, request["definition"], updates, at)
                headers.append({**found.header(), **({"isLatestObject": True} if was_latest else {})})
            return headers

    def put(
        self,
        tenant: str,
        prior: Found | None,
        definition: dict[str, Any],
        updates: Iterable[Mapping[str, Any]],
        at: datetime,
        *,
        object_id: str = "",
        attrs: Attrs | None = None,
        job: str = "",
    ) -> Found:
        """Write a new object, or a new version. A new version also gets the attributes of the prior tag.

        :param prior: tag of the prior version; ``None``: create an object
        :param updates: the client's tag updates
        :param object_id: id of the new object; empty: generate one
        :param attrs: more attributes from the platform, beside the attributes that every object gets
        :param job: key of the job that writes the object; empty if a client writes it
        :raises ServiceError: if ``prior`` is not the latest version, or ``definition`` is not allowed
            for a new version of the object
        """
        if prior is not None:
            self._reject_superseded(prior)
            definitions.check_version(prior.version.definition, definition)
        all_attrs = {
            **(prior.tag.attrs if prior else {}),
            **values.written(at, created=prior is None, job=job),
            **values.derived(definition),
            **(attrs or {}),
        }
        tag = TagRecord(1, at, self._writes, next(self._places), values.apply(updates, all_attrs))
        if prior is None:
            record = ObjectRecord(definition["objectType"], object_id or new_id(at))
            objects = self._objects.setdefault(tenant, {})
            objects[record.object_id] = record
            self._undo.append(lambda: objects.pop(record.object_id))
        else:
            record = prior.record
            self._undo.append(record.versions.pop)
        version = VersionRecord(len(record.versions) + 1, at, definition, [tag])
        record.versions.append(version)
        return Found(record, version, tag)

    def _reject_superseded(self, prior: Found) -> None:
        record, number = prior.record, prior.version.number
        if prior.is_latest:
            return
        if self.generation == GENERATIONS[0]:
            raise ServiceError(
                Code.ALREADY_EXISTS,
                f"Prior version has been superseded for {record.object_type} [{record.object_id}] "
                f"(version = {number + 1})",
            )
        raise bad_state(
            f"Cannot create a new version from a superseded object: prior version [{number}] is not "
            f"the latest version of [{record.object_id}]"
        )

    def add_tag(self, prior: Found, attrs: Attrs, at: datetime) -> Found:
        """Write a new tag of an object version.

        :raises ServiceError: if ``prior`` is no longer the latest tag of the version
        """
        if prior.tag is not prior.version.tags[-1]:
            place = f"(version = {prior.version.number}, tag = {prior.tag.number + 1})"
            raise ServiceError(
                Code.ALREADY_EXISTS,
                f"Prior tag has been superseded for {prior.record.object_type} [{prior.record.object_id}] "
                f"{place}",
            )
        tag = TagRecord(prior.tag.number + 1, at, self._writes, next(self._places), attrs)
        prior.version.tags.append(tag)
        self._undo.append(prior.version.tags.pop)
        return Found(prior.record, prior.version, tag)

    # Reading

    def find(self, tenant: str, selector: Mapping[str, Any], prior: str = "") -> Found:
        """Return the tag that a valid selector selects.

        :param prior: for the error message: ``object`` if the caller adds a version, ``tag`` if it adds a tag
        :raises ServiceError: if there is no such tag, or the object's type is not the selector's type
        """
        name = f"{selector['objectType']} [{selector['objectId']}]"
        record = self._objects.get(tenant, {}).get(selector["objectId"])
        if record is not None and record.object_type != selector["objectType"]:
            raise bad_state(f"Metadata does not match the expected type for {name}")
        version = _choose(record.versions if record else [], selector, "object")
        tag = _choose(version.tags if version else [], selector, "tag")
        if record is None or version is None or tag is None:
            what = {"object": "Prior version", "tag": "Prior tag"}.get(prior, "Metadata")
            place = f"version = {_criterion(selector, 'object')}"
            if prior != "object":
                place += f", tag = {_criterion(selector, 'tag')}"
            raise not_found(f"{what} not found for {name} ({place})")
        return Found(record, version, tag)


def _choose(among: list[Any], selector: Mapping[str, Any], what: str) -> Any:
    number, as_of = selector.get(f"{what}Version"), selector.get(f"{what}AsOf")
    if number is not None:
        return among[number - 1] if number <= len(among) else None
    if as_of is not None:
        moment = values.read_datetime(as_of["isoDatetime"])
        among = [one for one in among if one.at <= moment]
    return among[-1] if among else None


def _criterion(selector: Mapping[str, Any], what: str) -> str:
    if f"{what}AsOf" in selector:
        return f"as-of {selector[f'{what}AsOf']['isoDatetime']}"
    return str(selector.get(f"{what}Version", "latest"))
