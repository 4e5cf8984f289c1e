"""What TRAC's write calls do to its metadata store, once they are found right in themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import tags, versions
from dataops_sandbox.trac.errors import Code, ServiceError, bad_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from dataops_sandbox.trac.metadata import Found, Metadata


GENERATIONS = ("0.8", "0.10")
"""Releases of the platform that the sandbox can stand for; what differs is said where it does."""


def write(
    metadata: Metadata, tenant: str, requests: list[tuple[str, Mapping[str, Any]]], at: datetime
) -> list[dict[str, Any]]:
    """Make the writes of a call, all of them or none; give the headers in the order of the requests.

    :param requests: each with its method, ``createObject``, ``updateObject`` or ``updateTag``
    """
    with metadata.transaction():
        # What each write follows is read before the first of them: the header of a tag tells nothing of a
        # version that the same call makes.
        priors = [_prior(metadata, tenant, *one) for one in requests]
        latest = [prior is not None and prior.is_latest for prior in priors]
        headers = []
        for (method, request), prior, was_latest in zip(requests, priors, latest, strict=True):
            updates = request.get("tagUpdates", ())
            if prior is not None and method == "updateTag":
                found = metadata.add_tag(prior, tags.apply(updates, prior.tag.attrs), at)
            else:
                found = put(metadata, tenant, prior, request["definition"], updates, at)
            headers.append({**found.header(), **({"isLatestObject": True} if was_latest else {})})
        return headers


def _prior(metadata: Metadata, tenant: str, method: str, request: Mapping[str, Any]) -> Found | None:
    if method == "createObject":
        return None
    return metadata.find(tenant, request["priorVersion"], method.removeprefix("update").lower())


def put(
    metadata: Metadata,
    tenant: str,
    prior: Found | None,
    definition: dict[str, Any],
    updates: Iterable[Mapping[str, Any]],
    at: datetime,
    *,
    object_id: str | None = None,
    attrs: tags.Attrs | None = None,
    job: str | None = None,
) -> Found:
    """Write a new object, or a new version of one with the attributes of the prior tag.

    :param updates: the client's tag updates
    :param object_id: one that was given beforehand; ``None``: a new one
    :param attrs: what the platform tells of it, beyond what it tells of every object
    :param job: key of the job that makes it
    :raises ServiceError: if the prior version is not the newest one, or the new one may not follow it
    """
    if prior is not None:
        _refuse_superseded(prior, metadata.generation)
        versions.check(prior.version.definition, definition)
    told = {
        **(prior.tag.attrs if prior else {}),
        **tags.written(at, created=prior is None, job=job),
        **tags.derived(definition),
        **(attrs or {}),
    }
    return metadata.put(tenant, prior, definition, tags.apply(updates, told), at, object_id)


def _refuse_superseded(prior: Found, generation: str) -> None:
    record, version = prior.record, prior.version
    if prior.is_latest:
        return
    if generation == GENERATIONS[0]:
        raise ServiceError(
            Code.ALREADY_EXISTS,
            f"Prior version has been superseded for {record.object_type} [{record.object_id}] "
            f"(version = {version.number + 1})",
        )
    raise bad_state(
        f"Cannot create a new version from a superseded object: prior version [{version.number}] is not "
        f"the latest version of [{record.object_id}]"
    )
