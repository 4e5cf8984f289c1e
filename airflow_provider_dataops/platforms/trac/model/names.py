"""The names that TRAC accepts for attributes, parameters and types."""

from __future__ import annotations

import re

from airflow_provider_dataops.errors import InvalidArgumentError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: The longest name of an attribute, in characters. TRAC responds 500 to a longer name.
MAX_NAME = 256
_RESERVED = ("trac_", "tracdap_", "_")


def plain_text(value: str) -> str:
    """Return a text as a plain ``str``.

    For a member of a ``str`` enumeration, ``str()`` would return its name instead of its value.
    """
    return str.__str__(value)


def require_identifier(what: str, name: object) -> str:
    """Return a name unchanged, after a check that it is an identifier.

    :param what: the name of the argument, for errors.
    :raises InvalidArgumentError: if it is not an identifier.
    """
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise InvalidArgumentError(
            f"{what} must be an identifier (letters, digits and underscores, not beginning with a digit); "
            f"given: {name!r}"
        )
    return plain_text(name)


def require_own_name(what: str, name: object) -> str:
    """Return a name unchanged, after a check that it is an identifier that TRAC does not reserve.

    :raises InvalidArgumentError: if it is not an identifier, or is reserved.
    """
    identifier = require_identifier(what, name)
    if identifier.lower().startswith(_RESERVED):
        raise InvalidArgumentError(
            f"{what} must not begin with trac_, tracdap_ or _, which TRAC reserves; given: {name!r}"
        )
    return identifier


def require_attribute_name(what: str, name: object) -> str:
    """Return a name unchanged, after a check that users can create an attribute with this name.

    :raises InvalidArgumentError: if users cannot create such an attribute.
    """
    own = require_own_name(what, name)
    if len(own) > MAX_NAME:
        raise InvalidArgumentError(
            f"{what} must have at most {MAX_NAME} characters; given: {len(own)}, {own[:40]}..."
        )
    return own


def object_type(name: object, what: str = "object_type") -> str:
    """Return a type of object in upper case. Types that this provider does not know are accepted.

    :raises InvalidArgumentError: if the name is not an identifier.
    """
    return require_identifier(what, name).upper()
