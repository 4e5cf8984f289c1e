"""A plain client of the sandbox's Tailer. It sends every request as it is, valid or not."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import strategies as st

from tests.integration.sandbox.clients import Client

if TYPE_CHECKING:
    import requests

    from dataops_sandbox import Sandbox

TABLE = {
    "account": "000099",
    "environment": "DEV",
    "configuration_type": "table-to-table",
    "configuration_id": "000099_iowa_liquor_prepare_pda_DEV",
}
STORAGE = {
    **TABLE,
    "configuration_type": "storage-to-storage",
    "configuration_id": "000099-jarvis-demo-iowa-liquor-storage-to-storage",
}
WORKFLOW = {**TABLE, "configuration_type": "workflow", "configuration_id": "000099-iowa-liquor-load-pda"}
JOB = "gbq-to-gbq|000099_iowa_liquor_prepare_pda_DEV"

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


def _part(payload: bytes) -> bytes:
    return base64.urlsafe_b64encode(payload).rstrip(b"=")


def sign(
    key: dict[str, Any], audience: str, *, alg: str = "RS256", kid: str | None = None, **claims: Any
) -> str:
    """Sign a token as the vendor's script does; ``claims`` replace its claims, and ``None`` omits one.

    :param kid: id of the key in the header, which not every library puts there
    """
    now, email = int(time.time()), key["client_email"]
    payload = {"iat": now, "exp": now + 3600, "iss": email, "sub": email, "email": email, "aud": audience}
    payload = {name: value for name, value in {**payload, **claims}.items() if value is not None}
    header = {"alg": alg, "typ": "JWT"} if kid is None else {"alg": alg, "typ": "JWT", "kid": kid}
    signed = b".".join(_part(json.dumps(part).encode()) for part in (header, payload))
    private = load_pem_private_key(key["private_key"].encode(), None)
    assert isinstance(private, RSAPrivateKey)
    signature = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _part(signature)).decode()


class TailerClient(Client):
    """A client of Tailer's API with a bearer token."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.tailer.base_url, {})
        self.sandbox = sandbox
        self.use("sandbox-token")

    def use(self, token: str) -> None:
        """Use a token from now on."""
        self.headers = {"Authorization": f"Bearer {token}"}

    @property
    def key(self) -> dict[str, Any]:
        """The key file of the service account."""
        extra = self.sandbox.connection("tailer")["extra"]
        return dict(json.loads(extra["service_account_secret_json"]))

    def signed(self, **changes: Any) -> str:
        """Return a token that the service account has signed for this sandbox; arguments replace claims."""
        return sign(self.key, **{"audience": self.sandbox.url, **changes})

    def held(self) -> tuple[Any, ...]:
        """Return runs and configurations, to see whether a request has changed them."""
        store = self.sandbox.tailer
        return store.configurations(), store.runs(), set(store.refresh_tokens)

    def launch(self, **fields: Any) -> str:
        """Launch a run, by default of the guide's table-to-table configuration."""
        return str(self.ok("POST", "/v1/dag/launch", json=launching(**fields))["run_id"])

    def ask(self, action: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the runs that match."""
        body = {"action": action, **fields}
        results = self.ok("POST", "/v1/dag/status", json=body)["results"]
        assert isinstance(results, list)
        return results

    def check(self, run_id: str) -> list[dict[str, Any]]:
        """Return the status of a run of the guide's table-to-table configuration."""
        return self.ask("check_run_status", **TABLE, job_id=JOB, run_id=run_id)

    def status(self, run_id: str) -> str:
        """Return the status word of such a run."""
        [item] = self.check(run_id)
        return str(item["status"])

    def switch(self, **fields: Any) -> Any:
        """Enable, disable or archive a configuration, and return the JSON of the response."""
        body = {"action": "set_configuration_status", **TABLE, "activated": True, "archived": False, **fields}
        return self.ok("POST", "/v1/configuration/status", json=body)


def launching(**fields: Any) -> dict[str, Any]:
    """Return the body of a launch; ``None`` omits a field."""
    body = {"action": "launch_job", **TABLE, **fields}
    return {name: value for name, value in body.items() if value is not None}


def refusal(response: requests.Response, status: int) -> str:
    """Return the reason of an error response, which must have Tailer's format."""
    answer = response.json()
    assert (response.status_code, answer["code"], answer["data"]) == (status, status, {})
    assert answer.keys() == {"code", "data", "message"}
    ko, _, reason = answer["message"].partition(": ")
    assert ko == "ko"
    return str(reason)
