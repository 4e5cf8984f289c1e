"""The three kinds of credential for Tailer: what each sends, and what it never shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_dataops.core.http import BlockingCall, EnsureCredentials
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConnectionSettingsError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.fakes import FakeClock, content_of, play, reply
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.logins import (
    EMAIL,
    FIREBASE,
    REFRESHED,
    error_of,
    key_json,
    rsa_key,
    signer,
)
from tests.unit.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

    from jwt.types import Options

    from airflow_provider_dataops.platforms.tailer.api import TailerApi


NOW = 1_800_000_000
SIGN_IN = "https://www.googleapis.com/identitytoolkit/v3/relyingparty/verifyPassword?key=AIza-key"
REFRESH = "https://securetoken.googleapis.com/v1/token?key=AIza-key"
PERSON: dict[str, Any] = {**FIREBASE, "login": "ann@example.com", "password": 'pä"ss'}


def token_of(api: TailerApi) -> str:
    return api.credentials()["Authorization"].removeprefix("Bearer ")


class TestServiceAccount:
    def test_signs_what_the_guide_asks_for(self) -> None:
        api = signer(host="https://gate.example/tailer/")
        done = play(api.login())
        assert done.requests == []
        options: Options = {"verify_exp": False, "verify_iat": False}
        assert jwt.decode(
            token_of(api),
            rsa_key().public_key(),
            algorithms=["RS256"],
            audience="https://gate.example",
            options=options,
        ) == {
            "iss": EMAIL,
            "sub": EMAIL,
            "email": EMAIL,
            "aud": "https://gate.example",
            "iat": NOW,
            "exp": NOW + 3600,
        }

    def test_the_audience_is_the_platforms_own_url_by_default(self) -> None:
        api = signer()
        play(api.login())
        claims = jwt.decode(token_of(api), options={"verify_signature": False})
        assert claims["aud"] == "https://tailer-api-nqonovswsq-ew.a.run.app"

    def test_reads_and_signs_outside_the_event_loop(self) -> None:
        exchange = signer().login()
        assert isinstance(next(exchange), BlockingCall)
        assert isinstance(exchange.send({"client_email": EMAIL, "private_key": "k"}), BlockingCall)

    def test_masks_only_the_signature(self) -> None:
        api = signer()
        assert play(api.login()).secrets == [token_of(api).rpartition(".")[2]]

    def test_the_key_may_be_in_a_file_that_each_login_reads(self, tmp_path: Path) -> None:
        path = tmp_path / "key.json"
        api = signer(str(path))
        path.write_text(key_json())
        done = play(api.login())
        assert done.secrets[0] == json.loads(key_json())["private_key"]
        path.write_text(key_json(client_email="other@project"))
        play(api.login())
        assert jwt.decode(token_of(api), options={"verify_signature": False})["iss"] == "other@project"

    def test_the_key_may_be_a_json_object(self) -> None:
        api = signer(json.loads(key_json()))
        play(api.login())
        assert token_of(api).count(".") == 2

    def test_the_private_key_is_a_secret_of_the_connection(self) -> None:
        assert signer().settings.secrets == (json.loads(key_json())["private_key"],)

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("", "'service_account_secret_json' is empty"),
            ("{planted-secret", "the key is not JSON"),
            ("-----BEGIN\nplanted-secret", "neither JSON nor the path"),
            ({"planted-secret": 1}, "no client_email and no private_key"),
            (key_json(private_key=None), "the key has no private_key;"),
            (key_json(client_email=5), "the key has no client_email;"),
        ],
    )
    def test_an_invalid_key_raises_an_error_before_anything_is_sent(self, key: Any, words: str) -> None:
        with pytest.raises(ConnectionSettingsError, match=words) as caught:
            tailer(auth_type="service_account", service_account_secret_json=key)
        assert "connection 'tl'" in str(caught.value)
        assert "planted-secret" not in str(caught.value)

    @pytest.mark.parametrize(
        "key", ["planted-secret", key_json(ec.generate_private_key(ec.SECP256R1())), "-----BEGIN X-----"]
    )
    def test_a_key_that_cannot_sign_raises_an_error_that_does_not_show_it(self, key: str) -> None:
        key_file = key if key.startswith("{") else key_json(private_key=key)
        error = play(signer(key_file).login()).error
        assert isinstance(error, ConnectionSettingsError)
        assert "its private_key cannot sign (RS256)" in str(error)
        assert (error.__cause__, error.__context__) == (None, None)
        assert "planted-secret" not in str(error)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "cannot be read: No such file"),
            (b"\xffplanted-secret", "it is not text"),
            (b"planted-secret", "not JSON"),
        ],
    )
    def test_an_invalid_key_file_raises_an_error(
        self, tmp_path: Path, content: bytes | None, words: str
    ) -> None:
        if content is not None:
            (tmp_path / "key.json").write_bytes(content)
        error = play(signer(str(tmp_path / "key.json")).login()).error
        assert isinstance(error, ConnectionSettingsError)
        assert words in str(error)
        assert "planted-secret" not in str(error)


class TestFirebase:
    def test_signs_in_by_email_and_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wire = Wire.installed(monkeypatch).expect(
            reply(body={"idToken": "a.b.c", "refreshToken": "r", "expiresIn": "3600"})
        )
        api = tailer(**PERSON)
        masked: list[str] = []
        SyncDriver(api, register_secret=masked.append, clock=FakeClock()).run(api.login())
        (request,) = wire.sent
        assert (request.method, request.url) == ("POST", SIGN_IN)
        body = '{"email":"ann@example.com","password":"pä\\"ss","returnSecureToken":true}'.encode()
        assert request.body == body
        assert request.headers == {
            "User-Agent": "airflow-provider-dataops",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        assert (token_of(api), masked) == ("a.b.c", ["c"])

    def test_renews_by_the_refresh_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wire = Wire.installed(monkeypatch).expect(
            reply(body={"id_token": "a.b.c", "refresh_token": "refresh-1", "expires_in": "3600"})
        )
        api = tailer(**REFRESHED)
        SyncDriver(api, register_secret=lambda _: None, clock=FakeClock()).run(api.login())
        (request,) = wire.sent
        assert (request.method, request.url) == ("POST", REFRESH)
        assert request.body == b"grant_type=refresh_token&refresh_token=refresh-1"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert "Authorization" not in request.headers

    def test_a_refresh_token_that_is_replaced_is_used_and_masked(self) -> None:
        api = tailer(**REFRESHED)
        first = play(api.login(), reply(body={"id_token": "a.b.c", "refresh_token": "refresh-2"}))
        assert first.secrets == ["refresh-2", "c"]
        second = play(api.login(), reply(body={"id_token": "a.b.d", "refresh_token": "refresh-2"}))
        assert content_of(second.requests[0]).endswith(b"&refresh_token=refresh-2")
        assert second.secrets == ["d"]

    def test_the_urls_of_google_can_be_configured(self) -> None:
        urls: dict[str, Any] = {
            "firebase_sign_in_url": "http://box/in",
            "firebase_refresh_url": "http://box/re",
        }
        token = reply(body={"idToken": "t", "id_token": "t"})
        assert play(tailer(**PERSON, **urls).login(), token).requests[0].url == "http://box/in?key=AIza-key"
        done = play(tailer(**REFRESHED, **urls).login(), token)
        assert done.requests[0].url == "http://box/re?key=AIza-key"

    def test_api_key_password_and_refresh_token_are_secrets(self) -> None:
        assert set(tailer(**PERSON).settings.secrets) == {"AIza-key", 'pä"ss'}
        assert set(tailer(**REFRESHED).settings.secrets) == {"AIza-key", "refresh-1"}

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"firebase_api_key": ""}, "'firebase_api_key' is empty"),
            ({}, "needs extra field 'refresh_token', or login"),
            ({"login": "ann@example.com"}, "password is empty"),
            ({"password": "planted-secret"}, r"login \(the email\) is empty"),
            ({"refresh_token": "planted\nsecret"}, "'refresh_token' contains characters"),
            ({"refresh_token": "r", "firebase_sign_in_url": "ftp://x"}, "'firebase_sign_in_url' must be"),
            (
                {"refresh_token": "r", "firebase_refresh_url": "https://x?key=1"},
                "'firebase_refresh_url' must",
            ),
        ],
    )
    def test_an_incomplete_connection_raises_an_error(self, given: dict[str, Any], words: str) -> None:
        with pytest.raises(ConnectionSettingsError, match=words) as caught:
            tailer(**FIREBASE | given)
        assert "planted" not in str(caught.value)

    @pytest.mark.parametrize("body", [{"refresh_token": "planted"}, [], {"id_token": 5}])
    def test_a_response_without_a_token_is_not_shown_in_the_error(self, body: object) -> None:
        error = play(tailer(**REFRESHED).login(), reply(body=body)).error
        assert isinstance(error, ApiError)
        assert "the response contains no id_token" in str(error)
        assert "planted" not in str(error) + error.body

    @pytest.mark.parametrize(
        ("given", "secret", "operation", "blamed"),
        [
            (PERSON, 'pä"ss', "sign in with login and password", "login and password with extra"),
            (REFRESHED, "refresh-1", "renew the token by refresh_token", "'refresh_token' with extra"),
        ],
    )
    def test_a_rejection_names_the_credential(
        self, given: Any, secret: str, operation: str, blamed: str
    ) -> None:
        api = tailer(**given)
        rejected = reply(400, {"error": {"code": 400, "message": f"INVALID {secret} of AIza-key"}})
        error = error_of(api.login(), rejected, api=api)
        assert isinstance(error, AuthenticationError)
        assert error.operation == operation
        assert f"{blamed} field 'firebase_api_key'" in str(error)
        assert "HTTP 400: INVALID *** of *** (" in str(error)

    def test_a_failure_of_google_does_not_blame_the_credential(self) -> None:
        api = tailer(**REFRESHED)
        error = error_of(api.login(), reply(503, {"error": {"code": 503, "message": "down"}}), api=api)
        assert str(error).endswith("HTTP 503: down (POST /v1/token)")

    def test_a_bad_request_to_tailer_does_not_blame_the_credential(self) -> None:
        api = tailer()
        error = error_of(api.get_by_status("workflow"), reply(400, {"message": "no limit"}), api=api)
        assert "HTTP 400: no limit (POST" in str(error)
        assert not isinstance(error, AuthenticationError)


class TestConnection:
    def test_uses_a_service_account_by_default(self) -> None:
        with pytest.raises(ConnectionSettingsError, match="'service_account_secret_json' is empty"):
            tailer(auth_type="")

    def test_with_an_unknown_auth_type_raises_an_error(self) -> None:
        with pytest.raises(ConnectionSettingsError, match="must be one of service_account, firebase, bearer"):
            tailer(auth_type="oauth")

    @pytest.mark.parametrize(
        ("extra", "words"),
        [
            ({"api_token": " "}, "'api_token' is empty"),
            ({"account": "99"}, "account must be a text of six digits"),
            ({"account": 99}, "'account' must be a text"),
            ({"environment": "dev"}, "environment must be one of PROD, PREPROD, STAGING, DEV; given: 'dev'"),
            ({"studio_url": "studio"}, "'studio_url' must be"),
        ],
    )
    def test_with_an_invalid_field_raises_an_error(self, extra: dict[str, Any], words: str) -> None:
        with pytest.raises(ConnectionSettingsError, match=f"connection 'tl': .*{words}"):
            tailer(**extra)

    @pytest.mark.parametrize(
        ("given", "secrets"),
        [
            (PERSON, ["AIza-key", 'pä"ss']),
            (REFRESHED, ["AIza-key", "refresh-1"]),
            ({}, ["t0ken"]),
            ({"auth_type": "service_account", "service_account_secret_json": key_json()}, ["PRIVATE KEY"]),
        ],
        ids=["person", "refresh token", "given", "service account"],
    )
    def test_shows_no_secret_in_a_repr(self, given: dict[str, Any], secrets: list[str]) -> None:
        api = tailer(**given)
        printed = repr((api, api.settings, api._source, api.settings.account, api.settings.account_key))
        assert not [secret for secret in secrets if secret in printed]

    def test_has_its_own_account_key_for_each_credential(self) -> None:
        others = [PERSON, {**PERSON, "login": "bob@example.com"}, REFRESHED, {}]
        assert len({tailer(**other).settings.account_key for other in others}) == 4

    def test_is_tested_by_reading_the_account(self) -> None:
        done = play(tailer().test(), reply(body={"anything": 1}))
        assert done.value == "the credentials are accepted for account 000099, DEV"
        assert b'"action":"get_by_status"' in content_of(done.requests[0])

    @pytest.mark.parametrize("missing", ["account", "environment"])
    @pytest.mark.parametrize("answer", [reply(body=[]), BadRequestError("KO"), PermissionDeniedError("403")])
    def test_without_an_account_sends_the_token_to_tailer(self, missing: str, answer: Any) -> None:
        without: dict[str, Any] = {missing: ""}
        done = play(tailer(**without).test(), answer)
        assert done.value.startswith("the host responds; fill in account and environment")
        assert b'"action":"get_by_status"' in content_of(done.requests[0])

    @pytest.mark.parametrize(
        "answer",
        [
            AuthenticationError("401"),
            PermissionDeniedError("403", body=" <html>"),
            NotFoundError("404"),
            ServerError("503"),
        ],
    )
    def test_without_an_account_fails_if_tailer_does_not_accept_the_token(self, answer: ApiError) -> None:
        assert play(tailer(account="").test(), answer).error is answer


def test_a_login_is_one_step_so_only_one_runs_at_a_time() -> None:
    api = signer()
    steps = whole(api.get_by_status("workflow"), api=api, policy=ONCE, clock=FakeClock())
    assert isinstance(next(steps), EnsureCredentials)
