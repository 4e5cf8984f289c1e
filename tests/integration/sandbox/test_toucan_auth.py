"""The credentials that Toucan accepts, and the lock after wrong ones."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import jwt
import pytest
from requests.auth import HTTPBasicAuth

from tests.integration.sandbox.toucan_client import APP, AUTH, ToucanClient

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox

CONFIG = f"{APP}/config"
WRONG = (AUTH[0], "wrong")


def statuses(toucan: ToucanClient, count: int = 1) -> list[int]:
    return [toucan.send("GET", CONFIG).status_code for _ in range(count)]


class TestLogin:
    def test_returns_a_token_with_an_expiry(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        sandbox.toucan.configure(token_lifetime=60)
        answer = toucan.log_in()
        token = answer.json()["token"]
        now = sandbox.toucan.world.timeline.wall(0).timestamp()

        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] == pytest.approx(now + 60, abs=1)
        assert statuses(toucan.with_token(token)) == [200]
        clock.advance(60)
        response = toucan.send("GET", CONFIG)
        assert (response.status_code, response.json()["message"]) == (401, "the access token has expired")
        assert sandbox.journal.refusals() == []

    def test_can_return_a_token_without_an_expiry(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        sandbox.toucan.configure(jwt_tokens=False)
        token = toucan.log_in().json()["token"]

        assert token.count(".") == 1
        assert statuses(toucan.with_token(token)) == [200]

    def test_returns_a_new_token_each_time(self, toucan: ToucanClient) -> None:
        assert toucan.log_in().json() != toucan.log_in().json()

    def test_answers_wrong_credentials_with_plain_text(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        response = toucan.log_in(password="wrong")

        assert (response.status_code, response.text) == (401, "Wrong username or password.")
        assert response.headers["Content-Type"].startswith("text/plain")
        assert sandbox.journal.refusals() == []

    @pytest.mark.parametrize(
        "body", [{}, {"username": AUTH[0]}, {"login": "a", "password": "b"}, {"username": 7, "password": "x"}]
    )
    def test_takes_username_and_password(self, toucan: ToucanClient, body: object) -> None:
        assert toucan.send("POST", "/login", json=body).status_code == 400


class TestBearer:
    def test_configured_token_works_until_it_is_revoked(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.with_token("sandbox-token")
        assert statuses(toucan) == [200]
        sandbox.toucan.revoke()
        assert statuses(toucan) == [401]
        sandbox.toucan.configure(api_token="another")
        assert statuses(toucan) == [401]
        assert statuses(toucan.with_token("another")) == [200]

    @pytest.mark.parametrize(
        "header", ["Bearer", "Bearer ", "Bearer x.y.z", "Token sandbox-token", "sandbox-token"]
    )
    def test_unknown_token_is_refused(self, sandbox: Sandbox, toucan: ToucanClient, header: str) -> None:
        toucan.session.auth = None
        assert toucan.send("GET", CONFIG, headers={"Authorization": header}).status_code == 401
        assert sandbox.journal.entries()[-1].refused

    def test_revoke_does_not_affect_basic_credentials(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        sandbox.toucan.revoke()
        assert statuses(toucan) == [200]


@pytest.mark.parametrize("text", [b"no colon", b"\xff:\xff", None])
def test_basic_credentials_must_be_base64_of_a_pair(
    sandbox: Sandbox, toucan: ToucanClient, text: bytes | None
) -> None:
    encoded = "no/base64!" if text is None else base64.b64encode(text).decode()
    toucan.session.auth = None
    assert toucan.send("GET", CONFIG, headers={"Authorization": f"Basic {encoded}"}).status_code == 401
    assert sandbox.journal.entries()[-1].refused


def test_basic_credentials_must_be_utf8(sandbox: Sandbox, toucan: ToucanClient) -> None:
    sandbox.toucan.configure(password="pä:ß")
    toucan.session.auth = HTTPBasicAuth(AUTH[0].encode(), "pä:ß".encode())
    assert statuses(toucan) == [200]


class TestLock:
    def test_sixth_failure_in_a_minute_locks_the_user_out(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        token = toucan.log_in().json()["token"]
        toucan.session.auth = WRONG
        assert statuses(toucan, 5) == [401] * 5
        toucan.session.auth = AUTH
        assert statuses(toucan) == [200]
        toucan.session.auth = WRONG
        assert statuses(toucan) == [429]
        toucan.session.auth = AUTH

        response = toucan.send("GET", CONFIG)
        login = toucan.log_in()

        assert "too many requests" in response.json()["message"].lower()
        assert (response.status_code, login.status_code) == (429, 429)
        assert json.loads(login.text)["message"] == response.json()["message"]
        assert statuses(ToucanClient(sandbox).with_token(token)) == [429]
        clock.advance(59)
        assert statuses(toucan) == [429]
        clock.advance(1)
        assert statuses(toucan) == [200]
        assert sandbox.journal.refusals() == []

    def test_also_counts_failed_logins(self, toucan: ToucanClient) -> None:
        assert [toucan.log_in(password="wrong").status_code for _ in range(6)] == [401] * 5 + [429]
        assert statuses(toucan) == [429]

    def test_lasts_as_long_as_wrong_requests_continue(self, toucan: ToucanClient, clock: ManualClock) -> None:
        toucan.session.auth = WRONG
        for _ in range(20):
            statuses(toucan)
            clock.advance(9)
        toucan.session.auth = AUTH
        assert statuses(toucan) == [429]

    def test_affects_only_one_user(self, toucan: ToucanClient) -> None:
        toucan.session.auth = ("somebody@else", "wrong")
        assert statuses(toucan, 6) == [401] * 5 + [429]
        toucan.session.auth = AUTH
        assert statuses(toucan) == [200]

    def test_failures_spread_over_time_do_not_lock(self, toucan: ToucanClient, clock: ManualClock) -> None:
        toucan.session.auth = WRONG
        for _ in range(10):
            assert statuses(toucan) == [401]
            clock.advance(12)

    def test_setting_changes_its_status_code(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        sandbox.toucan.configure(lock_status=401)
        toucan.session.auth = WRONG
        statuses(toucan, 6)
        toucan.session.auth = AUTH
        assert statuses(toucan) == [401]
        for wrong in (200, 429.5, "429"):
            with pytest.raises(ValueError, match="lock_status"):
                sandbox.toucan.configure(lock_status=wrong)

    def test_reset_ends_it(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.session.auth = WRONG
        statuses(toucan, 6)
        sandbox.reset()
        toucan.session.auth = AUTH
        assert statuses(toucan) == [200]
