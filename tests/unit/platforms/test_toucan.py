"""What the Toucan module makes of connections, answers and refusals."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AuthenticationError,
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
)
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationLaunch, ToucanOperationWatch
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, Play, play, reply
from tests.unit.platforms.apis import toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi

DATE = "Fri, 20 Nov 2026 10:00:00 GMT"
NOW = 1_795_168_800
HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}


def jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.s1gnature"


def sent(api: ToucanApi, exchange: Any, *answers: Any) -> Play:
    """Run an exchange with all that a driver adds."""
    clock = FakeClock()
    return play(whole(exchange, api=api, policy=RetryPolicy(), clock=clock), *answers, clock=clock)


def launch(api: ToucanApi | None = None, **changes: Any) -> ToucanOperationLaunch:
    fields = {"api": api or toucan(), "small_app": "app", "work": toucan_work.run_operations(), **changes}
    return ToucanOperationLaunch(**fields)


def watched(*answers: Any, api: ToucanApi | None = None) -> Any:
    played = play(ToucanOperationWatch(run_id="op-1", small_app="app").look(api or toucan()), *answers)
    assert played.error is None, played.error
    return played.value


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
    def test_that_cannot_be_used_is_told(self, fields: dict[str, Any], words: str) -> None:
        with pytest.raises(ConnectionSettingsError, match=words) as caught:
            toucan(**fields)
        assert "p4ssword" not in str(caught.value)

    def test_credentials_need_not_be_ascii(self) -> None:
        header = toucan(login="jürgen", password="pä:ß").credentials()["Authorization"]
        assert base64.b64decode(header.removeprefix("Basic ")).decode() == "jürgen:pä:ß"

    def test_what_stands_for_the_password_is_a_secret_too(self) -> None:
        api = toucan()
        assert api.credentials()["Authorization"].removeprefix("Basic ") in api.settings.secrets

    def test_a_bearer_needs_no_login(self) -> None:
        api = toucan(login=None, password=None, extra={"auth_type": "bearer", "api_token": " t0ken\n"})
        assert api.credentials() == {"Authorization": "Bearer t0ken"}
        assert not api.needs_login()

    def test_the_small_app_is_the_one_given_or_the_connections(self) -> None:
        assert toucan().small_app(" other ") == "other"
        assert toucan().small_app(None) == "app"
        for given in ("", " ", 12):
            # A template that rendered to nothing must not release another app.
            with pytest.raises(InvalidArgumentError, match="small_app must be a non-empty text; given"):
                toucan().small_app(given)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="small_app is empty"):
            toucan(extra={"small_app": ""}).small_app(None)


class TestRefusal:
    @pytest.mark.parametrize("status", [401, 403])
    def test_is_sent_once_and_no_retry_mends_it(self, status: int) -> None:
        api = toucan()
        told = sent(api, api.list_small_apps(), reply(status, "no"))
        assert told.error is not None
        assert told.error.permanent  # type: ignore[attr-defined]
        assert len(told.requests) == 1

    def test_of_a_given_token_is_final(self) -> None:
        api = toucan(extra={"auth_type": "bearer", "api_token": "t0ken"})
        assert len(sent(api, api.list_small_apps(), reply(401)).requests) == 1

    @pytest.mark.parametrize("status", [400, 401, 422])
    def test_of_a_login_is_said_in_the_servers_sentence_and_sent_once(self, status: int) -> None:
        api = toucan(extra={"auth_type": "login"})
        told = sent(api, api.list_small_apps(), reply(status, "Bad username or password"))
        assert isinstance(told.error, AuthenticationError)
        assert "Toucan: log in failed" in str(told.error)
        assert "Bad username or password" in str(told.error)
        assert told.error.permanent
        assert len(told.requests) == 1

    def test_of_a_token_is_followed_by_one_login_and_no_more(self) -> None:
        api = toucan(extra={"auth_type": "login"})
        one, two = (reply(body={"token": t}) for t in ("t0ken-1", "t0ken-2"))
        told = sent(api, api.list_small_apps(), one, reply(401), two, reply(401))
        assert isinstance(told.error, AuthenticationError)
        assert [r.path for r in told.requests] == ["/login", "/small-apps"] * 2


class TestToken:
    def logged_in(self, token: str, **headers: str) -> tuple[ToucanApi, FakeClock, Play]:
        clock = FakeClock()
        api = toucan(extra={"auth_type": "login"})
        assert api.token is not None
        api.token._clock = clock.monotonic
        told = play(api.login(), reply(body={"token": token}, headers=headers))
        assert told.error is None
        return api, clock, told

    def test_is_renewed_before_it_ends_by_the_servers_clock(self) -> None:
        api, clock, _ = self.logged_in(jwt(exp=NOW + 600), Date=DATE)
        clock.now += 539.0
        assert not api.needs_login()
        clock.now += 2.0
        assert api.needs_login()

    @pytest.mark.parametrize("token", ["opaque", "a.b.c", jwt(sub="x"), jwt(exp="soon"), jwt(exp=NOW - 5)])
    def test_that_tells_no_end_is_used_until_it_is_refused(self, token: str) -> None:
        api, clock, _ = self.logged_in(token, Date=DATE)
        clock.now += 1e7
        assert not api.needs_login()
        assert api.forget_login()
        assert api.needs_login()

    def test_is_concealed_by_its_signature(self) -> None:
        assert self.logged_in(jwt(exp=NOW + 600), Date=DATE)[2].secrets == ["s1gnature"]
        assert self.logged_in("opaque-t0ken")[2].secrets == ["opaque-t0ken"]

    @pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "ü"}, {"token": 5}, [], {"jwt": "s3cret"}])
    def test_that_is_missing_is_told_without_the_body(self, body: object) -> None:
        told = play(toucan(extra={"auth_type": "login"}).login(), reply(body=body))
        assert isinstance(told.error, MalformedReplyError)
        assert "s3cret" not in str(told.error) + told.error.body


class TestSubmission:
    @pytest.mark.parametrize(
        ("answer", "operation_id"),
        [
            (reply(body={"operation_id": "op-1"}), "op-1"),
            (reply(202, {"operation_id": 17}), "17"),
            (reply(204), ""),
            (reply(body={}), ""),
            (reply(body={"operation_id": None}), ""),
            (reply(body={"id": "op-1"}), ""),
            (reply(body=[1]), ""),
            (reply(body="OK"), ""),
        ],
    )
    def test_is_taken_with_or_without_an_id(self, answer: Any, operation_id: str) -> None:
        told = play(toucan().submit("app", toucan_work.run_operations()), answer)
        assert told.value.operation_id == operation_id

    @pytest.mark.parametrize(
        "answer",
        [
            reply(body="<h1>Sign in</h1>", headers=HTML),
            reply(body='{"operation_id', headers=JSON),
            reply(body={"operation_id": {"$oid": "x"}}),
            reply(body={"operation_id": True}),
        ],
    )
    def test_that_cannot_be_read_is_not_taken_for_one_without_an_id(self, answer: Any) -> None:
        told = play(toucan().submit("app", toucan_work.run_operations()), answer)
        assert isinstance(told.error, MalformedReplyError)

    def test_without_an_id_is_untracked_and_repeats_the_answer(self) -> None:
        snapshot = play(launch().submit("tok"), reply(body={"id": "x", "echo": "p4ssword"})).value
        assert (snapshot.run_id, snapshot.state) == ("untracked-tok", RunState.UNTRACKED)
        assert snapshot.details == {"operation_id": None, "small_app": "app"}
        assert '"id": "x"' in snapshot.message
        assert "missing_operation_id='succeed'" in snapshot.message
        assert "p4ssword" not in snapshot.message

    def test_without_an_id_conceals_a_password_that_is_not_ascii(self) -> None:
        api = toucan(password="pä55wort")
        snapshot = play(launch(api).submit("tok"), reply(body={"echo": "pä55wort"})).value
        assert '"echo": "***"' in snapshot.message

    def test_without_an_id_is_never_asked_about(self) -> None:
        played = play(launch().watch("untracked-tok").look(toucan()))
        assert played.requests == []
        assert played.value.state is RunState.UNTRACKED
        assert played.value.details == {"operation_id": None, "small_app": "app"}

    def test_that_got_no_answer_is_not_looked_for_and_repeated_only_where_that_is_wanted(self) -> None:
        # What follows from these is in tests/unit/operators/test_toucan.py.
        assert not launch().lists_runs
        assert not launch().resubmits
        assert not launch().not_found_is_final
        assert launch(resubmits=True).not_found_is_final

    def test_is_waited_for_at_its_small_app_and_stage(self) -> None:
        watch = launch().watch("op-1")
        assert (watch.run_id, watch.small_app, watch.stage) == ("op-1", "app", "staging")
        assert launch(work=toucan_work.populate(stage=None)).watch("op-1").stage == ""

    def test_of_before_is_looked_at_where_it_was_made(self) -> None:
        old = launch(work=toucan_work.populate(stage=None))
        baseline = json.loads(json.dumps(play(old.record_baseline()).value))
        found = launch(small_app="new").earlier(baseline)
        assert found.small_app == "app"
        assert "stage" not in found.watch("op-1").url(toucan())

    def test_is_the_same_work_where_nothing_that_counts_differs(self) -> None:
        assert launch().identity() == launch(resubmits=True).identity()
        others = [
            launch(small_app="other"),
            launch(work=toucan_work.run_operations(stage=None)),
            launch(work=toucan_work.run_operations(["release"])),
            launch(work=toucan_work.populate()),
        ]
        assert all(other.identity() != launch().identity() for other in others)


class TestState:
    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("pending", RunState.PENDING),
            ("running", RunState.RUNNING),
            ("Successful", RunState.SUCCEEDED),
            ("failed", RunState.FAILED),
            ("success", RunState.UNKNOWN),
        ],
    )
    def test_is_read(self, word: str, state: RunState) -> None:
        snapshot = watched(reply(body={"status": word}))
        assert (snapshot.state, snapshot.raw_state) == (state, word.lower())
        assert snapshot.details == {"operation_id": "op-1", "small_app": "app"}

    def test_of_a_failure_is_told_whole_and_without_credentials(self) -> None:
        body = {"status": "failed", "why": "Zoë's domain", "echo": ["p4ssword"]}
        message = watched(reply(body=body)).message
        assert '"why": "Zoë\'s domain"' in message
        assert "p4ssword" not in message
        assert "/app/tracebacks/latest" in message

    def test_of_an_unknown_operation_is_absent_with_a_hint(self) -> None:
        snapshot = watched(NotFoundError("HTTP 404", status=404, body="nothing here"))
        assert snapshot.state is RunState.ABSENT
        assert "404: nothing here" in snapshot.raw_state
        assert "wait_for_completion=False" in snapshot.raw_state

    @pytest.mark.parametrize("body", [{}, {"status": None}, {"status": " "}, [], "x"])
    def test_that_cannot_be_read_is_no_state(self, body: object) -> None:
        told = play(toucan().get_operation("app", "op-1"), reply(body=json.dumps(body)))
        assert isinstance(told.error, MalformedReplyError)


class TestSmallApps:
    def test_are_read(self) -> None:
        told = [{"id": "a", "name": "A", "duplicateOf": "b", "last_update": 5, "stage": None}, {"id": "b"}]
        one, other = play(toucan().list_small_apps(), reply(body=told)).value
        assert (one.id, one.name, one.duplicate_of, one.last_update, one.stage) == ("a", "A", "b", "5", None)
        assert other.name is None

    @pytest.mark.parametrize("body", [{}, [1], [{"name": "x"}]])
    def test_that_cannot_be_read_are_told(self, body: object) -> None:
        assert isinstance(play(toucan().list_small_apps(), reply(body=body)).error, MalformedReplyError)

    def test_prove_the_credentials(self) -> None:
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


class TestWork:
    def test_is_the_vendors_chain_unless_told_otherwise(self) -> None:
        assert toucan_work.run_operations().body == {
            "origin": "autofeed",
            "operations": [
                "preprocess_data_sources",
                "populate_basemaps",
                "populate_reports",
                "populate_dashboards",
                "release",
            ],
        }

    def test_leaves_out_what_is_not_given(self) -> None:
        work = toucan_work.run_operations(("release",), stage=None, origin=None)
        assert (work.query, work.body) == ("", {"operations": ["release"]})
        assert toucan_work.preprocess().body == {}

    def test_adds_selectors_up(self) -> None:
        work = toucan_work.preprocess(
            input_domains=["a"],
            functions=["f"],
            output_domains=("o",),
            extra_selector={"function_names": ["f"]},
            asynchronous=True,
        )
        assert work.body == {
            "input_domains": ["a"],
            "functions": ["f"],
            "output_domains": ["o"],
            "function_names": ["f"],
            "async": True,
        }

    @pytest.mark.parametrize(
        ("stage", "release", "query"),
        [
            ("staging", True, "stage=staging&release"),
            ("staging", False, "stage=staging"),
            (None, True, "release"),
            (None, False, ""),
        ],
    )
    def test_releases_by_a_flag_without_a_value(self, stage: str | None, release: bool, query: str) -> None:
        assert toucan_work.populate(stage=stage, release=release).query == query

    def test_that_is_partial_may_be_silent_for_minutes(self) -> None:
        assert toucan_work.preprocess().read_timeout == toucan_work.populate().read_timeout == 900.0
        assert toucan_work.run_operations().read_timeout is None

    @pytest.mark.parametrize(
        ("make", "named"),
        [
            (lambda: toucan_work.run_operations("release"), "operations"),
            (lambda: toucan_work.run_operations([]), "operations"),
            (lambda: toucan_work.run_operations(["release", ""]), "operations"),
            (lambda: toucan_work.run_operations(["release", 5]), "operations"),
            (lambda: toucan_work.run_operations({"release": 1}), "operations"),
            (lambda: toucan_work.run_operations(origin=""), "origin"),
            (lambda: toucan_work.run_operations(stage="production"), "stage"),
            (lambda: toucan_work.run_operations(output_domains=[]), "output_domains"),
            (lambda: toucan_work.preprocess(input_domains="referential"), "input_domains"),
            (lambda: toucan_work.preprocess(functions=[None]), "functions"),
            (lambda: toucan_work.preprocess(asynchronous="yes"), "asynchronous"),
            (lambda: toucan_work.preprocess(extra_selector={"functions": ["f"]}), "extra_selector"),
            (lambda: toucan_work.preprocess(extra_selector={"async": True}), "extra_selector"),
            (lambda: toucan_work.preprocess(extra_selector=["f"]), "extra_selector"),
            (lambda: toucan_work.preprocess(extra_selector={"x": {1}}), "extra_selector"),
            (lambda: toucan_work.preprocess(extra_selector={"x": float("nan")}), "extra_selector"),
            (lambda: toucan_work.populate(release="no"), "release"),
            (lambda: toucan_work.populate(stage=""), "stage"),
            (lambda: toucan_work.check_upload("", False, None, "plain"), "filename"),
            (lambda: toucan_work.check_upload(None, "false", None, "plain"), "validation"),
            (lambda: toucan_work.check_upload(None, False, "x", "plain"), "stage"),
            (lambda: toucan_work.check_upload(None, False, None, "chunked"), "upload_mode"),
        ],
    )
    def test_that_makes_no_sense_names_its_argument(self, make: Any, named: str) -> None:
        with pytest.raises(InvalidArgumentError, match=rf"^{named} must be .*given: "):
            make()

    def test_with_unknown_names_is_allowed(self) -> None:
        names = ["release_design", "populate_permissions", "populate_weather"]
        assert toucan_work.run_operations(names).body["operations"] == names
        assert toucan_work.unknown_operations(names) == ["populate_weather"]
        assert toucan_work.unknown_operations(None) == []


def test_operations_of_two_small_apps_share_no_wait() -> None:
    """Nothing says that an operation's id is unique beyond its small app."""
    one, other = (ToucanOperationWatch(run_id="17", small_app=app) for app in ("app-a", "app-b"))
    assert one.key == other.key
    assert one.group != other.group
