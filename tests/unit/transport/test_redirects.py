"""Redirects: which are followed, and what goes along."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import MalformedReplyError, UnroutedError
from airflow_provider_dataops.lifecycle.progress import Verdict, WaitProgress
from tests.unit.fakes import reply
from tests.unit.platforms.apis import quantemplate, tamr, toucan
from tests.unit.transport.exchanges import GET, GOOD, POST, run


class TestRedirects:
    def test_are_followed_on_the_same_host_with_credentials(self) -> None:
        done = run(GET, reply(302, headers={"Location": "/y?z=1"}), GOOD)
        assert done.requests[1].url == "https://my-tenant.tamr.cloud/y?z=1"
        assert done.requests[1].secret_headers

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://evil.example/y", "https://my-tenant.tamr.cloud:8443/y", "//evil.example/y"],
    )
    def test_never_carry_credentials_elsewhere(self, elsewhere: str) -> None:
        api = tamr(extra={"auth_headers": '{"X-Gate": "open"}'})
        back = reply(302, headers={"Location": "https://my-tenant.tamr.cloud/back"})
        done = run(GET, reply(302, headers={"Location": elsewhere}), back, GOOD, api=api)
        assert not done.requests[1].secret_headers
        assert not done.requests[2].secret_headers

    @pytest.mark.parametrize(
        ("status", "target"), [(301, "/y"), (302, "/y"), (303, "/y"), (307, "https://evil.example/")]
    )
    def test_do_not_turn_a_start_into_something_else(self, status: int, target: str) -> None:
        done = run(POST, reply(status, headers={"Location": target}))
        assert type(done.error) is UnroutedError
        assert done.error.may_have_been_processed
        assert len(done.requests) == 1

    def test_keep_the_method_where_the_status_says_so(self) -> None:
        done = run(POST, reply(308, headers={"Location": "/y"}), GOOD)
        assert done.requests[1].method == "POST"

    @pytest.mark.parametrize(
        "target", ["http://my-tenant.tamr.cloud/y", "ftp://x/", "https://[", "https://h:99999/"]
    )
    def test_never_leave_https_nor_break(self, target: str) -> None:
        done = run(GET, reply(302, headers={"Location": target}), policy=ONCE)
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
    def test_that_lose_the_credentials_are_named_in_the_refusal_that_follows(self, status: int) -> None:
        elsewhere = reply(302, headers={"Location": "https://sso.example:8443/in?state=s3cret"})
        api = quantemplate()
        api.token.text = "t0ken"
        request = replace(GET, url="https://fabric.prod.quantemplate.com/x?y=1")
        done = run(request, elsewhere, reply(status, "who are you"), api=api)
        assert type(done.error) is UnroutedError
        assert done.error.status == status
        assert (
            "the server redirected from https://fabric.prod.quantemplate.com/*** to "
            f"https://sso.example:8443/***, which gets no credentials: HTTP {status}: who are you"
        ) in str(done.error)
        assert not api.needs_login(), "the token was not refused"

    def test_that_come_back_without_credentials_do_not_blame_them(self) -> None:
        away = reply(302, headers={"Location": "https://sso.example/in"})
        back = reply(302, headers={"Location": "https://my-tenant.tamr.cloud/x"})
        done = run(GET, away, back, reply(401))
        assert type(done.error) is UnroutedError
        assert "to https://sso.example/***" in str(done.error)

    def test_that_lead_to_another_hosts_outage_are_repeated(self) -> None:
        away = reply(302, headers={"Location": "https://sso.example/in"})
        assert run(GET, away, reply(503), GOOD).value == {"fine": True}

    def test_never_lock_an_account(self) -> None:
        away = reply(302, headers={"Location": "https://sso.example/in"})
        request = replace(GET, url="https://api-demo.toucantoco.com/x")
        error = run(request, away, reply(401), api=toucan()).error
        assert isinstance(error, UnroutedError)
        assert not error.locks_out
        assert not error.permanent

    @pytest.mark.parametrize("status", [300, 302, 304])
    def test_of_a_poll_by_post_are_borne_by_whoever_waits(self, status: int) -> None:
        """A maintenance page: a poll by GET follows the redirect, and bears the page that it finds."""
        poll = replace(POST, repeatable=True)
        error = run(poll, reply(status, headers={"Location": "https://maintenance.example/"})).error
        assert isinstance(error, UnroutedError)
        assert WaitProgress(0.0).failed(error, 0.0) is Verdict.WAIT

    def test_end(self) -> None:
        again = reply(302, headers={"Location": "/x"})
        assert isinstance(run(GET, *[again] * 6, policy=ONCE).error, MalformedReplyError)

    def test_do_not_repeat_a_signed_link(self) -> None:
        done = run(POST, reply(302, headers={"Location": "https://u:pw@h/x?sig=s3cret"}))
        assert "s3cret" not in str(done.error)
        assert "pw" not in str(done.error)
