"""A plain client of the sandbox's TRAC. It sends every request as it is, valid or not."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.integration.sandbox.clients import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from dataops_sandbox import Sandbox

META, ORCH = "/trac-meta/api/v1/ACME_CORP", "/trac-orch/api/v1/ACME_CORP"
DATA, ADMIN = "/trac-data/api/v1/ACME_CORP", "/trac-admin/api/v1/ACME_CORP"
CUSTOM: dict[str, Any] = {
    "objectType": "CUSTOM",
    "custom": {"customSchemaType": "acme_checkpoint", "customSchemaVersion": 1, "customData": "AQ=="},
}


@dataclass(frozen=True)
class Reply:
    """One response, with its reason phrase."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def details(self) -> dict[str, Any]:
        """The error details: code, message, and the items as pairs of path and text."""
        return decode_details(self.headers["trac-error-details-bin"])

    @property
    def items(self) -> dict[str, str]:
        """The problems of an error, by path."""
        return {path: detail for detail, path in self.details["items"]}


def decode_details(text: str) -> dict[str, Any]:
    """Decode the value of ``trac-error-details-bin``."""
    fields = _decode(base64.b64decode(text + "=" * (-len(text) % 4)))
    items = [dict(_decode(value)) for number, value in fields if number == 3]
    members = dict(fields)
    return {
        "code": members[1],
        "message": members[2].decode(),
        "items": [(item[1].decode(), item.get(2, b"").decode()) for item in items],
    }


def _decode(data: bytes) -> list[tuple[int, Any]]:
    fields: list[tuple[int, Any]] = []
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        key = varint()
        number = varint()
        if key & 7 == 2:
            fields.append((key >> 3, data[position : position + number]))
            position += number
        else:
            assert key & 7 == 0, "only varints and bytes are expected"
            fields.append((key >> 3, number))
    return fields


class TracClient:
    """A client of TRAC's REST calls over one raw connection; paths are below the gateway's URL."""

    def __init__(self, sandbox: Sandbox) -> None:
        where = urlsplit(sandbox.trac.base_url)
        self._prefix = where.path
        self._connection = http.client.HTTPConnection(where.netloc, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send a request as it is."""
        self._connection.request(method, self._prefix + path, body=body, headers=dict(headers))
        response = self._connection.getresponse()
        data = response.read()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, response.reason, received, data)

    def get(self, path: str, **headers: str) -> Reply:
        """Send a GET with the headers that the gateway requires."""
        return self.send("GET", path, {"Accept": "application/json", **headers})

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """Send a POST with the headers that the gateway requires."""
        sent = {"Accept": "application/json", "Content-Type": "application/json", **headers}
        return self.send("POST", path, sent, json.dumps(body).encode())

    def ok(self, path: str, body: Any = None) -> Any:
        """Send a request that must succeed, and return the JSON; without a body it is a GET."""
        reply = self.get(path) if body is None else self.post(path, body)
        assert (reply.status, reply.reason) == (200, "OK"), (reply.status, reply.reason, reply.body)
        return json.loads(reply.body)

    def create(self, definition: Mapping[str, Any] = CUSTOM, **attrs: Any) -> dict[str, Any]:
        """Create an object, and return its header; attributes have the API's form of values."""
        updates = [{"attrName": name, "value": value} for name, value in attrs.items()]
        request = {"objectType": definition["objectType"], "definition": definition, "tagUpdates": updates}
        return dict(self.ok(f"{META}/create-object", request))

    def submit(self, job: Mapping[str, Any], **attrs: str) -> dict[str, Any]:
        """Submit a job with text attributes, and return the selector of its newest tag."""
        updates = [{"attrName": name, "value": {"stringValue": value}} for name, value in attrs.items()]
        header = self.ok(f"{ORCH}/submit-job", {"job": job, "jobAttrs": updates})["jobId"]
        selector = {name: header[name] for name in ("objectType", "objectId", "objectVersion")}
        return {**selector, "latestTag": True}

    def check(self, selector: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response of check-job."""
        return dict(self.ok(f"{ORCH}/check-job", selector))

    def read(self, selector: Mapping[str, Any]) -> dict[str, Any]:
        """Read an object."""
        return dict(self.ok(f"{META}/read-object", selector))

    def search(self, object_type: str, expression: Any = None, **params: Any) -> list[dict[str, Any]]:
        """Search."""
        search = {} if expression is None else {"search": expression}
        body = {"objectType": object_type, **search, **params}
        return list(self.ok(f"{META}/search", body).get("searchResult", []))


def selector_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the selector of exactly the tag of a header."""
    return {name: header[name] for name in ("objectType", "objectId", "objectVersion", "tagVersion")}
