"""The life of an operation of Toucan Toco: submitted, watched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import MalformedReplyError, NotFoundError
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationLaunch, ToucanOperationWatch
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi


HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}


def launch(api: ToucanApi | None = None, **changes: Any) -> ToucanOperationLaunch:
    fields = {"api": api or toucan(), "small_app": "app", "work": toucan_work.run_operations(), **changes}
    return ToucanOperationLaunch(**fields)


def poll(*answers: Any, api: ToucanApi | None = None) -> Any:
    played = play(ToucanOperationWatch(run_id="op-1", small_app="app").look(api or toucan()), *answers)
    assert played.error is None, played.error
    return played.value


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
    def test_is_accepted_with_or_without_an_id(self, answer: Any, operation_id: str) -> None:
        done = play(toucan().submit("app", toucan_work.run_operations()), answer)
        assert done.value.operation_id == operation_id

    @pytest.mark.parametrize(
        "answer",
        [
            reply(body="<h1>Sign in</h1>", headers=HTML),
            reply(body='{"operation_id', headers=JSON),
            reply(body={"operation_id": {"$oid": "x"}}),
            reply(body={"operation_id": True}),
        ],
    )
    def test_with_an_unreadable_response_raises_an_error(self, answer: Any) -> None:
        done = play(toucan().submit("app", toucan_work.run_operations()), answer)
        assert isinstance(done.error, MalformedReplyError)

    def test_without_an_id_is_untracked_and_its_message_contains_the_response(self) -> None:
        snapshot = play(launch().submit("tok"), reply(body={"id": "x", "echo": "p4ssword"})).value
        assert (snapshot.run_id, snapshot.state) == ("untracked-tok", RunState.UNTRACKED)
        assert snapshot.details == {"operation_id": None, "small_app": "app"}
        assert '"id": "x"' in snapshot.message
        assert "missing_operation_id='succeed'" in snapshot.message
        assert "p4ssword" not in snapshot.message

    def test_without_an_id_masks_a_password_that_is_not_ascii(self) -> None:
        api = toucan(password="pä55wort")
        snapshot = play(launch(api).submit("tok"), reply(body={"echo": "pä55wort"})).value
        assert '"echo": "***"' in snapshot.message

    def test_without_an_id_sends_no_status_request(self) -> None:
        played = play(launch().watch("untracked-tok").look(toucan()))
        assert played.requests == []
        assert played.value.state is RunState.UNTRACKED
        assert played.value.details == {"operation_id": None, "small_app": "app"}

    def test_without_a_response_is_repeated_only_if_resubmits_is_set(self) -> None:
        # tests/unit/operators/test_toucan.py tests what the operator does then.
        assert not launch().lists_runs
        assert not launch().resubmits
        assert not launch().not_found_is_final
        assert launch(resubmits=True).not_found_is_final

    def test_is_watched_at_its_small_app_and_stage(self) -> None:
        watch = launch().watch("op-1")
        assert (watch.run_id, watch.small_app, watch.stage) == ("op-1", "app", "staging")
        assert launch(work=toucan_work.populate(stage=None)).watch("op-1").stage == ""

    def test_of_an_earlier_try_is_watched_at_its_own_small_app_and_stage(self) -> None:
        old = launch(work=toucan_work.populate(stage=None))
        baseline = json.loads(json.dumps(play(old.record_baseline()).value))
        found = launch(small_app="new").earlier(baseline)
        assert found.small_app == "app"
        assert "stage" not in found.watch("op-1").url(toucan())

    def test_is_the_same_work_if_small_app_stage_and_operations_are_equal(self) -> None:
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
        ("status", "state"),
        [
            ("pending", RunState.PENDING),
            ("running", RunState.RUNNING),
            ("Successful", RunState.SUCCEEDED),
            ("failed", RunState.FAILED),
            ("success", RunState.UNKNOWN),
        ],
    )
    def test_is_read_from_the_status(self, status: str, state: RunState) -> None:
        snapshot = poll(reply(body={"status": status}))
        assert (snapshot.state, snapshot.raw_state) == (state, status.lower())
        assert snapshot.details == {"operation_id": "op-1", "small_app": "app"}

    def test_of_a_failure_contains_the_whole_response_without_credentials(self) -> None:
        body = {"status": "failed", "why": "Zoë's domain", "echo": ["p4ssword"]}
        message = poll(reply(body=body)).message
        assert '"why": "Zoë\'s domain"' in message
        assert "p4ssword" not in message
        assert "/app/tracebacks/latest" in message

    def test_of_an_unknown_operation_is_absent_with_a_hint(self) -> None:
        snapshot = poll(NotFoundError("HTTP 404", status=404, body="nothing here"))
        assert snapshot.state is RunState.ABSENT
        assert "404: nothing here" in snapshot.raw_state
        assert "wait_for_completion=False" in snapshot.raw_state

    @pytest.mark.parametrize("body", [{}, {"status": None}, {"status": " "}, [], "x"])
    def test_that_is_unreadable_raises_an_error(self, body: object) -> None:
        done = play(toucan().get_operation("app", "op-1"), reply(body=json.dumps(body)))
        assert isinstance(done.error, MalformedReplyError)


def test_operations_of_two_small_apps_are_not_grouped() -> None:
    """Toucan Toco does not document that ids of operations are unique across small apps."""
    one, other = (ToucanOperationWatch(run_id="17", small_app=app) for app in ("app-a", "app-b"))
    assert one.key == other.key
    assert one.group != other.group
