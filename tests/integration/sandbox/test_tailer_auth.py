"""The credentials that Tailer accepts: a service account, a Firebase user, or a bearer token."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.integration.sandbox.clients import PATIENCE
from tests.integration.sandbox.tailer_client import TABLE, TailerClient, sign

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox

# When the tests were collected; they may run half an hour later.
NOW = int(time.time())
ASK = {"action": "get_last_status", **TABLE}


def asked(tailer: TailerClient, token: str) -> int:
    tailer.use(token)
    return tailer.send("POST", "/v1/dag/status", json=ASK).status_code


class TestServiceAccount:
    def test_can_use_tokens_that_it_has_signed(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        token = sign(tailer.key, sandbox.url)
        assert asked(tailer, token) == 200
        tailer.launch()
        assert sandbox.runs()[0].created_by == tailer.key["client_email"]
        assert sandbox.journal.count() == 2, "no call to Google is needed"

    @pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER"])
    def test_name_of_the_scheme_is_case_insensitive(
        self, sandbox: Sandbox, tailer: TailerClient, scheme: str
    ) -> None:
        headers = {"Authorization": f"{scheme} {sign(tailer.key, sandbox.url)}"}
        assert tailer.ok("POST", "/v1/dag/status", json=ASK, headers=headers) == {"results": []}

    def test_token_can_contain_the_key_id(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        assert asked(tailer, sign(tailer.key, sandbox.url, kid=tailer.key["private_key_id"])) == 200
        assert asked(tailer, sign(tailer.key, sandbox.url, kid="another")) == 401
        assert "no key 'another'" in (sandbox.journal.entries()[-1].refused or "")

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "another@sandbox.iam.gserviceaccount.com"},
            {"sub": "another@sandbox.iam.gserviceaccount.com"},
            {"email": "another@sandbox.iam.gserviceaccount.com"},
            {"iss": None},
            {"sub": None},
            {"email": None},
            {"aud": None},
            {"iat": None},
            {"exp": None},
            {"aud": "https://tailer-api-nqonovswsq-ew.a.run.app"},
            {"aud": "{url}/tailer"},
            {"aud": "{url}/"},
            {"aud": ["{url}"]},
            {"exp": NOW + 90_000},
            {"iat": NOW, "exp": NOW},
            {"iat": str(NOW)},
            {"exp": NOW + 60.5},
            {"iat": NOW + 40_000, "exp": NOW + 41_000},
            {"alg": "none"},
            {"alg": "HS256"},
        ],
    )
    def test_undocumented_claims_are_refused(
        self, sandbox: Sandbox, tailer: TailerClient, claims: dict[str, Any]
    ) -> None:
        if isinstance(claims.get("aud"), str):
            claims = {"aud": claims["aud"].format(url=sandbox.url)}
        token = sign(tailer.key, **{"audience": sandbox.url, **claims})

        assert asked(tailer, token) == 401
        assert sandbox.journal.entries()[-1].refused

    def test_token_signed_with_another_key_is_refused(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

        assert asked(tailer, sign({**tailer.key, "private_key": pem}, sandbox.url)) == 401
        assert "Signature verification failed" in (sandbox.journal.entries()[-1].refused or "")

    def test_changed_claims_are_refused(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        head, claims, signature = sign(tailer.key, sandbox.url).split(".")
        changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"exp": NOW + 3599}
        claims = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
        assert asked(tailer, f"{head}.{claims}.{signature}") == 401

    @pytest.mark.parametrize("token", ["x", "x.y", "e30.e30", "e30=.e30=.e30=", "W10.W10.e30", "e30.e30.é"])
    def test_token_without_three_parts_is_refused(
        self, sandbox: Sandbox, tailer: TailerClient, token: str
    ) -> None:
        headers = {"Authorization": f"Bearer {token}".encode()}
        assert tailer.send("POST", "/v1/dag/status", json=ASK, headers=headers).status_code == 401
        assert sandbox.journal.entries()[-1].refused

    def test_expired_token_is_denied(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        token = sign(tailer.key, sandbox.url)
        clock.advance(3590)
        assert asked(tailer, token) == 200
        clock.advance(20)
        response = tailer.send("POST", "/v1/dag/status", json=ASK)
        assert (response.status_code, response.json()["message"]) == (401, "ko: the token has expired")
        assert sandbox.journal.refusals() == []

    def test_revoked_token_is_denied_once_because_a_new_one_can_be_equal(
        self, sandbox: Sandbox, tailer: TailerClient
    ) -> None:
        seen = sign(tailer.key, sandbox.url, iat=NOW - 10, exp=NOW + 3_000)
        unseen, fresh = (sign(tailer.key, sandbox.url, iat=NOW - n, exp=NOW + 3_000) for n in (20, 5))
        assert asked(tailer, seen) == 200
        sandbox.tailer.revoke()

        assert [asked(tailer, seen) for _ in range(2)] == [401, 200]
        assert asked(tailer, fresh) == 200
        sandbox.tailer.revoke()
        assert [asked(tailer, unseen) for _ in range(2)] == [401, 200]


class TestFirebase:
    def sign_in(self, sandbox: Sandbox, key: str | None = "sandbox-web-key", **members: Any) -> Any:
        body = {"email": "user@tailer.example", "password": "sandbox-password", "returnSecureToken": True}
        return requests.post(
            sandbox.tailer.sign_in_url,
            params={} if key is None else {"key": key},
            json={name: value for name, value in {**body, **members}.items() if value is not None},
            timeout=PATIENCE,
        )

    def refresh(self, sandbox: Sandbox, token: str, key: str = "sandbox-web-key", **fields: str) -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": token, **fields}
        return requests.post(sandbox.tailer.refresh_url, params={"key": key}, data=form, timeout=PATIENCE)

    def test_user_signs_in_and_refreshes_the_token(
        self, sandbox: Sandbox, tailer: TailerClient, clock: ManualClock
    ) -> None:
        sandbox.tailer.configure(token_lifetime=60)
        signed = self.sign_in(sandbox).json()
        assert signed["expiresIn"] == "60"
        assert asked(tailer, signed["idToken"]) == 200
        claims = jwt.decode(signed["idToken"], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 60
        clock.advance(60)
        assert asked(tailer, signed["idToken"]) == 401

        renewed = self.refresh(sandbox, signed["refreshToken"]).json()

        assert asked(tailer, renewed["id_token"]) == 200
        assert renewed["refresh_token"] != signed["refreshToken"]
        assert renewed["expires_in"] == "60"
        assert renewed["user_id"] == signed["localId"]
        assert asked(tailer, self.refresh(sandbox, renewed["refresh_token"]).json()["id_token"]) == 200
        assert sandbox.journal.refusals() == []

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"email": "x@tailer.example"}, "EMAIL_NOT_FOUND"),
            ({"password": "wrong"}, "INVALID_PASSWORD"),
            ({"key": "wrong"}, "API key not valid. Please pass a valid API key."),
        ],
    )
    def test_wrong_credentials_get_googles_error(
        self, sandbox: Sandbox, members: dict[str, str], message: str
    ) -> None:
        response = self.sign_in(sandbox, **members)
        assert response.status_code == 400
        assert response.json() == {"error": {"code": 400, "message": message}}
        assert sandbox.journal.refusals() == []

    @pytest.mark.parametrize(
        "members",
        [
            {"returnSecureToken": None},
            {"returnSecureToken": False},
            {"email": 7},
            {"password": None},
            {"tenantId": "x"},
            {"key": None},
        ],
    )
    def test_undocumented_sign_in_is_refused(self, sandbox: Sandbox, members: dict[str, Any]) -> None:
        response = self.sign_in(sandbox, **members)
        assert response.status_code in (400, 403)
        assert response.json()["error"]["message"]
        assert sandbox.journal.entries()[-1].refused

    def test_sign_in_must_be_json_and_refresh_a_form(self, sandbox: Sandbox) -> None:
        for url in (sandbox.tailer.sign_in_url, sandbox.tailer.refresh_url):
            form = {"grantType": "refresh_token", "refreshToken": "sandbox-refresh-token"}
            options: dict[str, Any] = {"data": form} if url == sandbox.tailer.sign_in_url else {"json": form}
            response = requests.post(f"{url}?key=sandbox-web-key", timeout=PATIENCE, **options)
            assert response.status_code == 400
            assert response.json()["error"]["code"] == 400
            assert sandbox.journal.entries()[-1].refused

    @pytest.mark.parametrize(
        "form",
        [
            {"grantType": "refresh_token", "refreshToken": "sandbox-refresh-token"},
            {"grant_type": "refresh_token"},
            {"grant_type": "password", "refresh_token": "sandbox-refresh-token"},
        ],
    )
    def test_refresh_fields_are_in_snake_case(self, sandbox: Sandbox, form: dict[str, str]) -> None:
        url = f"{sandbox.tailer.refresh_url}?key=sandbox-web-key"
        assert requests.post(url, data=form, timeout=PATIENCE).status_code == 400
        assert sandbox.journal.entries()[-1].refused

    def test_unknown_refresh_token_and_key_get_googles_error(self, sandbox: Sandbox) -> None:
        assert self.refresh(sandbox, "none").json()["error"]["message"] == "INVALID_REFRESH_TOKEN"
        assert self.refresh(sandbox, "sandbox-refresh-token", key="x").status_code == 400
        assert sandbox.journal.refusals() == []

    def test_revoked_token_can_be_refreshed(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        token = self.sign_in(sandbox).json()["idToken"]
        sandbox.tailer.revoke()
        assert [asked(tailer, token) for _ in range(2)] == [401, 401]
        assert asked(tailer, self.refresh(sandbox, "sandbox-refresh-token").json()["id_token"]) == 200


class TestConnections:
    def test_of_a_service_account(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        connection = sandbox.connection("tailer")
        extra = connection["extra"]

        assert connection["host"] == f"{sandbox.url}/tailer"
        assert (extra["auth_type"], extra["account"], extra["environment"]) == (
            "service_account",
            "000099",
            "DEV",
        )
        assert asked(tailer, sign(json.loads(extra["service_account_secret_json"]), sandbox.url)) == 200

    def test_of_a_firebase_user_with_a_password(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        connection = sandbox.tailer.connection("firebase")
        extra = connection["extra"]
        body = {
            "email": connection["login"],
            "password": connection["password"],
            "returnSecureToken": True,
        }
        url = f"{extra['firebase_sign_in_url']}?key={extra['firebase_api_key']}"
        assert asked(tailer, requests.post(url, json=body, timeout=PATIENCE).json()["idToken"]) == 200
        assert "refresh_token" not in extra

    def test_of_a_firebase_user_with_a_refresh_token(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        connection = sandbox.tailer.connection("firebase", refresh_token=True)
        extra = connection["extra"]
        form = {"grant_type": "refresh_token", "refresh_token": extra["refresh_token"]}
        url = f"{extra['firebase_refresh_url']}?key={extra['firebase_api_key']}"
        assert asked(tailer, requests.post(url, data=form, timeout=PATIENCE).json()["id_token"]) == 200
        assert "password" not in connection

    def test_of_a_bearer_token(self, sandbox: Sandbox, tailer: TailerClient) -> None:
        token = sandbox.tailer.connection("bearer")["extra"]["api_token"]
        assert asked(tailer, token) == 200
        sandbox.tailer.revoke()
        assert asked(tailer, token) == 401
        sandbox.tailer.configure(api_token="another")
        assert asked(tailer, sandbox.tailer.connection("bearer")["extra"]["api_token"]) == 200

    def test_of_an_unknown_kind_is_rejected(self, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match="service_account, firebase or bearer"):
            sandbox.tailer.connection("basic")
