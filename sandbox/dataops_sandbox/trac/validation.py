"""The checks that TRAC's services make on a request before they read stored objects."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import definitions, values
from dataops_sandbox.trac.errors import Code, InvalidError, Item, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WRITABLE = ("FLOW", "CUSTOM", "SCHEMA")
"""The object types that clients may create and update."""
UNVERSIONED = ("JOB", "RESULT")
"""The object types whose objects always have exactly one version."""


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass
class Check:
    """A request to a service, and the problems that the checks have found in the request so far.

    :param method: name of the service's method, for the error message
    :param body: the request message; for a call without a body, the selector in the path
    """

    method: str
    body: dict[str, Any]
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)

    def add(self, detail: str, path: str = "") -> None:
        """Add a problem: its text, and the path of the field."""
        self.items.append(Item(detail, path))

    def require(self, message: Mapping[str, Any], name: str, prefix: str = "", when: str = "") -> bool:
        """Return whether a field of ``message`` has a value; if it has no value, add a problem.

        :param when: condition under which the field is required, for the message
        """
        if message.get(name):
            return True
        self.add(f"A value is required for [{name}]{when}", f"{prefix}{name}")
        return False

    def omit(self, message: Mapping[str, Any], name: str, prefix: str = "", unless: str = "") -> None:
        """Add a problem if a field of ``message`` has a value.

        :param unless: condition under which the field is allowed, for the message
        """
        if name in message:
            self.add(f"A value cannot be given for [{name}]{unless}", f"{prefix}{name}")

    def identifier(
        self, message: Mapping[str, Any], name: str, prefix: str = "", *, reserved: bool = False
    ) -> None:
        """Add a problem if a field of ``message`` is missing, or its value is not a valid name.

        :param reserved: whether to allow names that the platform reserves for itself
        """
        if self.require(message, name, prefix):
            self.name(name, message[name], f"{prefix}{name}", reserved=reserved)

    def name(self, what: str, name: str, path: str, *, reserved: bool = False) -> None:
        """Add a problem if a name is not valid.

        :param what: name of the field, for the message
        :param reserved: whether to allow names that the platform reserves for itself
        """
        if not values.is_identifier(name):
            self.add(f"[{what}] is not a valid identifier: [{name}]", path)
        elif not reserved and values.is_reserved(name):
            self.add(f"[{what}] is a TRAC reserved identifier: [{name}]", path)

    def done(self, error: Callable[[str, list[Item]], ServiceError] = InvalidError) -> None:
        """Raise an error if problems were found.

        :raises ServiceError: if there is a problem; the error contains all problems
        """
        if self.items:
            raise error(f"Validation failed for [{self.method}()]", self.items)

    def tenant(self) -> None:
        """Add a problem if the tenant in the path is not a valid name."""
        self.name("tenant", self.params["tenant"], "tenant", reserved=True)

    def path_selector(self) -> None:
        """Check the id and the versions in the path. Make a selector from them, and use it as the body."""
        self.object_id(self.params["objectId"], "objectId")
        self.body = {name: self.params[name] for name in ("objectType", "objectId") if name in self.params}
        for what in ("object", "tag"):
            name = f"{what}Version"
            if name not in self.params:
                self.body[f"latest{what.title()}"] = True
                continue
            self.body[name] = int(self.params[name])
            if self.body[name] < 1:
                self.add(f"Value of [{name}] must be at least 1", name)

    def object_id(self, object_id: str, path: str) -> None:
        """Add a problem if an object id is not a UUID."""
        if not _UUID.fullmatch(object_id):
            self.add(f"Value of [objectId] is not a valid object ID: [{object_id}]", path)

    def moment(self, message: Mapping[str, Any], name: str, prefix: str) -> None:
        """Add a problem if a field of ``message`` is present but is not a date and time."""
        if name in message:
            try:
                values.read_datetime(message[name].get("isoDatetime", ""))
            except values.BadValueError as error:
                self.add(str(error), f"{prefix}{name}")

    def selector(self, selector: Mapping[str, Any], path: str, object_type: str | None = None) -> None:
        """Add a problem for each fault of a selector.

        :param object_type: required type of the object; ``None``: any type
        """
        prefix = f"{path}."
        kind = selector.get("objectType")
        if self.require(selector, "objectType", prefix) and object_type not in (None, kind):
            self.add(f"Selector must be of type [{object_type}]", f"{prefix}objectType")
        if self.require(selector, "objectId", prefix):
            self.object_id(selector["objectId"], f"{prefix}objectId")
        for what in ("object", "tag"):
            latest = f"latest{what.title()}"
            self.moment(selector, f"{what}AsOf", prefix)
            if not {f"{what}Version", f"{what}AsOf", latest} & selector.keys():
                self.add(f"A value is required for [{what}Criteria]", f"{prefix}{what}Criteria")
            elif selector.get(latest) is False:
                self.add(f"Value of [{latest}] must be true if it is given", f"{prefix}{latest}")
            elif selector.get(f"{what}Version", 1) < 1:
                self.add(f"Value of [{what}Version] must be at least 1", f"{prefix}{what}Version")

    def fixed_selector(self, selector: Mapping[str, Any], path: str, object_type: str | None = None) -> None:
        """Check a selector that must select a fixed version, not the latest one."""
        self.selector(selector, path, object_type)
        if selector.get("latestObject"):
            self.add(
                f"The [{path}] selector must refer to a fixed object version, [latestObject] is not allowed",
                path,
            )

    def tag_updates(self, message: Mapping[str, Any], name: str, prefix: str = "") -> None:
        """Check tag updates, if there are any."""
        for number, update in enumerate(message.get(name, ())):
            path = f"{prefix}{name}[{number}]."
            operation = update.get("operation", "CREATE_OR_REPLACE_ATTR")
            if operation == "CLEAR_ALL_ATTR":
                self.omit(update, "attrName", path)
            else:
                self.identifier(update, "attrName", path)
            if operation in ("CLEAR_ALL_ATTR", "DELETE_ATTR"):
                self.omit(update, "value", path)
            elif self.require(update, "value", path):
                try:
                    values.normalise(update["value"])
                except values.BadValueError as error:
                    self.add(str(error), f"{path}value")


def write_request(check: Check, request: Mapping[str, Any], method: str, prefix: str = "") -> None:
    """Check a write request.

    :param method: ``createObject``, ``updateObject`` or ``updateTag``
    :param prefix: path of the request within a batch; the path of each problem begins with this path
    """
    object_type = request.get("objectType")
    check.require(request, "objectType", prefix)
    if method == "createObject":
        check.omit(request, "priorVersion", prefix)
    elif check.require(request, "priorVersion", prefix):
        prior, path = request["priorVersion"], f"{prefix}priorVersion"
        check.selector(prior, path, object_type)
        names = ("object", "tag") if method == "updateTag" else ("object",)
        moving = [name for name in names if prior.keys() & {f"latest{name.title()}", f"{name}AsOf"}]
        if moving:
            check.add(f"The [priorVersion] selector must use an explicit [{moving[0]}Version]", path)
    if method == "updateTag":
        check.omit(request, "definition", prefix)
    elif check.require(request, "definition", prefix):
        definitions.validate(check, request["definition"], object_type, f"{prefix}definition")
    if method == "updateObject" and object_type in UNVERSIONED:
        check.add(f"Object type [{object_type}] does not support versioning", f"{prefix}objectType")
    check.tag_updates(request, "tagUpdates", prefix)


def write_batch(check: Check) -> None:
    """Check the write requests of a batch. Two requests must not update the same object."""
    tenant = check.params["tenant"]
    for name, requests in check.body.items():
        seen = set()
        for number, request in enumerate(requests):
            prefix = f"{name}[{number}]."
            write_request(check, request, name.removesuffix("s"), prefix)
            if request.get("tenant", tenant) != tenant:
                check.add("Value of [tenant] is not the tenant of the batch", f"{prefix}tenant")
            prior = request.get("priorVersion", {})
            key = (prior.get("objectId"), prior.get("objectVersion") if name == "updateTags" else None)
            if name != "createObjects" and key in seen:
                check.add("The same object is updated twice", f"{prefix}priorVersion")
            seen.add(key)


def writable(request: Mapping[str, Any], method: str) -> None:
    """Check that clients may write objects of the request's type.

    :raises ServiceError: if only the platform may write objects of this type
    """
    if method != "updateTag" and request["objectType"] not in WRITABLE:
        verb = method.removesuffix("Object")
        message = f"Object type {request['objectType']} cannot be {verb}d via the TRAC public API"
        raise ServiceError(Code.PERMISSION_DENIED, message)
