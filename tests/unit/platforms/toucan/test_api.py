"""The connection to Toucan Toco: credentials, rejected requests, small apps, links."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
)
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, Play, play, reply
from tests.unit.platforms.apis import toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi


def sent(api: ToucanApi, exchange: Any, *answers: Any) -> Play:
    """Run an exchange as a driver does: with a login and retries."""
    clock = FakeClock()
    return play(whole(exchange, api=api, policy=RetryPolicy(), clock=clock), *answers, clock=clock)


class TestConnection:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"host": ""}, "host is empty"),
            ({"login": ""}, "login is empty"),
            ({"password": " "}, "password is empty"),
            ({"password": "a\nb"}, "password contains control characters"),
            ({"login": "a:b"}, "colon"),
            (
                {"extra": {"auth_type": "oauth"}},
                "'auth_type' must be one of basic, login, bearer; given: 'oauth'",
            ),
            ({"extra": {"auth_type": "bearer"}}, "'api_token' is empty"),
            ({"extra": {"front_url": "ftp://x"}}, "'front_url'"),
        ],
    )
    def test_that_cannot_work_raises_an_error(self, fields: dict[str, Any], words: str) -> None:
        with pytest.raises(ConnectionSettingsError, match=words) as caught:
            toucan(**fields)
        assert "p4ssword" not in str(caught.value)

    def test_accepts_credentials_that_are_not_ascii(self) -> None:
        header = toucan(login="jürgen", password="pä:ß").credentials()["Authorization"]
        assert base64.b64decode(header.removeprefix("Basic ")).decode() == "jürgen:pä:ß"

    def test_treats_the_encoded_password_as_a_secret_too(self) -> None:
        api = toucan()
        assert api.credentials()["Authorization"].removeprefix("Basic ") in api.settings.secrets

    def test_with_a_bearer_token_needs_no_login(self) -> None:
        api = toucan(login=None, password=None, extra={"auth_type": "bearer", "api_token": " t0ken\n"})
        assert api.credentials() == {"Authorization": "Bearer t0ken"}
        assert not api.needs_login()

    def test_uses_the_argument_small_app_or_its_own(self) -> None:
        assert toucan().small_app(" other ") == "other"
        assert toucan().small_app(None) == "app"
        unusable: tuple[Any, ...] = ("", " ", 12)
        for given in unusable:
            # A template that renders to an empty string must not release another app.
            with pytest.raises(InvalidArgumentError, match="small_app must be a non-empty text; given"):
                toucan().small_app(given)
        with pytest.raises(InvalidArgumentError, match="small_app is empty"):
            toucan(extra={"small_app": ""}).small_app(None)


class TestRejectedRequest:
    @pytest.mark.parametrize("status", [401, 403])
    def test_is_sent_once_and_its_error_is_permanent(self, status: int) -> None:
        api = toucan()
        done = sent(api, api.list_small_apps(), reply(status, "no"))
        assert isinstance(done.error, ApiError)
        assert done.error.permanent
        assert len(done.requests) == 1

    def test_with_a_configured_token_is_sent_once(self) -> None:
        api = toucan(extra={"auth_type": "bearer", "api_token": "t0ken"})
        assert len(sent(api, api.list_small_apps(), reply(401)).requests) == 1

    @pytest.mark.parametrize("status", [400, 401, 422])
    def test_to_login_is_sent_once_and_its_error_shows_the_servers_text(self, status: int) -> None:
        api = toucan(extra={"auth_type": "login"})
        done = sent(api, api.list_small_apps(), reply(status, "Bad username or password"))
        assert isinstance(done.error, AuthenticationError)
        assert "Toucan: log in failed" in str(done.error)
        assert "Bad username or password" in str(done.error)
        assert done.error.permanent
        assert len(done.requests) == 1

    def test_with_an_old_token_is_followed_by_exactly_one_login(self) -> None:
        api = toucan(extra={"auth_type": "login"})
        one, two = (reply(body={"token": t}) for t in ("t0ken-1", "t0ken-2"))
        done = sent(api, api.list_small_apps(), one, reply(401), two, reply(401))
        assert isinstance(done.error, AuthenticationError)
        assert [r.path for r in done.requests] == ["/login", "/small-apps"] * 2


class TestSmallApps:
    def test_are_read_from_the_response(self) -> None:
        listed = [{"id": "a", "name": "A", "duplicateOf": "b", "last_update": 5, "stage": None}, {"id": "b"}]
        one, other = play(toucan().list_small_apps(), reply(body=listed)).value
        assert (one.id, one.name, one.duplicate_of, one.last_update, one.stage) == ("a", "A", "b", "5", None)
        assert other.name is None

    @pytest.mark.parametrize("body", [{}, [1], [{"name": "x"}]])
    def test_that_are_unreadable_raise_an_error(self, body: object) -> None:
        assert isinstance(play(toucan().list_small_apps(), reply(body=body)).error, MalformedReplyError)

    def test_prove_that_the_credentials_work(self) -> None:
        message = play(toucan().test(), reply(body=[{"id": "app"}])).value
        assert message == "the credentials are accepted"

    def test_show_that_the_connections_small_app_is_unknown(self) -> None:
        error = play(toucan().test(), reply(body=[{"id": "other"}])).error
        assert isinstance(error, ConnectionSettingsError)
        assert "the user sees no small app 'app'" in str(error)


class TestLink:
    @pytest.mark.parametrize(
        ("fields", "url"),
        [
            ({}, "https://demo.toucantoco.com/a%20b?stage=staging"),
            ({"host": "https://api.demo.org/x"}, "https://api.demo.org/x/"),
            ({"extra": {"front_url": "https://front/y/"}}, "https://front/y/a%20b?stage=staging"),
            (
                {"extra": {"link_template": "{base_url}/ui/{small_app}/{operation_id}"}},
                "https://api-demo.toucantoco.com/ui/a%20b/op-1",
            ),
        ],
    )
    def test_leads_to_the_small_app(self, fields: dict[str, Any], url: str) -> None:
        assert toucan(**fields).app_url("a b", "staging", "op-1") == url

    def test_leads_to_production_without_a_stage(self) -> None:
        assert toucan().app_url("app", None) == "https://demo.toucantoco.com/app"
