"""Credentials, redirects, errors and repeats, for every request of every platform."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_dataops.core.http import BlockingCall, Exchange, Reply
from airflow_provider_dataops.core.retry import ONCE, RetryPolicy
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    EXCERPT_LIMIT,
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ConnectionSettingsError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnroutedError,
)
from airflow_provider_dataops.platforms.tamr.api import TamrApi
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import Answer, FakeClock, play, reply
from tests.unit.platforms.apis import quantemplate, tailer, tamr, toucan, trac
from tests.unit.transport.exchanges import GET, GOOD, POST, run

RESET = TransportError("reset")


def test_an_exchange_gets_the_result_of_its_blocking_call() -> None:
    def signing() -> Exchange[Any]:
        return (yield BlockingCall(lambda: "signed"))

    clock = FakeClock()
    assert play(whole(signing(), api=tamr(), policy=ONCE, clock=clock)).value == "signed"


def test_an_exchange_can_catch_the_error_of_an_invalid_connection() -> None:
    """An exchange that has stored its intent to submit must know that nothing was sent."""

    class Unusable(TamrApi):
        def needs_login(self) -> bool:
            return True

        def login(self) -> Exchange[None]:
            def read() -> None:
                raise ConnectionSettingsError("the key file is gone")

            yield BlockingCall(read)

    def submitting() -> Exchange[str]:
        try:
            response: str = yield POST
        except ConnectionSettingsError as error:
            return f"not sent: {error}"
        return response

    api = Unusable(Settings(conn_id="c", base_url="https://h.invalid"), api_key="apk")
    api.token = TokenKeeper()
    done = play(whole(submitting(), api=api, policy=ONCE, clock=FakeClock()))
    assert done.value == "not sent: the key file is gone"


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (400, BadRequestError),
            (401, AuthenticationError),
            (403, PermissionDeniedError),
            (404, NotFoundError),
            (407, ApiError),
            (408, ServerError),
            (409, ConflictError),
            (410, NotFoundError),
            (418, ApiError),
            (422, BadRequestError),
            (423, ApiError),
            (425, ServerError),
            (429, RateLimitedError),
            (500, ServerError),
            (599, ServerError),
        ],
    )
    def test_have_one_class_for_each_status_code(self, status: int, expected: type[ApiError]) -> None:
        error = run(GET, reply(status, {"message": "the reason"}), policy=ONCE).error
        assert type(error) is expected
        assert error.status == status
        assert str(error) == f"Tamr: read it failed: HTTP {status}: the reason (GET /x)"

    @pytest.mark.parametrize(
        ("answer", "may_have_been"),
        [
            (reply(400), False),
            (reply(409), False),
            (reply(429), False),
            (reply(408), True),
            (reply(500), True),
            (RESET, True),
            (reply(body=b"<html>"), True),
            (TransportError("refused", not_sent=True), False),
        ],
    )
    def test_show_whether_a_submission_may_have_been_processed(
        self, answer: Answer, may_have_been: bool
    ) -> None:
        error = run(POST, answer, policy=ONCE).error
        assert isinstance(error, ApiError)
        assert error.may_have_been_processed is may_have_been

    def test_contain_a_shortened_body(self) -> None:
        error = run(GET, reply(400, {"message": "x" * 100_000})).error
        assert isinstance(error, ApiError)
        assert error.body == "x" * 2_000

    def test_for_an_unknown_shape_are_malformed_replies(self) -> None:
        def parse(_: Any) -> Any:
            raise KeyError("jobId")

        assert isinstance(run(replace(GET, parse=parse), GOOD, policy=ONCE).error, MalformedReplyError)

    def test_for_json_that_is_nested_too_deep_are_malformed_replies(self) -> None:
        assert isinstance(run(GET, reply(body=b"[" * 200_000), policy=ONCE).error, MalformedReplyError)


def test_a_credential_that_the_server_repeats_is_masked() -> None:
    answer = reply(400, {"message": "key apk_s3cret and gate 0penSesame"})
    api = tamr(extra={"auth_headers": '{"X-Gate": "0penSesame"}'})
    error = run(GET, answer, api=api).error
    assert str(error) == "Tamr: read it failed: HTTP 400: key *** and gate *** (GET /x)"
    assert "s3cret" not in repr(vars(error))


def test_a_credential_that_the_status_line_repeats_is_masked() -> None:
    rejection = replace(reply(400, "no"), reason="bad key apk_s3cret")
    done = run(GET, rejection)
    assert str(done.error) == "Tamr: read it failed: HTTP 400 bad key ***: no (GET /x)"


def test_a_credential_in_an_error_with_status_code_200_is_masked() -> None:
    def reject(answer: Reply) -> None:
        raise ApiError(f"refused: {answer.text()}", status=answer.status, body=answer.text())

    error = run(replace(GET, parse=reject), reply(body="bad key apk_s3cret")).error
    assert str(error) == "Tamr: read it failed: refused: bad key *** (GET /x)"
    assert "s3cret" not in repr(error) + repr(vars(error))


class TestRepeats:
    @pytest.mark.parametrize("answer", [reply(503), reply(429), reply(408), RESET, reply(body=b"<html>")])
    def test_a_repeatable_request_is_sent_again(self, answer: Answer) -> None:
        done = run(GET, answer, answer, GOOD)
        assert done.value == {"fine": True}
        assert len(done.pauses) == 2

    def test_a_404_with_a_web_page_is_an_unrouted_error(self) -> None:
        page = Reply(404, {"content-type": "text/html; charset=utf-8"}, b"<h1>Not Found</h1>")
        assert type(run(GET, page).error) is UnroutedError

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 418])
    def test_a_rejected_request_is_not_sent_again(self, status: int) -> None:
        assert len(run(GET, reply(status)).requests) == 1

    @pytest.mark.parametrize("answer", [reply(503), reply(429), reply(500), RESET, reply(body=b"<html>")])
    def test_a_request_that_could_act_twice_is_not_sent_again(self, answer: Answer) -> None:
        done = run(POST, answer)
        assert isinstance(done.error, ApiError)
        assert len(done.requests) == 1

    def test_a_request_that_was_never_sent_is_sent_again(self) -> None:
        done = run(POST, TransportError("refused", not_sent=True), GOOD)
        assert done.value == {"fine": True}

    def test_retry_after_is_obeyed(self) -> None:
        done = run(GET, reply(503, headers={"Retry-After": "7"}), GOOD)
        assert 7.0 <= done.pauses[0] <= 8.0

    def test_the_error_contains_the_number_of_the_attempt(self) -> None:
        done = run(GET, RESET, reply(404))
        assert isinstance(done.error, NotFoundError)
        assert done.error.attempt == 2

    def test_the_deadline_ends_the_repeats(self) -> None:
        policy = RetryPolicy(budget=1e6, base=10, cap=10, deadline=FakeClock().wall() + 60)
        done = run(GET, *[reply(503)] * 13, policy=policy)
        assert isinstance(done.error, ServerError)
        assert sum(done.pauses) <= 60

    def test_no_pause_exceeds_the_deadline(self) -> None:
        pause = reply(503, headers={"Retry-After": "900"})
        policy = RetryPolicy(budget=1e6, deadline=FakeClock().wall() + 60)
        done = run(GET, pause, policy=policy)
        assert (type(done.error), done.pauses) == (ServerError, [])

    def test_the_budget_ends_the_repeats(self) -> None:
        done = run(GET, *[reply(503)] * 13, policy=RetryPolicy(budget=60, base=10, cap=10))
        assert isinstance(done.error, ServerError)
        assert sum(done.pauses) <= 60


class TestCredentials:
    def test_the_key_is_sent_and_never_shown(self) -> None:
        (request,) = run(GET, GOOD).requests
        assert request.secret_headers == {"X-API-KEY": "apk_s3cret"}
        assert "apk_s3cret" not in repr(request)

    def test_a_rejected_key_is_not_sent_again(self) -> None:
        assert len(run(GET, reply(401)).requests) == 1

    def test_a_token_is_fetched_once_for_many_requests(self) -> None:
        api = quantemplate()
        done = run(GET, reply(body={"access_token": "t1", "expires_in": 300}), GOOD, api=api)
        assert done.requests[1].secret_headers == {"Authorization": "Bearer t1"}
        assert len(run(GET, GOOD, api=api).requests) == 1

    def test_a_rejected_token_is_renewed_once(self) -> None:
        api = quantemplate()
        run(GET, reply(body={"access_token": "t1", "expires_in": 300}), GOOD, api=api)
        done = run(POST, reply(401), reply(body={"access_token": "t2"}), GOOD, api=api)
        assert done.value == {"fine": True}
        assert done.requests[2].secret_headers == {"Authorization": "Bearer t2"}

    def test_a_second_rejection_is_final(self) -> None:
        api = quantemplate()
        token = reply(body={"access_token": "t"})
        done = run(GET, token, reply(401), token, reply(401), api=api)
        assert isinstance(done.error, AuthenticationError)

    def test_a_failed_login_proves_that_nothing_was_started(self) -> None:
        done = run(POST, reply(503), policy=ONCE, api=quantemplate())
        assert isinstance(done.error, ServerError)
        assert not done.error.may_have_been_processed
        assert "get token" in str(done.error)

    def test_rejected_client_credentials_are_not_sent_again(self) -> None:
        done = run(POST, reply(401), api=quantemplate())
        assert isinstance(done.error, AuthenticationError)
        assert not done.error.may_have_been_processed

    def test_a_login_is_repeated_even_for_a_request_that_is_not_repeatable(self) -> None:
        done = run(POST, reply(503), reply(body={"access_token": "t"}), GOOD, api=quantemplate())
        assert done.value == {"fine": True}

    def test_headers_of_the_connection_go_to_the_platform(self) -> None:
        api = tamr(extra={"auth_headers": '{"X-Gate": "open"}'})
        assert run(GET, GOOD, api=api).requests[0].secret_headers["X-Gate"] == "open"

    def test_headers_of_the_connection_do_not_replace_the_key(self) -> None:
        api = tamr(extra={"auth_headers": '{"X-API-KEY": "of the gateway"}'})
        assert run(GET, GOOD, api=api).requests[0].secret_headers == {"X-API-KEY": "apk_s3cret"}


class TestErrorsWithUnusualBodies:
    """Only the package's own errors are raised, even if a platform cannot read the body of an error."""

    @pytest.mark.parametrize("make", [tamr, quantemplate, toucan, tailer, trac])
    @pytest.mark.parametrize("status", [400, 401, 404, 409, 412, 500])
    @pytest.mark.parametrize(
        "body",
        [
            b'{"a":' * 900 + rb'"\ud800"' + b"}" * 900,
            b"[" * 100_000,
            b"9" * 5_000,
            b'{"error": 1e999}',
            b'{"error": [{"message": null}]}',
            b'{"error": {"message": {"message": []}, "errors": 5}}',
            b"\x00\xff",
        ],
    )
    def test_keep_their_status(self, make: Any, status: int, body: bytes) -> None:
        api = make()
        for request in (GET, POST):
            alone = replace(request, url=f"{api.settings.base_url}/x", authenticated=False)
            error = run(alone, reply(status, body), policy=ONCE, api=api).error
            assert isinstance(error, ApiError)
            assert error.status == status
            assert str(error).encode()

    def test_that_a_platform_cannot_read_contain_the_body(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: Reply) -> str:
            raise RecursionError

        api = tamr()
        monkeypatch.setattr(api, "error_text", fail)
        error = run(POST, reply(400, "too deep"), api=api).error
        assert type(error) is BadRequestError
        assert "HTTP 400: too deep" in str(error)


@pytest.mark.parametrize("key", ["message", "other"])
def test_a_server_cannot_forge_a_line_of_the_log(key: str, caplog: pytest.LogCaptureFixture) -> None:
    forged = reply(503, {key: "x\x1b[31mred\nINFO fake" + "x" * 10_000})
    run(GET, forged, GOOD)
    text = f"HTTP 503 \x1b[1m\nINFO fake: {forged.body.decode()}"
    raw = run(GET, replace(forged, body=text.encode(), reason="a\r\nb"), policy=ONCE)
    for line in (*caplog.messages, str(raw.error)):
        assert line.isprintable()
        assert len(line) < EXCERPT_LIMIT + 200
    assert len(caplog.messages) == 1
