"""Each test breaks one rule of Quantemplate's API: a field, a parameter, an id or a credential is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.integration.sandbox.clients import PATIENCE, TOKEN_FORM, QuantemplateClient

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

NAMES = st.text(min_size=1)

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
"""Texts that a header can contain."""

PATHS = {
    "dataset": "/organisations/c-sandbox/datasets/d-claims",
    "pipeline": "/organisations/c-sandbox/pipelines/p-claims/executions",
    "output": "/organisations/c-sandbox/pipelines/p-claims/executions/e-0/outputs/o-0",
}

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "upload dataset": ("POST", PATHS["dataset"], {"data": b"a\n1\n"}),
    "download dataset": ("GET", PATHS["dataset"], {}),
    "execute pipeline": ("POST", PATHS["pipeline"], {}),
    "list executions": ("GET", PATHS["pipeline"], {}),
    "download output": ("GET", PATHS["output"], {}),
}


def send(client: QuantemplateClient, call: str, **changes: Any) -> requests.Response:
    method, path, options = CALLS[call]
    return client.send(method, changes.pop("path", path), **options, **changes)


def check_nothing_happened(sandbox: Sandbox) -> None:
    assert sandbox.runs() == []
    assert not any(dataset.versions for dataset in sandbox.quantemplate.datasets.values())


def check_refused(sandbox: Sandbox, response: requests.Response, reason: str, status: int = 400) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reason in response.text
    assert sandbox.journal.entries()[-1].refused == response.text
    check_nothing_happened(sandbox)


def check_denied(sandbox: Sandbox, response: requests.Response, status: int, answer: object) -> None:
    """Check the error response to a valid request; the journal must not show it as refused."""
    assert (response.status_code, response.json()) == (status, answer)
    assert sandbox.journal.entries()[-1].refused is None
    check_nothing_happened(sandbox)


class TestToken:
    WRONG = "Invalid client or Invalid client credentials"

    def ask(self, sandbox: Sandbox, form: object) -> requests.Response:
        return requests.post(sandbox.quantemplate.auth_url, data=form, timeout=PATIENCE)  # type: ignore[arg-type]

    def check(
        self, sandbox: Sandbox, form: object, status: int, error: str, description: str, *, refused: bool
    ) -> None:
        response = self.ask(sandbox, form)
        assert response.status_code == status
        assert response.json() == {"error": error, "error_description": description}
        assert (sandbox.journal.entries()[-1].refused is not None) == refused

    @pytest.mark.parametrize(
        ("field", "status", "error", "description"),
        [
            ("grant_type", 400, "invalid_request", "Missing form parameter: grant_type"),
            ("client_id", 400, "invalid_client", "Missing client_id parameter"),
            ("client_secret", 401, "unauthorized_client", WRONG),
        ],
    )
    def test_missing_field_is_refused(
        self, sandbox: Sandbox, field: str, status: int, error: str, description: str
    ) -> None:
        form = {name: value for name, value in TOKEN_FORM.items() if name != field}
        self.check(sandbox, form, status, error, description, refused=True)

    @few
    @given(wrong=st.text() | st.sampled_from(["password", "refresh_token", "CLIENT_CREDENTIALS"]))
    def test_wrong_grant_type_is_refused(self, sandbox: Sandbox, wrong: str) -> None:
        assume(wrong != TOKEN_FORM["grant_type"])
        form = {**TOKEN_FORM, "grant_type": wrong}
        self.check(sandbox, form, 400, "unsupported_grant_type", "Unsupported grant_type", refused=True)

    @pytest.mark.parametrize(
        ("field", "error"), [("client_id", "invalid_client"), ("client_secret", "unauthorized_client")]
    )
    @few
    @given(wrong=st.text())
    def test_wrong_credential_is_denied(self, sandbox: Sandbox, field: str, error: str, wrong: str) -> None:
        assume(wrong != TOKEN_FORM[field])
        self.check(sandbox, {**TOKEN_FORM, field: wrong}, 401, error, self.WRONG, refused=False)

    @few
    @given(name=NAMES, value=st.text())
    def test_unknown_field_is_refused(self, sandbox: Sandbox, name: str, value: str) -> None:
        assume(name not in TOKEN_FORM)
        form = {**TOKEN_FORM, name: value}
        self.check(sandbox, form, 400, "invalid_request", f"{name} is unknown", refused=True)

    @pytest.mark.parametrize("field", TOKEN_FORM)
    def test_duplicate_field_is_refused(self, sandbox: Sandbox, field: str) -> None:
        form = [*TOKEN_FORM.items(), (field, TOKEN_FORM[field])]
        self.check(sandbox, form, 400, "invalid_request", "duplicated parameter", refused=True)

    def test_too_long_form_is_refused(self, sandbox: Sandbox) -> None:
        response = self.ask(sandbox, {**TOKEN_FORM, "client_secret": "x" * 100_000})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    def test_old_secret_is_denied_after_its_rotation(self, sandbox: Sandbox) -> None:
        sandbox.quantemplate.configure(client_secret="next")

        self.check(sandbox, TOKEN_FORM, 401, "unauthorized_client", self.WRONG, refused=False)
        assert self.ask(sandbox, {**TOKEN_FORM, "client_secret": "next"}).status_code == 200


@pytest.mark.parametrize("call", CALLS)
class TestEveryCall:
    @few
    @given(scheme=st.sampled_from(["Bearer", "bearer", "Basic", "Token", "X-API-KEY"]), token=WORDS)
    def test_unknown_token_is_refused(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str, scheme: str, token: str
    ) -> None:
        headers = {"Authorization": f"{scheme} {token}"}
        response = send(quantemplate, call, headers=headers)
        check_refused(sandbox, response, "token", 401)

    @pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "Bearer: "])
    def test_token_without_bearer_is_refused(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str, scheme: str
    ) -> None:
        token = quantemplate.headers["Authorization"].removeprefix("Bearer ")
        response = send(quantemplate, call, headers={"Authorization": scheme + token})
        check_refused(sandbox, response, "no bearer token", 401)

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
    def test_name_of_the_scheme_is_case_insensitive(
        self, quantemplate: QuantemplateClient, call: str, scheme: str
    ) -> None:
        token = quantemplate.headers["Authorization"].removeprefix("Bearer ")
        response = send(quantemplate, call, headers={"Authorization": f"{scheme} {token}"})
        assert response.status_code in (200, 204, 404)

    def test_refresh_token_is_not_accepted_as_access_token(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str
    ) -> None:
        answer = requests.post(quantemplate.auth_url, data=TOKEN_FORM, timeout=PATIENCE).json()
        headers = {"Authorization": f"Bearer {answer['refresh_token']}"}
        response = send(quantemplate, call, headers=headers)
        check_refused(sandbox, response, "never issued", 401)

    @few
    @given(name=NAMES)
    def test_unknown_parameter_is_refused(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str, name: str
    ) -> None:
        assume(name != "version")
        response = send(quantemplate, call, params={name: "1"})
        check_refused(sandbox, response, f"unknown query parameter {name!r}")

    @few
    @given(wrong=WORDS)
    def test_other_organisation_is_denied(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str, wrong: str
    ) -> None:
        other = f"c-{wrong.encode().hex()}"
        response = send(quantemplate, call, path=CALLS[call][1].replace("c-sandbox", other))

        assert (response.status_code, other in response.text) == (403, True)
        assert response.headers["Content-Type"].startswith("text/plain")
        check_nothing_happened(sandbox)

    @few
    @given(wrong=WORDS)
    def test_unknown_id_is_not_found(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str, wrong: str
    ) -> None:
        path = CALLS[call][1].replace("-claims", f"-{wrong.encode().hex()}")
        answer = {"executionId": {"value": ""}, "outputId": {"value": ""}}
        check_denied(sandbox, send(quantemplate, call, path=path), 404, answer)


class TestBodies:
    @pytest.mark.parametrize(
        "call", ["download dataset", "execute pipeline", "list executions", "download output"]
    )
    @few
    @given(body=st.binary(min_size=1))
    def test_body_is_refused_by_operations_without_one(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, call: str, body: bytes
    ) -> None:
        check_refused(sandbox, send(quantemplate, call, data=body), "takes no body")

    @pytest.mark.parametrize(
        "kind", ["multipart/form-data; boundary=x", "multipart/mixed", "application/json"]
    )
    def test_upload_with_a_wrong_content_type_is_refused(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, kind: str
    ) -> None:
        response = send(quantemplate, "upload dataset", headers={"Content-Type": kind})
        check_refused(sandbox, response, "bare bytes", 415)


class TestDownloads:
    @few
    @example(str(2**63))
    @example("\u0661")
    @given(wrong=st.text() | st.integers(max_value=-1).map(str) | st.integers(min_value=2**63).map(str))
    def test_version_that_is_not_an_int64_is_refused(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, wrong: str
    ) -> None:
        assume(not (wrong.isascii() and wrong.isdigit() and int(wrong) < 2**63))
        check_refused(sandbox, quantemplate.dataset(version=wrong), "version: ")

    @few
    @given(wrong=st.integers(min_value=2, max_value=2**63 - 1) | st.just(0))
    def test_unknown_version_is_not_found(self, quantemplate: QuantemplateClient, wrong: int) -> None:
        if quantemplate.dataset().status_code == 204:
            quantemplate.upload(b"a\n1\n")
        assert quantemplate.dataset(version=wrong).status_code == 404

    @few
    @given(execution=WORDS, output=WORDS)
    def test_unknown_output_is_not_found(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, execution: str, output: str
    ) -> None:
        execution, output = execution.encode().hex(), output.encode().hex()
        answer = {"executionId": {"value": execution}, "outputId": {"value": output}}
        check_denied(sandbox, quantemplate.output(execution, output), 404, answer)
