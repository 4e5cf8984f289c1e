"""What is written: changes of attributes, definitions, and the requests that hold them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_dataops.core.arguments import require_whole
from airflow_provider_dataops.core.json import JsonObject, present
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.limits import MAX_DIGITS, MAX_PLACES, MAX_TEXT
from airflow_provider_dataops.platforms.trac.model.names import object_type as checked_type
from airflow_provider_dataops.platforms.trac.model.names import (
    require_attribute_name,
    require_identifier,
    require_own_name,
)
from airflow_provider_dataops.platforms.trac.model.primitives import PRIMITIVES, as_plain_json
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.values import as_wire, understood

#: Changes of attributes, in their order.
TagUpdates = Sequence[JsonObject]

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


def read_updates(
    attrs: JsonObject | None,
    updates: TagUpdates | None = None,
    where: str = "attrs",
    listed: str = "tag_updates",
) -> list[dict[str, Any]] | None:
    """Return the tag updates to be sent, ``None`` if both arguments are.

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
    return [
        *(
            {
                "attrName": require_attribute_name(f"a name in {where}", name),
                "value": _attribute(value, f"{where}[{name!r}]"),
            }
            for name, value in (attrs or {}).items()
        ),
        *(_update(change, f"{listed}[{n}]") for n, change in enumerate(updates or ())),
    ]


def _update(change: object, where: str) -> dict[str, Any]:
    if not isinstance(change, Mapping) or set(change) - {"operation", "attrName", "value"}:
        raise InvalidArgumentError(f"{where} may hold operation, attrName and value; given: {change!r}")
    operation = change.get("operation") or DEFAULT_OPERATION
    if operation not in OPERATIONS:
        raise InvalidArgumentError(
            f"{where}: operation must be one of {', '.join(OPERATIONS)}; given: {operation!r}"
        )
    name, value = change.get("attrName"), change.get("value")
    update: dict[str, Any] = {"operation": operation} if "operation" in change else {}
    if operation == "CLEAR_ALL_ATTR":
        if name is not None or value is not None:
            raise InvalidArgumentError(f"{where}: CLEAR_ALL_ATTR takes neither attrName nor value")
        return update
    update["attrName"] = require_attribute_name(f"{where}: attrName", name)
    if operation != "DELETE_ATTR":
        update["value"] = _attribute(value, f"{where}: value")
    elif value is not None:
        raise InvalidArgumentError(f"{where}: DELETE_ATTR takes no value; given: {value!r}")
    return update


def _attribute(value: object, where: str) -> dict[str, Any]:
    _plain(value, where)
    return as_wire(value, where=where)


def _plain(value: object, where: str) -> Any:
    """Return an attribute's value as plain Python: a primitive one, or a list of primitive ones."""
    plain, kind = understood(value, where)
    single = kind.item if kind.basic == "ARRAY" else kind
    if single is None or single.basic not in PRIMITIVES:
        raise InvalidArgumentError(f"{where} must be a primitive value or a list of such; given: {kind}")
    for item in plain if isinstance(plain, list) else [plain]:
        if isinstance(item, str) and len(item) > MAX_TEXT:
            raise InvalidArgumentError(
                f"{where}: a text must have at most {MAX_TEXT} characters, more ends in an error of TRAC's; "
                f"given: {len(item)}"
            )
        if isinstance(item, Decimal) and not _is_kept(item):
            raise InvalidArgumentError(
                f"{where}: a decimal must have at most {MAX_DIGITS} digits before the point and {MAX_PLACES} "
                f"after it, TRAC keeps no more; given: {str(item)[:80]}"
            )
    return plain


def _is_kept(number: Decimal) -> bool:
    """Return whether TRAC keeps a decimal as it is."""
    _, digits, exponent = number.as_tuple()
    cut = -int(exponent) - MAX_PLACES
    return (not number or number.adjusted() < MAX_DIGITS) and not (cut > 0 and any(digits[-cut:]))


def plain_attributes(attrs: JsonObject | None) -> dict[str, Any]:
    """Return values that somebody waits for, as plain JSON by the attribute's name.

    :raises InvalidArgumentError: if no attribute can have such a name or value.
    """
    if attrs and not isinstance(attrs, Mapping):
        raise InvalidArgumentError(f"attrs must be a dict of names and values; given: {attrs!r}")
    return {
        require_identifier("a name in attrs", name): as_plain_json(_plain(value, f"attrs[{name!r}]"))
        for name, value in (attrs or {}).items()
    }


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
    if checked_type(definition.get("objectType", kind), "definition: objectType") != kind:
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
    properties = definition.get("objectProps") or None
    return present({"objectType": kind, member: body, "objectProps": properties})


def _check_custom(body: dict[str, Any]) -> None:
    require_own_name("definition: customSchemaType", body.get("customSchemaType"))
    require_whole(1, **{"definition: customSchemaVersion": body.get("customSchemaVersion")})
    data = body.get("customData")
    if isinstance(data, bytes):
        data = body["customData"] = base64.b64encode(data).decode()
    try:
        content = isinstance(data, str) and base64.b64decode(data, validate=True)
    except ValueError:
        content = False
    if not content:
        raise InvalidArgumentError("definition: customData must be bytes, or base64 text, and not empty")


def fixed_prior(value: object, what: str = "prior_version") -> Selector:
    """Return the selector of the version that a new one follows.

    :raises InvalidArgumentError: if it does not say which: writing over "the latest" would lose what another
        did.
    """
    selector = Selector.of_prior(value, what)
    if not selector.is_fixed:
        raise InvalidArgumentError(
            f"{what} must say its object version, as the header of a read or write does; given: {value!r}"
        )
    return selector


def create_request(
    object_type: object = None,
    definition: object = None,
    attrs: JsonObject | None = None,
    tag_updates: TagUpdates | None = None,
) -> dict[str, Any]:
    """Return the request that creates an object.

    :param object_type: its type; by default the ``objectType`` of its definition.
    :raises InvalidArgumentError: naming the argument that is wrong.
    """
    if not object_type and isinstance(definition, Mapping):
        object_type = definition.get("objectType")
    kind = checked_type(object_type)
    return present(
        {
            "objectType": kind,
            "definition": object_definition(kind, definition),
            "tagUpdates": read_updates(attrs, tag_updates),
        }
    )


def update_request(
    object_type: object = None,
    definition: object = None,
    prior_version: object = None,
    attrs: JsonObject | None = None,
    tag_updates: TagUpdates | None = None,
) -> dict[str, Any]:
    """Return the request that makes a new version of an object.

    :param prior_version: a selector of the version that this one follows.
    :raises InvalidArgumentError: naming the argument that is wrong.
    """
    prior = fixed_prior(prior_version)
    request = create_request(object_type, definition, attrs, tag_updates)
    kind = request["objectType"]
    if prior.object_type != kind:
        raise InvalidArgumentError(f"prior_version is a {prior.object_type}, object_type says {kind!r}")
    return {**request, "priorVersion": prior.as_json()}
