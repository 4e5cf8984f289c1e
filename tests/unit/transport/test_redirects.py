"""Redirects: which are followed, and with which headers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.core.tokens import TokenKeeper
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
    def test_never_send_credentials_to_another_origin(self, elsewhere: str) -> None:
        api = tamr(extra={"auth_headers": '{"X-Gate": "open"}'})
        back = reply(302, headers={"Location": "https://my-tenant.tamr.cloud/back"})
        done = run(GET, reply(302, headers={"Location": elsewhere}), back, GOOD, api=api)
        assert not done.requests[1].secret_headers
        assert not done.requests[2].secret_headers

    @pytest.mark.parametrize(
        ("status", "target"), [(301, "/y"), (302, "/y"), (303, "/y"), (307, "https://evil.example/")]
    )
    def test_never_change_or_move_a_submission(self, status: int, target: str) -> None:
        done = run(POST, reply(status, headers={"Location": target}))
        assert type(done.error) is UnroutedError
        assert done.error.may_have_been_processed
        assert len(done.requests) == 1

    def test_with_status_308_keep_the_method(self) -> None:
        done = run(POST, reply(308, headers={"Location": "/y"}), GOOD)
        assert done.requests[1].method == "POST"

    @pytest.mark.parametrize(
        "target", ["http://my-tenant.tamr.cloud/y", "ftp://x/", "https://[", "https://h:99999/"]
    )
    def test_to_http_or_to_an_invalid_url_are_not_followed(self, target: str) -> None:
        done = run(GET, reply(302, headers={"Location": target}), policy=ONCE)
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
    def test_to_another_host_are_shown_in_the_error_that_follows(self, status: int) -> None:
        elsewhere = reply(302, headers={"Location": "https://sso.example:8443/in?state=s3cret"})
        api = quantemplate()
        api.token = TokenKeeper("t0ken")
        request = replace(GET, url="https://fabric.prod.quantemplate.com/x?y=1")
        done = run(request, elsewhere, reply(status, "who are you"), api=api)
        assert type(done.error) is UnroutedError
        assert done.error.status == status
        assert (
            "the server redirected from https://fabric.prod.quantemplate.com/*** to "
            f"https://sso.example:8443/***, which gets no credentials: HTTP {status}: who are you"
        ) in str(done.error)
        assert not api.needs_login(), "the server did not reject the token"

    def test_that_lose_the_credentials_do_not_blame_them(self) -> None:
        redirect = reply(302, headers={"Location": "https://sso.example/in"})
        back = reply(302, headers={"Location": "https://my-tenant.tamr.cloud/x"})
        done = run(GET, redirect, back, reply(401))
        assert type(done.error) is UnroutedError
        assert "to https://sso.example/***" in str(done.error)

    def test_to_another_host_with_an_outage_are_repeated(self) -> None:
        redirect = reply(302, headers={"Location": "https://sso.example/in"})
        assert run(GET, redirect, reply(503), GOOD).value == {"fine": True}

    def test_to_another_host_never_count_as_a_rejected_login(self) -> None:
        redirect = reply(302, headers={"Location": "https://sso.example/in"})
        request = replace(GET, url="https://api-demo.toucantoco.com/x")
        error = run(request, redirect, reply(401), api=toucan()).error
        assert isinstance(error, UnroutedError)
        assert not error.locks_out
        assert not error.permanent

    @pytest.mark.parametrize("status", [300, 302, 304])
    def test_of_a_poll_by_post_do_not_end_the_wait(self, status: int) -> None:
        """It may be a maintenance page. A poll by GET follows the redirect, and tolerates the page."""
        poll = replace(POST, repeatable=True)
        error = run(poll, reply(status, headers={"Location": "https://maintenance.example/"})).error
        assert isinstance(error, UnroutedError)
        assert WaitProgress(0.0).failed(error, 0.0) is Verdict.WAIT

    def test_end_after_a_few_requests(self) -> None:
        again = reply(302, headers={"Location": "/x"})
        assert isinstance(run(GET, *[again] * 6, policy=ONCE).error, MalformedReplyError)

    def test_to_a_signed_link_are_masked_in_the_error(self) -> None:
        done = run(POST, reply(302, headers={"Location": "https://u:pw@h/x?sig=s3cret"}))
        assert "s3cret" not in str(done.error)
        assert "pw" not in str(done.error)
