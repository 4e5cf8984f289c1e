"""Which events an event trigger fires, and when it stores what it has fired."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.lifecycle.marks import NumberMark
from airflow_provider_dataops.triggers import events
from tests.loops import run, run_virtual
from tests.unit.triggers.feeds import FakeEventTrigger, FakeStore, commit, fired, snapshot, trigger

if TYPE_CHECKING:
    from tests.kept_metrics import KeptMetrics
    from tests.unit.triggers.bench import Bench


class TestTheFirstStart:
    def test_fires_nothing_for_runs_that_have_ended_before(self) -> None:
        assert run(fired(trigger(FakeStore()), [snapshot(1, 2), snapshot(1, 2, 3)])) == [[], ["r-3"]]

    def test_stores_its_mark_at_once(self) -> None:
        store, first = FakeStore(), snapshot(1, 2)
        run(fired(trigger(store), [first]))
        assert store.marks() == [NumberMark(highest=2).as_json()]
        assert first.commits == []

    def test_a_restart_before_the_first_event_loses_nothing(self) -> None:
        store = FakeStore()
        run(fired(trigger(store), [snapshot(1)]))
        assert run(fired(trigger(store), [snapshot(1, 2)])) == [["r-2"]]

    def test_waits_until_the_store_works(self, capsys: pytest.CaptureFixture[str]) -> None:
        store = FakeStore()
        store.error = RuntimeError("the API server does not respond")
        started = trigger(store)

        def polls() -> Any:
            yield snapshot(1)
            yield snapshot(1, 2)
            store.error = None
            yield snapshot(1, 2)
            yield snapshot(1, 2, 3)

        # The read failed, so the first snapshot after the outage is the baseline.
        assert run(fired(started, polls())) == [[], [], [], ["r-3"]]
        assert "the API server does not respond" in capsys.readouterr().out

    def test_keeps_its_baseline_if_only_the_write_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        store = FakeStore()
        started = trigger(store)

        def polls() -> Any:
            store.values = _Unwritable(store.values)
            yield snapshot(1)
            store.values = dict(store.values)
            yield snapshot(1, 2)

        assert run(fired(started, polls())) == [[], ["r-2"]]
        assert store.marks() == [NumberMark(highest=1).as_json()]


class _Unwritable(dict[str, dict[str, Any]]):
    """The values of a store that can be read only."""

    def __getitem__(self, asset: str) -> Any:
        return _ReadOnly(super().__getitem__(asset))


class _ReadOnly(dict[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        raise RuntimeError("read only")


def test_each_event_is_counted(kept_metrics: KeptMetrics) -> None:
    run(fired(trigger(FakeStore()), [snapshot(1), snapshot(1, 2, 3, failed=(4,)), snapshot(1, 2, 3)]))
    assert kept_metrics.sent == [("dataops.event.fired", 1, {"platform": "tamr"})] * 2


class TestARestart:
    def test_goes_on_after_the_stored_mark(self) -> None:
        store, second = FakeStore(), snapshot(1, 2)
        run(fired(trigger(store), [snapshot(1), second]))
        run(commit(second))
        assert run(fired(trigger(store), [snapshot(1, 2, 3)])) == [["r-3"]]

    def test_repeats_events_whose_mark_was_not_stored(self) -> None:
        store = FakeStore()
        run(fired(trigger(store), [snapshot(1), snapshot(1, 2)]))
        assert run(fired(trigger(store), [snapshot(1, 2)])) == [["r-2"]]

    def test_a_mark_contains_runs_that_the_filter_leaves_out(self) -> None:
        store, second = FakeStore(), snapshot(1, failed=(2,))
        assert run(fired(trigger(store), [snapshot(1), second])) == [[], []]
        run(commit(second))
        assert store.marks() == [NumberMark(highest=2).as_json()]

    def test_a_trigger_that_joins_later_misses_nothing(self) -> None:
        """Another trigger has started the poll long ago. A paused DAG was unpaused now."""
        store = FakeStore()
        run(fired(trigger(store), [snapshot(1)]))
        assert run(fired(trigger(store), [snapshot(1, 2, 3, 4)])) == [["r-2", "r-3", "r-4"]]

    def test_of_two_assets_the_older_mark_counts(self) -> None:
        store, second = FakeStore("old", "new"), snapshot(1, 2)
        run(fired(trigger(store), [snapshot(1), second]))
        older = dict(store.values["old"])
        run(commit(second))
        # The triggerer was killed between the two writes.
        store.values["old"] = older
        assert run(fired(trigger(store), [snapshot(1, 2)])) == [["r-2"]]

    def test_an_asset_that_is_new_does_not_start_the_others_anew(self) -> None:
        store = FakeStore("old", "new")
        run(fired(trigger(store), [snapshot(1)]))
        store.values["new"].clear()
        assert run(fired(trigger(store), [snapshot(1, 2)])) == [["r-2"]]

    def test_a_mark_that_cannot_be_read_starts_anew(self, capsys: pytest.CaptureFixture[str]) -> None:
        store = FakeStore()
        run(fired(trigger(store), [snapshot(1)]))
        (key,) = store.values["asset"]
        store.values["asset"][key] = {"highest": "seven"}
        assert run(fired(trigger(store), [snapshot(1, 2), snapshot(1, 2, 3)])) == [[], ["r-3"]]
        assert "cannot be read, so the trigger begins with the next run" in capsys.readouterr().out


class TestAMark:
    def test_is_stored_only_if_something_has_ended(self) -> None:
        store, polls = FakeStore(), [snapshot(1), snapshot(1), snapshot(1, still_open=(2,))]
        run(fired(trigger(store), polls))
        assert [one.commits for one in polls] == [[], [], []]

    def test_is_stored_after_all_events_of_its_snapshot(self) -> None:
        store, second = FakeStore(), snapshot(1, 2, 3)
        started = trigger(store)
        seen: list[int] = []

        async def consume() -> None:
            async def stream() -> Any:
                yield snapshot(1)
                yield second

            async for _ in started.filter_shared_stream(stream()):
                seen.append(len(second.commits))

        run(consume())
        assert seen == [0, 0]
        assert len(second.commits) == 1

    def test_is_not_stored_after_the_trigger_has_ended(self) -> None:
        """Airflow may have confirmed an event without storing it, because the DAG was paused."""
        store, second = FakeStore(), snapshot(1, 2)
        started = trigger(store)
        run(fired(started, [snapshot(1), second]))
        run(started.cleanup())
        run(commit(second))
        assert store.marks() == [NumberMark(highest=1).as_json()]

    def test_is_written_once_if_two_snapshots_want_it(self) -> None:
        store, polls = FakeStore(), [snapshot(1), snapshot(1, 2), snapshot(1, 2)]
        run(fired(trigger(store), polls))
        run(commit(*polls))
        assert store.writes == 2

    def test_is_offered_again_if_it_could_not_be_stored(self) -> None:
        store, polls = FakeStore(), [snapshot(1), snapshot(1, 2), snapshot(1, 2)]
        run(fired(trigger(store), polls))
        run(commit(polls[2]))
        assert store.marks() == [NumberMark(highest=2).as_json()]

    def test_of_another_scope_is_another_mark(self) -> None:
        """The connection leads to another server, where the same numbers are other runs."""
        store = FakeStore()
        polls = [snapshot(7), snapshot(1, scope="there"), snapshot(1, 2, scope="there"), snapshot(7, 8)]
        assert run(fired(trigger(store), polls)) == [[], [], ["r-2"], ["r-8"]]
        assert len(store.marks()) == 2


class TestTheKeyOfAMark:
    @pytest.mark.parametrize(
        "arguments",
        [
            {"tamr_conn_id": "d"},
            {"pipeline": "q"},
            {"states": ["failed"]},
            {"states": ["failed", "succeeded"]},
        ],
    )
    def test_contains_each_argument(self, arguments: dict[str, Any]) -> None:
        keys = {FakeEventTrigger().mark_key("x"), FakeEventTrigger(**arguments).mark_key("x")}
        assert len(keys) == 2

    def test_contains_the_scope(self) -> None:
        assert FakeEventTrigger().mark_key("x") != FakeEventTrigger().mark_key("y")

    def test_leaves_out_the_interval_and_defaults(self) -> None:
        same = [
            FakeEventTrigger(),
            FakeEventTrigger(poll_interval=5.0),
            FakeEventTrigger(tamr_conn_id="c", pipeline="p", states=["succeeded"]),
        ]
        assert len({one.mark_key("x") for one in same}) == 1

    def test_stays_the_same_in_each_release(self) -> None:
        """Another key would be a new start: events would be lost at an upgrade."""
        assert FakeEventTrigger(pipeline="q").mark_key("x") == (
            "dataops_event_mark_68461801d86482fea15619bc9e9b3a6c"
        )


class TestTheSharedPoll:
    def test_serves_triggers_with_different_states(self) -> None:
        assert (
            FakeEventTrigger(states=["failed"]).shared_stream_key() == FakeEventTrigger().shared_stream_key()
        )

    @pytest.mark.parametrize("arguments", [{"tamr_conn_id": "d"}, {"pipeline": "q"}, {"poll_interval": 5.0}])
    def test_serves_only_triggers_with_the_same_poll(self, arguments: dict[str, Any]) -> None:
        assert FakeEventTrigger(**arguments).shared_stream_key() != FakeEventTrigger().shared_stream_key()

    def test_begins_with_the_arguments_of_one_trigger(self) -> None:
        assert type(FakeEventTrigger.create_shared_stream_producer({})).__name__ == "FeedProducer"


class TestArguments:
    def test_have_one_form_for_each_meaning(self) -> None:
        """Airflow shares a trigger between assets only if its arguments are equal."""
        first = FakeEventTrigger(poll_interval=timedelta(minutes=1), states=["succeeded", "failed"])
        second = FakeEventTrigger(poll_interval=60, states=("failed", "succeeded", "failed"))  # type: ignore[arg-type]
        assert first.serialize() == second.serialize()
        path, arguments = first.serialize()
        assert path == "tests.unit.triggers.feeds.FakeEventTrigger"
        assert json.loads(json.dumps(arguments)) == {
            "tamr_conn_id": "c",
            "pipeline": "p",
            "poll_interval": 60.0,
            "states": ["failed", "succeeded"],
        }
        assert FakeEventTrigger(**arguments).serialize() == first.serialize()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"states": "succeeded"}, "states must be a list"),
            ({"states": []}, "states must be a list"),
            ({"states": ["done"]}, "states must contain only succeeded, failed, cancelled; given: .'done'"),
            ({"poll_interval": 0}, "poll_interval must be seconds or a timedelta"),
            ({"tamr_conn_id": " "}, "tamr_conn_id must be a non-empty text"),
        ],
    )
    def test_that_are_wrong_are_an_error_when_airflow_parses_the_dag(
        self, arguments: dict[str, Any], message: str
    ) -> None:
        wrong = FakeEventTrigger(**arguments)
        with pytest.raises(InvalidArgumentError, match=f"^FakeEventTrigger: {message}"):
            wrong.serialize()

    def test_that_are_wrong_do_not_end_the_triggerer(
        self, caplog: pytest.LogCaptureFixture, bench: Bench
    ) -> None:
        """An earlier release may have stored such arguments."""
        wrong = trigger(states=["done"])
        assert wrong.shared_stream_key() is None

        async def main() -> None:
            async with asyncio.timeout(1_000.0):
                async for _ in wrong.run():
                    raise AssertionError

        with caplog.at_level(logging.ERROR), pytest.raises(TimeoutError):
            run_virtual(main())
        assert caplog.text.count("states must contain only") == 4
        assert bench.platform.requests == []


def test_without_a_store_the_log_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Airflow before 3.3 has no store."""
    assert run(fired(trigger(None), [snapshot(1), snapshot(1, 2)])) == [[], ["r-2"]]
    assert "cannot store which runs it has reported" in capsys.readouterr().out


def test_a_default_that_is_made_by_a_function_is_found() -> None:
    assert events._default(FakeEventTrigger.__dataclass_fields__["states"]) == ["succeeded"]
