"""Plain HTTP clients for the tests of the sandbox. They send every request as it is, valid or not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests

if TYPE_CHECKING:
    from types import TracebackType

    from dataops_sandbox import Sandbox

PATIENCE = 5.0
"""Timeout of a request in seconds; no test needs that long."""

TOKEN_FORM = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}


class Client:
    """Sends requests to one platform with its credentials."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        self.base_url = base_url
        self.headers = headers
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request. ``headers`` are added to those with the credentials; ``None`` removes a header."""
        headers = {**self.headers, **options.pop("headers", {})}
        options.setdefault("timeout", PATIENCE)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.base_url + path, headers=headers, **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        """Send a request that must succeed with 200, and return the JSON."""
        response = self.send(method, path, **options)
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()


class QuantemplateClient(Client):
    """A client of Quantemplate's API; paths are below the organisation's URL."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.auth_url = sandbox.quantemplate.auth_url
        super().__init__(sandbox.quantemplate.base_url, {})
        self.log_in()

    def log_in(self) -> None:
        """Fetch a token, and use it from now on."""
        response = self.session.post(self.auth_url, data=TOKEN_FORM, timeout=PATIENCE)
        self.headers = {"Authorization": f"Bearer {response.json()['access_token']}"}

    def upload(self, data: bytes, dataset: str = "d-claims") -> None:
        """Upload a version of a dataset."""
        response = self.send("POST", f"/organisations/c-sandbox/datasets/{dataset}", data=data)
        assert response.status_code == 200, response.text

    def dataset(self, dataset: str = "d-claims", **query: Any) -> requests.Response:
        """Download a dataset."""
        return self.send("GET", f"/organisations/c-sandbox/datasets/{dataset}", params=query)

    def execute(self, pipeline: str = "p-claims") -> dict[str, Any]:
        """Start an execution."""
        started: dict[str, Any] = self.ok("POST", f"/organisations/c-sandbox/pipelines/{pipeline}/executions")
        return started

    def executions(self, pipeline: str = "p-claims") -> list[dict[str, Any]]:
        """List the executions."""
        path = f"/organisations/c-sandbox/pipelines/{pipeline}/executions"
        listed: list[dict[str, Any]] = self.ok("GET", path)
        return listed

    def output(self, execution: str, output: str, pipeline: str = "p-claims") -> requests.Response:
        """Download an output."""
        return self.send(
            "GET", f"/organisations/c-sandbox/pipelines/{pipeline}/executions/{execution}/outputs/{output}"
        )


class TamrClient(Client):
    """Tamr's Jobs API."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.tamr.base_url + "/api/v1beta1", {"X-API-KEY": "apk_sandbox"})

    def create(self, kind: str = "load", **ids: str) -> dict[str, Any]:
        """Create a job with these ids; without ids it loads ``src_orders``."""
        body = {"configuration": {kind: ids or {"sourceId": "src_orders"}}}
        job: dict[str, Any] = self.ok("POST", "/jobs", json=body)
        return job

    def get(self, job_id: str) -> dict[str, Any]:
        """Get a job."""
        job: dict[str, Any] = self.ok("GET", f"/jobs/{job_id}")
        return job

    def stop(self, job_id: str) -> None:
        """Stop a job."""
        assert self.ok("POST", f"/jobs/{job_id}:stop", json={}) == {}

    def state(self, job_id: str) -> str:
        """Get the state of a job."""
        state: str = self.get(job_id)["status"]["state"]
        return state

    def listed(self, **query: Any) -> list[str]:
        """List the ids of a page of jobs."""
        return [job["jobId"] for job in self.ok("GET", "/jobs", params=query)["jobs"]]


def open_socket(sandbox: Sandbox) -> socket.socket:
    """Open a plain TCP connection to the sandbox."""
    address = urlsplit(sandbox.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE)


def head(method: str, path: str, **headers: object) -> bytes:
    """Return request line and headers; underscores in the names of headers become hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: sandbox"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()
