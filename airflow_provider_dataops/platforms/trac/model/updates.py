"""The requests that write objects and tags, and the validation of their definitions and attributes."""

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

#: Changes of attributes. TRAC makes them in the order of the list.
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
#: The types that clients can create and update. Jobs and uploads create objects of all other types.
WRITABLE = ("FLOW", "CUSTOM", "SCHEMA")


def read_updates(
    attrs: JsonObject | None,
    updates: TagUpdates | None = None,
    where: str = "attrs",
    listed: str = "tag_updates",
) -> list[dict[str, Any]] | None:
    """Return changes of attributes in TRAC's JSON, ``None`` if both arguments are ``None``.

    :param attrs: values by name; each attribute is created or replaced.
    :param updates: further changes in their order, such as ``{"operation": "APPEND_ATTR", "attrName":
        "labels", "value": "eod"}``. Without an operation, the attribute is created or replaced.
    :param where: the name of the argument ``attrs`` in the user's code, for errors.
    :param listed: the name of the argument ``updates`` in the user's code, for errors.
    :raises InvalidArgumentError: for a reserved name, an unknown operation, or a value that attributes
        cannot have.
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
                "attrName": require_attribute_name(f"each name in {where}", name),
                "value": _attribute(value, f"{where}[{name!r}]"),
            }
            for name, value in (attrs or {}).items()
        ),
        *(_update(change, f"{listed}[{n}]") for n, change in enumerate(updates or ())),
    ]


def _update(change: object, where: str) -> dict[str, Any]:
    if not isinstance(change, Mapping) or set(change) - {"operation", "attrName", "value"}:
        raise InvalidArgumentError(
            f"{where} must contain only operation, attrName and value; given: {change!r}"
        )
    operation = change.get("operation") or DEFAULT_OPERATION
    if operation not in OPERATIONS:
        raise InvalidArgumentError(
            f"{where}['operation'] must be one of {', '.join(OPERATIONS)}; given: {operation!r}"
        )
    name, value = change.get("attrName"), change.get("value")
    update: dict[str, Any] = {"operation": operation} if "operation" in change else {}
    if operation == "CLEAR_ALL_ATTR":
        if name is not None or value is not None:
            raise InvalidArgumentError(
                f"{where}: CLEAR_ALL_ATTR must have no attrName and no value; given: {change!r}"
            )
        return update
    update["attrName"] = require_attribute_name(f"{where}['attrName']", name)
    if operation != "DELETE_ATTR":
        update["value"] = _attribute(value, f"{where}['value']")
    elif value is not None:
        raise InvalidArgumentError(f"{where}: DELETE_ATTR must have no value; given: {value!r}")
    return update


def _attribute(value: object, where: str) -> dict[str, Any]:
    _plain(value, where)
    return as_wire(value, where=where)


def _plain(value: object, where: str) -> Any:
    """Return an attribute's value as plain Python: a primitive value or a list of primitive values."""
    plain, kind = understood(value, where)
    single = kind.item if kind.basic == "ARRAY" else kind
    if single is None or single.basic not in PRIMITIVES:
        raise InvalidArgumentError(
            f"{where} must be a primitive value or a list of primitive values; given: a value of type {kind}"
        )
    for item in plain if isinstance(plain, list) else [plain]:
        if isinstance(item, str) and len(item) > MAX_TEXT:
            raise InvalidArgumentError(
                f"{where} must have at most {MAX_TEXT} characters, because TRAC cannot store more; "
                f"given: {len(item)}"
            )
        if isinstance(item, Decimal) and not _can_be_stored(item):
            raise InvalidArgumentError(
                f"{where} must have at most {MAX_DIGITS} digits before the point and {MAX_PLACES} after it, "
                f"because TRAC cannot store more; given: {str(item)[:80]}"
            )
    return plain


def _can_be_stored(number: Decimal) -> bool:
    """Return whether TRAC stores a decimal without a change."""
    _, digits, exponent = number.as_tuple()
    cut = -int(exponent) - MAX_PLACES
    return (not number or number.adjusted() < MAX_DIGITS) and not (cut > 0 and any(digits[-cut:]))


def plain_attributes(attrs: JsonObject | None) -> dict[str, Any]:
    """Return the attributes that a sensor waits for: their values in plain JSON, by name.

    :raises InvalidArgumentError: if TRAC allows no attribute with such a name or value.
    """
    if attrs and not isinstance(attrs, Mapping):
        raise InvalidArgumentError(f"attrs must be a dict of names and values; given: {attrs!r}")
    return {
        require_identifier("each name in attrs", name): as_plain_json(_plain(value, f"attrs[{name!r}]"))
        for name, value in (attrs or {}).items()
    }


def object_definition(kind: str, definition: object) -> dict[str, Any]:
    """Return an object's definition in TRAC's JSON.

    :param kind: the type of the object.
    :param definition: a dict such as ``{"custom": {...}}``, with or without ``objectType``. ``customData``
        may be bytes.
    :raises InvalidArgumentError: if clients cannot write this type, or if the ``objectType`` of the
        definition is not ``kind``.
    """
    if kind not in WRITABLE:
        raise InvalidArgumentError(
            f"object_type must be one of {', '.join(WRITABLE)}, because only jobs and uploads create objects "
            f"of other types; given: {kind!r}"
        )
    member = kind.lower()
    if not isinstance(definition, Mapping) or not isinstance(definition.get(member), Mapping):
        raise InvalidArgumentError(f"definition must contain the dict {member!r}; given: {definition!r}")
    if checked_type(definition.get("objectType", kind), "definition['objectType']") != kind:
        raise InvalidArgumentError(
            f"definition['objectType'] must be {kind!r}, because object_type is {kind!r}; "
            f"given: {definition['objectType']!r}"
        )
    unknown = set(definition) - {"objectType", "objectProps", member}
    if unknown:
        raise InvalidArgumentError(
            f"definition must contain only {member!r}, because object_type is {kind!r}; "
            f"given: {', '.join(map(repr, sorted(unknown)))}"
        )
    body = dict(definition[member])
    if kind == "CUSTOM":
        _check_custom(body)
    properties = definition.get("objectProps") or None
    return present({"objectType": kind, member: body, "objectProps": properties})


def _check_custom(body: dict[str, Any]) -> None:
    require_own_name("definition['custom']['customSchemaType']", body.get("customSchemaType"))
    require_whole(1, **{"definition['custom']['customSchemaVersion']": body.get("customSchemaVersion")})
    data = body.get("customData")
    if isinstance(data, bytes):
        data = body["customData"] = base64.b64encode(data).decode()
    try:
        content = isinstance(data, str) and base64.b64decode(data, validate=True)
    except ValueError:
        content = False
    if not content:
        raise InvalidArgumentError(
            "definition['custom']['customData'] must be bytes or a base64 text, and must not be empty; "
            f"given: {str(data)[:80]!r}"
        )


def fixed_prior(value: object, what: str = "prior_version") -> Selector:
    """Return a value as a selector of the version that the new version replaces.

    :raises InvalidArgumentError: if the selector has no object version. It would then select the latest
        version, and the update would overwrite changes of other writers.
    """
    selector = Selector.of_prior(value, what)
    if not selector.is_fixed:
        raise InvalidArgumentError(
            f"{what} must have an object version; the tag header that a read or write returns has "
            f"an object version; given: {value!r}"
        )
    return selector


def create_request(
    object_type: object = None,
    definition: object = None,
    attrs: JsonObject | None = None,
    tag_updates: TagUpdates | None = None,
) -> dict[str, Any]:
    """Return the request that creates an object.

    :param object_type: the type of the object; by default, the ``objectType`` of the definition.
    :raises InvalidArgumentError: with the name of the wrong argument.
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
    """Return the request that creates a new version of an object.

    :param prior_version: a selector with the number of the object's latest version.
    :raises InvalidArgumentError: with the name of the wrong argument.
    """
    prior = fixed_prior(prior_version)
    request = create_request(object_type, definition, attrs, tag_updates)
    kind = request["objectType"]
    if prior.object_type != kind:
        raise InvalidArgumentError(
            f"prior_version must select an object of type {kind}, because object_type is {kind}; "
            f"given: {prior}"
        )
    return {**request, "priorVersion": prior.as_json()}
