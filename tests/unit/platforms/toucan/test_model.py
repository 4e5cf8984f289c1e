"""How Toucan Toco's response to a login is read."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import MalformedReplyError
from tests.unit.fakes import FakeClock, Play, play, reply
from tests.unit.platforms.apis import set_clock, toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi


DATE = "Fri, 20 Nov 2026 10:00:00 GMT"
NOW = 1_795_168_800


def jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.s1gnature"


class TestToken:
    def logged_in(self, token: str, **headers: str) -> tuple[ToucanApi, FakeClock, Play]:
        clock = FakeClock()
        api = toucan(extra={"auth_type": "login"})
        set_clock(api, clock.monotonic)
        done = play(api.login(), reply(body={"token": token}, headers=headers))
        assert done.error is None
        return api, clock, done

    def test_is_renewed_before_it_expires_by_the_servers_clock(self) -> None:
        api, clock, _ = self.logged_in(jwt(exp=NOW + 600), Date=DATE)
        clock.now += 539.0
        assert not api.needs_login()
        clock.now += 2.0
        assert api.needs_login()

    @pytest.mark.parametrize("token", ["opaque", "a.b.c", jwt(sub="x"), jwt(exp="soon"), jwt(exp=NOW - 5)])
    def test_without_an_expiry_is_used_until_it_is_rejected(self, token: str) -> None:
        api, clock, _ = self.logged_in(token, Date=DATE)
        clock.now += 1e7
        assert not api.needs_login()
        assert api.forget_login()
        assert api.needs_login()

    def test_has_its_signature_masked(self) -> None:
        assert self.logged_in(jwt(exp=NOW + 600), Date=DATE)[2].secrets == ["s1gnature"]
        assert self.logged_in("opaque-t0ken")[2].secrets == ["opaque-t0ken"]

    @pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "ü"}, {"token": 5}, [], {"jwt": "s3cret"}])
    def test_that_is_missing_raises_an_error_without_the_body(self, body: object) -> None:
        done = play(toucan(extra={"auth_type": "login"}).login(), reply(body=body))
        assert isinstance(done.error, MalformedReplyError)
        assert "s3cret" not in str(done.error) + done.error.body
