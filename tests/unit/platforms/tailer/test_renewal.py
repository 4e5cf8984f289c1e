"""Tokens of Tailer: renewed before they expire, and once after a rejection."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import AuthenticationError, PermissionDeniedError
from tests.unit.fakes import FakeClock, play, reply
from tests.unit.platforms.apis import set_clock, tailer
from tests.unit.platforms.tailer.logins import REFRESHED, error_of, signer


class TestRenewal:
    @pytest.mark.parametrize(
        ("answer", "life"),
        [
            ({"expires_in": "3600"}, 3540.0),
            ({"expires_in": 100}, 80.0),
            ({"expires_in": "soon"}, 48.0),
            ({"expires_in": "-1"}, 48.0),
            ({"expires_in": "inf"}, 48.0),
            ({}, 48.0),
        ],
    )
    def test_happens_before_the_token_expires(self, answer: dict[str, Any], life: float) -> None:
        clock = FakeClock()
        api = tailer(clock=clock.monotonic, **REFRESHED)
        assert api.needs_login()
        play(api.login(), reply(body={"id_token": "t", **answer}))
        clock.now += life - 0.5
        assert not api.needs_login()
        clock.now += 1.0
        assert api.needs_login()

    def test_of_a_signed_token_happens_before_it_expires(self) -> None:
        clock = FakeClock()
        api = signer()
        set_clock(api, clock.monotonic)
        play(api.login())
        clock.now += 3539.0
        assert not api.needs_login()
        clock.now += 2.0
        assert api.needs_login()

    @pytest.mark.parametrize("given", [REFRESHED, {"auth_type": "service_account"}])
    def test_a_rejected_token_is_renewed_once(self, given: dict[str, Any]) -> None:
        signs = given is not REFRESHED
        api = signer() if signs else tailer(**given)
        token = [] if signs else [reply(body={"id_token": "t"})]
        error = error_of(
            api.get_by_status("workflow"),
            *token,
            reply(401, {"message": "Jwt is expired", "code": 401}),
            *token,
            reply(401, {"message": "Jwt is expired", "code": 401}),
            api=api,
        )
        assert isinstance(error, AuthenticationError)
        assert "HTTP 401: Jwt is expired (the token " in str(error)

    def test_a_configured_token_is_not_renewed_and_the_error_says_so(self) -> None:
        api = tailer()
        error = error_of(api.get_by_status("workflow"), reply(401, {"message": "no"}), api=api)
        assert "'api_token' is not accepted" in str(error)
        assert "cannot renew it" in str(error)

    def test_a_configured_token_needs_no_login(self) -> None:
        clock = FakeClock()
        api = tailer(clock=clock.monotonic)
        assert play(api.login()).requests == []
        clock.now += 1e9
        assert not api.needs_login()
        assert api.credentials() == {"Authorization": "Bearer t0ken"}

    def test_a_403_is_a_permission_error_that_does_not_blame_the_token(self) -> None:
        api = tailer()
        error = error_of(api.get_by_status("workflow"), reply(403, {"message": "not yours"}), api=api)
        assert isinstance(error, PermissionDeniedError)
        assert "(POST" in str(error)
        assert "token" not in str(error)
