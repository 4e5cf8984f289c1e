"""The adapters of the Toucan Toco trigger. The API cannot list operations, so each poll is a request."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, ClassVar

from benchmarks.triggers.adapter import Options, compact
from benchmarks.triggers.platforms.base import OwnAdapter

_SMALL_APP = "product-corporation"


class Toucan(OwnAdapter):
    """``ToucanOperationTrigger`` with a login, which returns a token with its time of expiry."""

    trigger = "airflow_provider_dataops.triggers.toucan.ToucanOperationTrigger"
    route = rf"GET /{_SMALL_APP}/operations/state/(?P<job>\d+)"
    auth_type: ClassVar[str] = "login"

    def run(self, job: int) -> dict[str, Any]:
        """Return the arguments that identify a run at the platform."""
        return {
            "run_id": f"{job:024d}",
            "small_app": _SMALL_APP,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with user and password."""
        return {
            "conn_type": "toucan",
            "host": options.url,
            "login": "user",
            "password": "password-123",
            "extra": json.dumps({"auth_type": self.auth_type}),
        }

    def token(self, path: str, body: bytes) -> Any:
        """Return the response to a login."""
        return {"token": _jwt({"sub": "user", "exp": int(time.time()) + 3600})} if path == "/login" else None

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the state of an operation."""
        return 200, compact({"status": "successful" if ended else "running"})


def _jwt(claims: dict[str, Any]) -> str:
    """Return a token with claims. Its signature is not valid, because clients do not check it."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


class ToucanBasic(Toucan):
    """``ToucanOperationTrigger`` with Basic authentication."""

    auth_type = "basic"
