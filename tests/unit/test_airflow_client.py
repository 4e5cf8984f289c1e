"""The client of Airflow's REST API that demo and system tests use."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from devtools.airflow_client import AirflowApiError, AirflowClient

LOCKED = httpx.Response(500, json={"detail": {"reason": "Database error", "orig_error": "hidden"}})


class ApiServer:
    """Responds to each request after the login with the next response of a list, then with the last one."""

    def __init__(self, *responses: httpx.Response) -> None:
        self.responses = list(responses)
        self.requests: list[str] = []
        self.client = AirflowClient(
            "http://airflow", transport=httpx.MockTransport(self.respond), sleep=lambda _: None
        )

    def respond(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "token"})
        self.requests.append(request.method)
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


def test_a_request_is_repeated_if_the_database_was_locked() -> None:
    server = ApiServer(LOCKED, LOCKED, httpx.Response(200, json={"dag_run_id": "one"}))
    assert server.client.trigger("a_dag") == "one"
    assert server.requests == ["POST"] * 3


def test_a_request_fails_if_the_database_stays_locked() -> None:
    server = ApiServer(LOCKED)
    with pytest.raises(AirflowApiError, match="Database error"):
        server.client.unpause("a_dag")
    assert len(server.requests) > 10


@pytest.mark.parametrize("body", [{"detail": "Internal Server Error"}, {"detail": {"reason": "Else"}}, []])
def test_a_request_with_another_error_is_not_repeated(body: Any) -> None:
    server = ApiServer(httpx.Response(500, json=body))
    with pytest.raises(AirflowApiError):
        server.client.unpause("a_dag")
    assert server.requests == ["PATCH"]
