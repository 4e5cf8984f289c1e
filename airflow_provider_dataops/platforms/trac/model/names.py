"""What TRAC lets things be called."""

from __future__ import annotations

import re

from airflow_provider_dataops.errors import InvalidArgumentError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: A longer name of an attribute ends in a 500, in characters.
MAX_NAME = 256
_RESERVED = ("trac_", "tracdap_", "_")


def plain_text(value: str) -> str:
    """Return a text itself: ``str()`` of a member of an enumeration of texts is its name in Python."""
    return str.__str__(value)


def require_identifier(what: str, name: object) -> str:
    """Return a name that is an identifier.

    :raises InvalidArgumentError: if it is none.
    """
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise InvalidArgumentError(
            f"{what} must be an identifier (letters, digits and underscores, not beginning with a digit); "
            f"given: {name!r}"
        )
    return plain_text(name)


def require_own_name(what: str, name: object) -> str:
    """Return an identifier that the platform does not keep for itself.

    :raises InvalidArgumentError: if it is none.
    """
    identifier = require_identifier(what, name)
    if identifier.lower().startswith(_RESERVED):
        raise InvalidArgumentError(
            f"{what} must not begin with trac_, tracdap_ or _, which TRAC keeps; given: {name!r}"
        )
    return identifier


def require_attribute_name(what: str, name: object) -> str:
    """Return a name that an attribute of ours can have.

    :raises InvalidArgumentError: if it can have none such.
    """
    own = require_own_name(what, name)
    if len(own) > MAX_NAME:
        raise InvalidArgumentError(
            f"{what} must have at most {MAX_NAME} characters; given: {len(own)}, {own[:40]}..."
        )
    return own


def object_type(name: object, what: str = "object_type") -> str:
    """Return a type of object in upper case; a type that a later platform may bring is let through.

    :raises InvalidArgumentError: if it cannot be the name of one.
    """
    return require_identifier(what, name).upper()
