"""What is written: changes of attributes, definitions, and the requests that hold them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import object_type, require_own_name
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.values import PRIMITIVES, as_wire, understood

DEFAULT_OPERATION = "CREATE_OR_REPLACE_ATTR"
OPERATIONS = (
    DEFAULT_OPERATION,
    "CREATE_OR_APPEND_ATTR",
    "CREATE_ATTR",
    "REPLACE_ATTR",
    "APPEND_ATTR",
    "DELETE_ATTR",
    "CLEAR_ALL_ATTR",
)
#: What clients may create and update; everything else appears through jobs and the data API.
WRITABLE = ("FLOW", "CUSTOM", "SCHEMA")


def tag_updates(
    attrs: Mapping[str, Any] | None,
    updates: Sequence[Mapping[str, Any]] | None = None,
    where: str = "attrs",
    listed: str = "tag_updates",
) -> list[dict[str, Any]] | None:
    """Return the tag updates to be sent; ``None`` where none were given.

    :param attrs: values by name; each attribute is created, or replaced.
    :param updates: further changes in their order, each ``{"operation": "APPEND_ATTR", "attrName": "labels",
        "value": "eod"}``; without an operation as ``attrs``.
    :param where: how the user calls ``attrs``, in errors.
    :param listed: how the user calls ``updates``.
    :raises InvalidArgumentError: for a reserved name, an operation that does not exist, a value that no
        attribute can have.
    """
    if attrs is None and updates is None:
        return None
    if attrs is not None and not isinstance(attrs, Mapping):
        raise InvalidArgumentError(f"{where} must be a dict of names and values; given: {attrs!r}")
    if updates is not None and not isinstance(updates, list | tuple):
        raise InvalidArgumentError(f"{listed} must be a list of changes; given: {updates!r}")
    told = [_set(name, value, where) for name, value in (attrs or {}).items()]
    return told + [_update(change, f"{listed}[{n}]") for n, change in enumerate(updates or ())]


def _set(name: str, value: object, where: str) -> dict[str, Any]:
    return {
        "attrName": require_own_name(f"a name in {where}", name),
        "value": _attribute(value, f"{where}[{name!r}]"),
    }


def _update(change: object, where: str) -> dict[str, Any]:
    if not isinstance(change, Mapping) or set(change) - {"operation", "attrName", "value"}:
        raise InvalidArgumentError(f"{where} may hold operation, attrName and value; given: {change!r}")
    operation = change.get("operation") or DEFAULT_OPERATION
    if operation not in OPERATIONS:
        raise InvalidArgumentError(
            f"{where}: operation must be one of {', '.join(OPERATIONS)}; given: {operation!r}"
        )
    name, value = change.get("attrName"), change.get("value")
    told: dict[str, Any] = {} if "operation" not in change else {"operation": operation}
    if operation == "CLEAR_ALL_ATTR":
        if name is not None or value is not None:
            raise InvalidArgumentError(f"{where}: CLEAR_ALL_ATTR takes neither attrName nor value")
        return told
    told["attrName"] = require_own_name(f"{where}: attrName", name)
    if operation == "DELETE_ATTR":
        if value is not None:
            raise InvalidArgumentError(f"{where}: DELETE_ATTR takes no value; given: {value!r}")
        return told
    told["value"] = _attribute(value, f"{where}: value")
    return told


def _attribute(value: object, where: str) -> dict[str, Any]:
    require_attribute(value, where)
    return as_wire(value, where=where)


def require_attribute(value: object, where: str) -> Any:
    """Return an attribute's value as plain Python: a primitive one, or a list of primitive ones.

    :raises InvalidArgumentError: if no attribute can have it.
    """
    plain, kind = understood(value, where)
    single = kind.item if kind.basic == "ARRAY" else kind
    if single is None or single.basic not in PRIMITIVES:
        raise InvalidArgumentError(f"{where} must be a primitive value or a list of such; given: {kind}")
    return plain


def object_definition(kind: str, definition: object) -> dict[str, Any]:
    """Return an object's definition to be sent.

    :param kind: the type of the object.
    :param definition: in the platform's JSON, ``{"custom": {...}}``, with ``objectType`` or without;
        ``customData`` may be bytes.
    :raises InvalidArgumentError: if clients cannot write that type, or it is no definition of it.
    """
    if kind not in WRITABLE:
        raise InvalidArgumentError(
            f"object_type must be one of {', '.join(WRITABLE)}: TRAC creates other objects through jobs and "
            f"uploads; given: {kind!r}"
        )
    member = kind.lower()
    if not isinstance(definition, Mapping) or not isinstance(definition.get(member), Mapping):
        raise InvalidArgumentError(f"definition must hold {member!r}; given: {definition!r}")
    if object_type(definition.get("objectType", kind), "definition: objectType") != kind:
        raise InvalidArgumentError(
            f"definition is of type {definition['objectType']!r}, object_type says {kind!r}"
        )
    unknown = set(definition) - {"objectType", "objectProps", member}
    if unknown:
        raise InvalidArgumentError(
            f"definition of a {kind} may hold {member!r} alone; given: {sorted(unknown)[0]!r}"
        )
    body = dict(definition[member])
    if kind == "CUSTOM":
        _check_custom(body)
    told = {"objectType": kind, member: body}
    return {**told, "objectProps": definition["objectProps"]} if definition.get("objectProps") else told


def _check_custom(body: dict[str, Any]) -> None:
    require_own_name("definition: customSchemaType", body.get("customSchemaType"))
    version = body.get("customSchemaVersion")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InvalidArgumentError(
            f"definition: customSchemaVersion must be a whole number from 1; given: {version!r}"
        )
    data = body.get("customData")
    if isinstance(data, bytes):
        data = body["customData"] = base64.b64encode(data).decode()
    try:
        there = isinstance(data, str) and base64.b64decode(data, validate=True)
    except binascii.Error:
        there = False
    if not there:
        raise InvalidArgumentError("definition: customData must be bytes, or base64 text, and not empty")


def fixed_prior(told: object, what: str = "prior_version") -> Selector:
    """Return the selector of the version that a new one follows.

    :raises InvalidArgumentError: if it does not say which: writing over "the latest" would lose what another
        did.
    """
    selector = Selector.of_prior(told, what)
    if not selector.is_fixed:
        raise InvalidArgumentError(
            f"{what} must say its object version, as the header of a read or write does; given: {told!r}"
        )
    return selector


def create_request(
    kind: str,
    definition: object,
    attrs: Mapping[str, Any] | None,
    updates: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Return the request that creates an object."""
    told: dict[str, Any] = {"objectType": kind, "definition": object_definition(kind, definition)}
    return with_updates(told, tag_updates(attrs, updates))


def update_request(
    kind: str,
    definition: object,
    prior_version: object,
    attrs: Mapping[str, Any] | None,
    updates: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Return the request that makes a new version of an object."""
    prior = fixed_prior(prior_version)
    if prior.object_type != kind:
        raise InvalidArgumentError(f"prior_version is a {prior.object_type}, object_type says {kind!r}")
    told = create_request(kind, definition, attrs, updates)
    return {**told, "priorVersion": prior.as_json()}


def tag_request(prior: Selector, changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the request that makes a new version of a tag; an empty list makes one, too."""
    return {"objectType": prior.object_type, "priorVersion": prior.as_json(), "tagUpdates": changes}


def with_updates(
    told: dict[str, Any], changes: list[dict[str, Any]] | None, name: str = "tagUpdates"
) -> dict[str, Any]:
    """Return a message with tag updates, where there are any."""
    return told if changes is None else {**told, name: changes}
