"""The sandbox refuses what Quantemplate's guide and reference do not allow."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.sandbox.clients import PATIENCE, TOKEN_FORM, QuantemplateClient, head, open_socket

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox

ORGANISATION = "/organisations/c-sandbox"
DATASET = ORGANISATION + "/datasets/d-claims"
EXECUTIONS = ORGANISATION + "/pipelines/p-claims/executions"
OUTPUT = EXECUTIONS + "/e-1/outputs/o-2"

EVERY_CALL = [
    pytest.param("POST", DATASET, {"data": b"a\n1\n"}, id="upload_dataset"),
    pytest.param("GET", DATASET, {}, id="download_dataset"),
    pytest.param("POST", EXECUTIONS, {}, id="execute_pipeline"),
    pytest.param("GET", EXECUTIONS, {}, id="list_executions"),
    pytest.param("GET", OUTPUT, {}, id="download_output"),
]


def refusal(sandbox: Sandbox) -> str:
    """Return which rule the last request broke."""
    return sandbox.journal.entries()[-1].refused or ""


class TestToken:
    def ask(self, sandbox: Sandbox, **options: Any) -> requests.Response:
        return requests.post(sandbox.quantemplate.auth_url, timeout=PATIENCE, **options)

    def test_form_of_the_guide_gets_a_token_with_its_lifetime(self, sandbox: Sandbox) -> None:
        answer = self.ask(sandbox, data=TOKEN_FORM).json()

        assert answer["expires_in"] == 300
        assert answer["access_token"]
        assert answer["refresh_token"]

    @pytest.mark.parametrize("life", [-1, float("inf"), float("nan"), "60", None])
    def test_lifetime_must_be_a_number_of_seconds(self, sandbox: Sandbox, life: Any) -> None:
        with pytest.raises(ValueError, match="token_lifetime"):
            sandbox.quantemplate.configure(token_lifetime=life)

        assert self.ask(sandbox, data=TOKEN_FORM).json()["expires_in"] == 300

    def test_response_can_omit_the_lifetime(self, sandbox: Sandbox) -> None:
        sandbox.quantemplate.configure(tell_token_lifetime=False)

        assert "expires_in" not in self.ask(sandbox, data=TOKEN_FORM).json()

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            pytest.param({"json": TOKEN_FORM}, "invalid_request", id="json"),
            pytest.param(
                {"files": {name: (None, TOKEN_FORM[name]) for name in TOKEN_FORM}}, "invalid_request"
            ),
            pytest.param({"data": str(TOKEN_FORM)}, "invalid_request", id="no content type"),
            pytest.param(
                {"data": {**TOKEN_FORM, "client_secret": ""}},
                "unauthorized_client",
                id="empty secret is a wrong one",
            ),
            pytest.param({"data": {"grant_type": "client_credentials"}}, "invalid_client", id="no client"),
            pytest.param({"data": {**TOKEN_FORM, "username": "x"}}, "invalid_request", id="further field"),
            pytest.param(
                {"data": [*TOKEN_FORM.items(), ("client_id", "sandbox-client")]},
                "invalid_request",
                id="twice",
            ),
            pytest.param({"data": {**TOKEN_FORM, "grant_type": "password"}}, "unsupported_grant_type"),
            pytest.param(
                {"data": TOKEN_FORM, "auth": ("sandbox-client", "sandbox-secret")}, "invalid_request"
            ),
        ],
    )
    def test_every_other_form_is_refused_as_by_keycloak(
        self, sandbox: Sandbox, options: dict[str, Any], error: str
    ) -> None:
        response = self.ask(sandbox, **options)

        assert response.status_code == (401 if error == "unauthorized_client" else 400)
        assert response.json()["error"] == error
        assert response.json()["error_description"]

    def test_wrong_secret_is_denied_but_not_refused(self, sandbox: Sandbox) -> None:
        response = self.ask(sandbox, data={**TOKEN_FORM, "client_secret": "old"})

        assert response.status_code == 401
        assert sandbox.journal.refusals() == []

    def test_credentials_in_the_query_are_refused(self, sandbox: Sandbox) -> None:
        assert self.ask(sandbox, data=TOKEN_FORM, params={"client_id": "x"}).status_code == 400
        assert "unknown query parameter" in refusal(sandbox)

    def test_only_post_is_allowed(self, sandbox: Sandbox) -> None:
        response = requests.get(sandbox.quantemplate.auth_url, params=TOKEN_FORM, timeout=PATIENCE)

        assert response.status_code == 405
        assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL)
class TestEveryCall:
    @pytest.mark.parametrize(
        "authorization",
        [
            pytest.param(None, id="none"),
            pytest.param("Bearer", id="no token"),
            pytest.param("Bearer made-up", id="made up"),
            pytest.param("Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ=", id="basic"),
        ],
    )
    def test_needs_a_bearer_token_that_was_issued(
        self,
        sandbox: Sandbox,
        quantemplate: QuantemplateClient,
        method: str,
        path: str,
        options: dict[str, Any],
        authorization: str | None,
    ) -> None:
        response = quantemplate.send(method, path, headers={"Authorization": authorization}, **options)

        assert response.status_code == 401
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "token" in refusal(sandbox)
        assert sandbox.runs() == []

    def test_expired_token_gets_a_401_and_a_new_one_works(
        self,
        sandbox: Sandbox,
        clock: ManualClock,
        quantemplate: QuantemplateClient,
        method: str,
        path: str,
        options: dict[str, Any],
    ) -> None:
        clock.advance(299.9)
        assert quantemplate.send(method, path, **options).status_code != 401
        clock.advance(0.1)

        response = quantemplate.send(method, path, **options)

        assert (response.status_code, response.text) == (401, "the access token has expired")
        # It happens to every client that waits, so it is no breach of the rules.
        assert refusal(sandbox) == ""
        quantemplate.log_in()
        assert quantemplate.send(method, path, **options).status_code != 401

    def test_access_to_unshared_objects_is_denied_in_plain_text(
        self,
        sandbox: Sandbox,
        quantemplate: QuantemplateClient,
        method: str,
        path: str,
        options: dict[str, Any],
    ) -> None:
        path = path.replace("d-claims", "d-unshared").replace("p-claims", "p-unshared")

        response = quantemplate.send(method, path, **options)

        assert response.status_code == 403
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "not shared" in response.text
        assert refusal(sandbox) == ""

    @pytest.mark.parametrize("wrong", ["PUT", "PATCH", "DELETE", "HEAD"])
    def test_other_methods_are_refused(
        self,
        sandbox: Sandbox,
        quantemplate: QuantemplateClient,
        method: str,
        path: str,
        options: dict[str, Any],
        wrong: str,
    ) -> None:
        response = quantemplate.send(wrong, path, **options)

        assert response.status_code == 405
        assert method in response.headers["Allow"]
        assert sandbox.journal.entries()[-1].operation == "unknown"

    @pytest.mark.parametrize("change", [lambda path: path + "/", lambda path: path.replace("/", "//", 2)])
    def test_other_paths_are_refused(
        self,
        quantemplate: QuantemplateClient,
        method: str,
        path: str,
        options: dict[str, Any],
        change: Any,
    ) -> None:
        assert quantemplate.send(method, change(path), **options).status_code == 404


class TestUpload:
    @pytest.mark.parametrize(
        "content_type", [None, "application/octet-stream", "text/csv", "text/csv; charset=x"]
    )
    def test_bare_bytes_are_accepted_with_any_suitable_content_type(
        self, quantemplate: QuantemplateClient, content_type: str | None
    ) -> None:
        response = quantemplate.send("POST", DATASET, data=b"a\n1\n", headers={"Content-Type": content_type})

        assert response.status_code == 200
        assert quantemplate.dataset().content == b"a\n1\n"

    @pytest.mark.parametrize(
        ("options", "status", "reason"),
        [
            pytest.param({"files": {"file": b"a\n1\n"}}, 415, "bare bytes", id="multipart"),
            pytest.param(
                {
                    "data": b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--\r\n',
                    "headers": {"Content-Type": "text/csv"},
                },
                415,
                "multipart",
                id="multipart under another type",
            ),
            pytest.param({"data": {"file": "a"}}, 415, "bare bytes", id="form"),
            pytest.param({"json": {"file": "a"}}, 415, "bare bytes", id="json"),
            pytest.param({"data": b""}, 400, "empty", id="empty"),
            pytest.param({"data": iter([b"a\n", b"1\n"])}, 411, "Content-Length", id="chunked"),
            pytest.param({"data": iter([])}, 411, "Content-Length", id="chunked and empty"),
            pytest.param(
                {"data": b"a\n1\n", "headers": {"Content-Encoding": "gzip"}},
                415,
                "Content-Encoding",
                id="encoded",
            ),
        ],
    )
    def test_anything_else_is_refused_and_not_stored(
        self,
        sandbox: Sandbox,
        quantemplate: QuantemplateClient,
        options: dict[str, Any],
        status: int,
        reason: str,
    ) -> None:
        response = quantemplate.send("POST", DATASET, **options)

        assert response.status_code == status
        assert reason in response.text
        assert refusal(sandbox) == response.text
        assert quantemplate.dataset().status_code == 204

    def test_gzip_with_a_byte_order_mark_is_denied(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        packed = gzip.compress("\ufeffa\n1\n".encode())

        response = quantemplate.send("POST", DATASET, data=packed)

        assert response.status_code == 400
        assert "byte-order mark" in response.text
        assert refusal(sandbox) == ""

    @pytest.mark.parametrize("cut", [3, 12])
    def test_truncated_gzip_is_denied(self, quantemplate: QuantemplateClient, cut: int) -> None:
        assert quantemplate.send("POST", DATASET, data=gzip.compress(b"a" * 99)[:cut]).status_code == 400

    def test_interrupted_upload_adds_no_version(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        with open_socket(sandbox) as connection:
            path = "/quantemplate/external/v1" + DATASET
            connection.sendall(head("POST", path, Content_Length=1000, **quantemplate.headers) + b"a\n1\n")
        sandbox.wait_for(lambda journal: journal.entries()[-1].outcome == "client_gone")

        assert sandbox.journal.entries()[-1].processed is False
        assert quantemplate.dataset().status_code == 204


class TestWithoutBody:
    def test_execute_refuses_an_empty_chunked_body(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        assert quantemplate.send("POST", EXECUTIONS, data=iter([])).status_code == 411
        assert sandbox.runs() == []

    def test_execute_accepts_a_content_length_of_0(self, quantemplate: QuantemplateClient) -> None:
        assert quantemplate.send("POST", EXECUTIONS, data=b"").status_code == 200


class TestDownload:
    @pytest.mark.parametrize(
        "version", ["", "latest", "-1", "1.0", "+1", " 1", "9223372036854775808", "\u0661"]
    )
    def test_version_must_be_an_int64(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, version: str
    ) -> None:
        assert quantemplate.dataset(version=version).status_code == 400
        assert refusal(sandbox).startswith("version: ")

    def test_duplicate_version_is_refused(self, quantemplate: QuantemplateClient) -> None:
        assert quantemplate.dataset(version=["1", "2"]).status_code == 400

    @pytest.mark.parametrize("version", ["0", "3", "9223372036854775807"])
    def test_unknown_version_is_not_found(self, quantemplate: QuantemplateClient, version: str) -> None:
        quantemplate.upload(b"a\n1\n")
        quantemplate.upload(b"a\n2\n")

        assert quantemplate.dataset(version=version).status_code == 404

    def test_dataset_without_a_version_returns_204(self, quantemplate: QuantemplateClient) -> None:
        response = quantemplate.dataset()

        assert (response.status_code, response.content) == (204, b"")


def test_a_slash_in_an_id_must_be_encoded(sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
    sandbox.quantemplate.add_dataset("d/1")
    sandbox.quantemplate.upload("d/1", b"a\n1\n")

    assert quantemplate.dataset("d%2F1").content == b"a\n1\n"
    assert quantemplate.dataset("d/1").status_code == 404


def test_paths_beside_the_api_do_not_exist(sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
    for path in (
        "",
        "/organisations",
        ORGANISATION + "/datasets",
        EXECUTIONS + "/e-1",
        EXECUTIONS + "/e-1/cancel",
    ):
        assert quantemplate.send("GET", path).status_code == 404
    assert all("no such path" in entry.refused for entry in sandbox.journal.entries()[1:] if entry.refused)
    assert sandbox.journal.count(operation="unknown") == 5
