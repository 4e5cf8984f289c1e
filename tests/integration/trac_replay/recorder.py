"""Makes the calls of a replay, and keeps the outcome of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder:
    """Keeps the outcome of each step by its name, in the form of the recordings."""

    def __init__(self) -> None:
        self.outcomes: dict[str, dict[str, Any]] = {}

    def step(
        self,
        name: str,
        call: Callable[..., Any],
        /,
        *args: Any,
        show: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Make a call, and keep its value or its error.

        :param show: returns the part of the value that is kept; it may make further calls
        :return: the value; ``None`` after an error
        """
        assert name not in self.outcomes, f"two steps are called {name!r}"
        try:
            value = call(*args, **kwargs)
            shown = show(value) if show else value
        except Exception as error:
            status = getattr(error, "status", None)
            self.outcomes[name] = {"err": type(error).__name__, "status": status, "msg": str(error)}
            return None
        self.outcomes[name] = {"ok": shown if isinstance(shown, str) else repr(shown)}
        return value


def without_times(tag: Any) -> dict[str, Any]:
    """Return the attributes of a tag, without times."""
    return {name: value for name, value in tag.attrs.items() if "time" not in name}


def own_attrs(tag: Any) -> dict[str, Any]:
    """Return the attributes of a tag that the client has set."""
    return {name: value for name, value in tag.attrs.items() if not name.startswith("trac")}


def custom(version: int = 1, data: bytes = b'{"rev": 1}', kind: str = "acme_checkpoint") -> dict[str, Any]:
    """Return the definition of a CUSTOM object."""
    return {"custom": {"customSchemaType": kind, "customSchemaVersion": version, "customData": data}}


def schema(*fields: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """Return a table schema.

    :param fields: name and type of each field
    :param changes: members that are set in every field; ``None`` removes a member
    """
    columns = [
        {"fieldName": name, "fieldOrder": order, "fieldType": kind, "label": name, **changes}
        for order, (name, kind) in enumerate(fields)
    ]
    kept = [{name: value for name, value in one.items() if value is not None} for one in columns]
    return {"schemaType": "TABLE_SCHEMA", "table": {"fields": kept}}
