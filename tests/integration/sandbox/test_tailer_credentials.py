"""Each wrong credential for Tailer, and each wrong request to Google's two endpoints, is refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataops_sandbox import ManualClock, Sandbox
from tests.integration.sandbox.clients import PATIENCE
from tests.integration.sandbox.tailer_client import ANY_JSON, TABLE, TailerClient, refusal

CLAIMS = ("iss", "sub", "email", "aud", "iat", "exp")
SIGN_IN = {"email": "user@tailer.example", "password": "sandbox-password", "returnSecureToken": True}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh-token"}


@pytest.fixture(scope="module")
def tailer(steady_tailer: TailerClient) -> TailerClient:
    return steady_tailer


class TestSelfSigned:
    def denied(self, tailer: TailerClient, token: str) -> str:
        """Use a token that must be refused, and return the reason."""
        headers = {"Authorization": f"Bearer {token}"}
        body = {"action": "get_last_status", **TABLE}
        response = tailer.send("POST", "/v1/dag/status", json=body, headers=headers)
        reason = refusal(response, 401)
        assert tailer.sandbox.journal.entries()[-1].refused == reason
        return reason

    @pytest.mark.parametrize("claim", CLAIMS)
    def test_token_without_a_required_claim_is_refused(self, tailer: TailerClient, claim: str) -> None:
        token = tailer.signed(**{claim: None})
        assert f'missing the "{claim}" claim' in self.denied(tailer, token)

    @pytest.mark.parametrize("claim", CLAIMS)
    @given(value=ANY_JSON)
    @settings(max_examples=10, deadline=None)
    def test_token_with_a_wrong_claim_is_refused(self, tailer: TailerClient, claim: str, value: Any) -> None:
        # Random whole numbers are never close to the present time.
        self.denied(tailer, tailer.signed(**{claim: value}))

    @pytest.mark.parametrize(
        ("issued", "lives", "reason"),
        [
            (0, 3601, "exp must be 1 to 3600 s after iat"),
            (0, 0, "exp must be 1 to 3600 s after iat"),
            (0, -1, "exp must be 1 to 3600 s after iat"),
            (400, 10, "in the future"),
        ],
    )
    def test_lifetime_is_at_most_an_hour(
        self, tailer: TailerClient, issued: int, lives: int, reason: str
    ) -> None:
        start = int(time.time()) + issued
        token = tailer.signed(iat=start, exp=start + lives)
        assert reason in self.denied(tailer, token)

    @pytest.mark.parametrize(
        "alg", ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256", ""]
    )
    def test_other_algorithms_are_refused(self, tailer: TailerClient, alg: str) -> None:
        token = tailer.signed(alg=alg)
        unsigned = token.rpartition(".")[0] + "."
        for text in (token, unsigned):
            assert "alg value is not allowed" in self.denied(tailer, text)

    @given(kid=st.text())
    @settings(max_examples=10, deadline=None)
    def test_other_keys_are_refused(self, tailer: TailerClient, kid: str) -> None:
        assert "has no key" in self.denied(tailer, tailer.signed(kid=kid))

    @given(data=st.data())
    @settings(max_examples=20, deadline=None)
    def test_token_with_one_changed_character_is_refused(
        self, tailer: TailerClient, data: st.DataObject
    ) -> None:
        token = tailer.signed()
        position = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.sampled_from("AZaz09-_.=").filter(lambda letter: letter != token[position]))
        self.denied(tailer, token[:position] + other + token[position + 1 :])


class TestGoogle:
    def send(self, tailer: TailerClient, kind: str, given: Any, **options: Any) -> str:
        """Send a request that Google's endpoint must refuse, and return the message."""
        store, before = tailer.sandbox.tailer, tailer.held()
        url = store.sign_in_url if kind == "json" else store.refresh_url
        options = {"params": {"key": "sandbox-web-key"}, kind: given, **options}
        response = requests.post(url, timeout=PATIENCE, **options)
        error = response.json()["error"]
        assert response.json() == {"error": {"code": response.status_code, "message": error["message"]}}
        assert tailer.held() == before
        return str(error["message"])

    def refused(self, tailer: TailerClient, kind: str, given: Any, **options: Any) -> str:
        reason = self.send(tailer, kind, given, **options)
        assert tailer.sandbox.journal.entries()[-1].refused == reason
        return reason

    @pytest.mark.parametrize(
        ("kind", "given", "name"),
        [*(("json", SIGN_IN, name) for name in SIGN_IN), *(("data", REFRESH, name) for name in REFRESH)],
    )
    def test_missing_field_is_refused(
        self, tailer: TailerClient, kind: str, given: dict[str, Any], name: str
    ) -> None:
        less = {other: value for other, value in given.items() if other != name}
        assert self.refused(tailer, kind, less) == f"{name} is missing"

    @given(name=st.text(min_size=1).filter(lambda name: name not in SIGN_IN | REFRESH), value=ANY_JSON)
    @example(name="return_secure_token", value=True)
    @example(name="refreshToken", value="sandbox-refresh-token")
    @settings(max_examples=10, deadline=None)
    def test_unknown_field_is_refused(self, tailer: TailerClient, name: str, value: Any) -> None:
        assert self.refused(tailer, "json", {**SIGN_IN, name: value}) == f"{name} is unknown"
        assert self.refused(tailer, "data", {**REFRESH, name: "x"}) == f"{name} is unknown"

    @pytest.mark.parametrize("name", SIGN_IN)
    @given(value=ANY_JSON)
    @example(value=1)
    @example(value="true")
    @settings(max_examples=10, deadline=None)
    def test_wrong_type_is_refused(self, tailer: TailerClient, name: str, value: Any) -> None:
        if type(value) is not type(SIGN_IN[name]) or value is False:
            assert self.refused(tailer, "json", {**SIGN_IN, name: value}).startswith(f"{name}: ")

    @given(grant=st.text().filter(lambda grant: grant != "refresh_token"))
    @settings(max_examples=10, deadline=None)
    def test_other_grant_types_are_refused(self, tailer: TailerClient, grant: str) -> None:
        assert self.refused(tailer, "data", {**REFRESH, "grant_type": grant}) == "INVALID_GRANT_TYPE"

    @pytest.mark.parametrize("name", REFRESH)
    def test_duplicate_field_is_refused(self, tailer: TailerClient, name: str) -> None:
        assert "twice" in self.refused(tailer, "data", [*REFRESH.items(), (name, REFRESH[name])])

    def test_json_for_a_form_and_a_form_for_json_are_refused(self, tailer: TailerClient) -> None:
        body, form = json.dumps(SIGN_IN), {"Content-Type": "application/x-www-form-urlencoded"}
        assert "Content-Type must be" in self.refused(tailer, "json", None, data=body, headers=form)
        as_json = {"Content-Type": "application/json"}
        assert "Content-Type must be" in self.refused(tailer, "data", REFRESH, headers=as_json)

    @pytest.mark.parametrize(("kind", "given"), [("json", SIGN_IN), ("data", REFRESH)])
    def test_needs_the_web_api_key(self, tailer: TailerClient, kind: str, given: dict[str, Any]) -> None:
        assert self.refused(tailer, kind, given, params={}) == "the request lacks an API key"
        for key in ("", "SANDBOX-WEB-KEY", "sandbox-web-key "):
            message = self.send(tailer, kind, given, params={"key": key})
            assert message == "API key not valid. Please pass a valid API key."

    @pytest.mark.parametrize(("kind", "given"), [("json", SIGN_IN), ("data", REFRESH)])
    def test_unknown_parameter_and_content_encoding_are_refused(
        self, tailer: TailerClient, kind: str, given: dict[str, Any]
    ) -> None:
        params = {"key": "sandbox-web-key", "alt": "json"}
        assert "'alt'" in self.refused(tailer, kind, given, params=params)
        assert self.refused(tailer, kind, given, headers={"Content-Encoding": "identity"})

    @pytest.mark.parametrize(
        ("kind", "given", "message"),
        [
            ("json", {**SIGN_IN, "email": "another@tailer.example"}, "EMAIL_NOT_FOUND"),
            ("json", {**SIGN_IN, "password": "SANDBOX-PASSWORD"}, "INVALID_PASSWORD"),
            ("data", {**REFRESH, "refresh_token": "another"}, "INVALID_REFRESH_TOKEN"),
        ],
    )
    def test_wrong_credential_gets_googles_error_code(
        self, tailer: TailerClient, kind: str, given: dict[str, Any], message: str
    ) -> None:
        assert self.send(tailer, kind, given) == message
        assert tailer.sandbox.journal.entries()[-1].refused is None

    def test_replaced_refresh_token_is_denied(self) -> None:
        with Sandbox(clock=ManualClock()) as sandbox, TailerClient(sandbox) as client:
            sandbox.tailer.configure(refresh_token="another")
            assert self.send(client, "data", REFRESH) == "INVALID_REFRESH_TOKEN"
