"""A plain client of the sandbox's Toucan. It sends every request as it is, valid or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.clients import PATIENCE, Client

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

APP = "/product-corporation"
AUTH = ("api@toucan.example", "sandbox-password")
FILE = ("local name.csv", b"a,b\n1,2\n")
NAME = {"data": '{"filename": "sales.xlsx"}'}
UPLOAD = {"data": NAME, "files": {"file": FILE}}
DOMAINS = {"json": {"input_domains": ["referential"]}}

EVERY_CALL = [
    pytest.param("GET", "/", {}, id="version"),
    pytest.param("GET", "/small-apps", {}, id="list_small_apps"),
    pytest.param("POST", f"{APP}/data/sources", UPLOAD, id="upload"),
    pytest.param("POST", f"{APP}/operations", {"json": {"operations": ["release"]}}, id="run_operations"),
    pytest.param("GET", f"{APP}/operations/state/{{operation}}", {}, id="get_operation"),
    pytest.param("POST", f"{APP}/data/preprocess", DOMAINS, id="preprocess"),
    pytest.param("POST", f"{APP}/populate", DOMAINS, id="populate"),
    pytest.param("POST", f"{APP}/data/release", {}, id="release"),
    pytest.param("GET", f"{APP}/tracebacks/latest", {}, id="get_traceback"),
    pytest.param("GET", f"{APP}/config", {}, id="get_config"),
    pytest.param("GET", f"{APP}/config/etl", {}, id="get_etl_config"),
    pytest.param("GET", f"{APP}/config/augment", {}, id="get_augment"),
    pytest.param("GET", f"{APP}/metadata", {}, id="get_metadata"),
]
"""A valid request of each operation that needs credentials: method, path, and arguments of ``requests``."""


def chunk(
    piece: bytes, *, index: int = 0, count: int = 1, offset: int = 0, total: int | None = None, **others: Any
) -> dict[str, Any]:
    """Return the form of an upload with chunk fields; ``others`` replace fields, and ``None`` omits one."""
    fields = {
        "data": NAME["data"],
        "dzuuid": "d0e8b2",
        "dztotalfilesize": str(len(piece) if total is None else total),
        "dztotalchunkcount": str(count),
        "dzchunkbyteoffset": str(offset),
        "dzchunkindex": str(index),
        **others,
    }
    return {
        "data": {name: value for name, value in fields.items() if value is not None},
        "files": {"file": ("blob", piece)},
    }


class ToucanClient(Client):
    """A client of Toucan's Operations API with Basic credentials; paths are below the backend's URL."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.toucan.base_url, {})
        self.session.auth = AUTH

    def with_token(self, token: str) -> ToucanClient:
        """Use a bearer token from now on, and return the client."""
        self.session.auth = None
        self.headers = {"Authorization": f"Bearer {token}"}
        return self

    def log_in(self, **members: Any) -> Any:
        """Log in with username and password only, and return the response."""
        body = {"username": AUTH[0], "password": AUTH[1], **members}
        return self.session.post(self.base_url + "/login", json=body, auth=None, timeout=PATIENCE)

    def upload(self, data: bytes = FILE[1], filename: str = "sales.xlsx") -> Any:
        """Upload a file as the guide does, and return the JSON of the response."""
        return self.ok(
            "POST",
            f"{APP}/data/sources?validation=false",
            data={"data": json.dumps({"filename": filename})},
            files={"file": ("local.csv", data)},
        )

    def run(self, *operations: str) -> str:
        """Run operations on staging, and return the id."""
        body = {"origin": "autofeed", "operations": operations or ["preprocess_data_sources", "release"]}
        return str(self.ok("POST", f"{APP}/operations?stage=staging", json=body)["operation_id"])

    def status(self, operation_id: str) -> str:
        """Get the status of an operation."""
        return str(self.ok("GET", f"{APP}/operations/state/{operation_id}")["status"])
