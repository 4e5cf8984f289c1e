"""The polls of an event trigger never end, whatever happens."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.feed import Listing
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
)
from airflow_provider_dataops.polling import accounts, feeds
from tests.loops import LoopClock, run_virtual
from tests.unit.triggers.fakes import FakePlatform, api, connection, outage
from tests.unit.triggers.feeds import FakeFeed

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.polling.connections import SharedConnection
    from airflow_provider_dataops.polling.feeds import FeedSnapshot
    from tests.kept_metrics import KeptMetrics


class Feeds:
    """Polls a feed of a platform in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.platform = FakePlatform()
        self.feed: Any = FakeFeed()
        self.settings: dict[str, Any] = {}
        self.reads = 0
        self.uses: list[int] = []
        self.errors: list[Exception] = []
        self._connection: SharedConnection | None = None
        for module in (accounts, feeds):
            monkeypatch.setattr(module, "SYSTEM_CLOCK", LoopClock())
        monkeypatch.setattr(feeds, "join", self._join)
        monkeypatch.setattr(feeds, "leave", lambda _: self.uses.append(-1))

    async def _join(self, used: Api) -> SharedConnection:
        if self._connection is None or self._connection.api.settings.account_key != used.settings.account_key:
            self._connection = connection(self.platform, **self.settings)
        self.uses.append(1)
        return self._connection

    async def _read(self) -> Api:
        self.reads += 1
        if self.errors:
            raise self.errors.pop(0)
        return api(**self.settings)

    def poll(self, seconds: float, at: dict[float, Any] | None = None) -> list[tuple[float, FeedSnapshot]]:
        """Poll for some seconds, and return the snapshots with their times.

        :param at: what to call at which time.
        """

        async def main() -> list[tuple[float, FeedSnapshot]]:
            loop = asyncio.get_running_loop()
            for time, act in (at or {}).items():
                loop.call_later(time, act)
            found: list[tuple[float, FeedSnapshot]] = []
            try:
                async with (
                    asyncio.timeout(seconds),
                    aclosing(feeds.snapshots(self.feed, self._read)) as polled,
                ):
                    async for snapshot in polled:
                        found.append((loop.time(), snapshot))
            except TimeoutError:
                return found
            raise AssertionError("the polls have ended")

        return run_virtual(main())


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> Feeds:
    return Feeds(monkeypatch)


def test_each_interval_has_one_poll(polled: Feeds) -> None:
    found = polled.poll(310.0)
    assert [round(time) for time, _ in found] == [0, 60, 120, 180, 240, 300]
    assert polled.platform.times == [time for time, _ in found]


def test_each_poll_is_counted(polled: Feeds, kept_metrics: KeptMetrics) -> None:
    polled.platform.failing = outage(1.0)
    polled.poll(310.0)
    tags = {"platform": "fake", "operation": "events"}
    assert kept_metrics.of("dataops.poll") == [(1, tags)] * len(polled.platform.requests)
    assert kept_metrics.of("dataops.poll.failed") == [(1, tags)]


def test_a_poll_gets_the_result_of_the_one_before(polled: Feeds) -> None:
    assert [one.listing.memory for _, one in polled.poll(130.0)] == [1, 2, 3]


def test_a_snapshot_contains_what_has_ended(polled: Feeds) -> None:
    polled.platform.states["r-1"] = RunState.SUCCEEDED
    ((_, first),) = polled.poll(10.0)
    assert (list(first.listing.ended), first.scope) == (["r-1"], "https://fake.invalid")


def test_the_connection_stays_open_between_polls(polled: Feeds) -> None:
    """Otherwise each poll would need a new login, and the circuit breaker would forget the outage."""
    polled.poll(310.0)
    assert polled.uses == [1, -1]


class TestAnOutage:
    def test_is_survived_and_logged_once(self, polled: Feeds, caplog: pytest.LogCaptureFixture) -> None:
        polled.platform.failing = outage(40.0)
        with caplog.at_level(logging.INFO):
            found = polled.poll(300.0)
        assert 40.0 <= found[0][0] < 110.0
        assert caplog.text.count("down; the wait continues") == 1
        assert caplog.text.count("answers again") == 1

    def test_of_a_day_does_not_end_the_trigger(self, polled: Feeds) -> None:
        polled.platform.failing = outage(86_400.0)
        found = polled.poll(86_400.0 + 200.0)
        assert found
        # The circuit breaker sends one request a minute.
        assert len(polled.platform.requests) < 1_500

    def test_keeps_the_memory_of_the_polls(self, polled: Feeds) -> None:
        polled.platform.failing = lambda request: (
            ServerError("down", status=503) if 50.0 < request.at < 70.0 else None
        )
        assert [one.listing.memory for _, one in polled.poll(130.0)][:2] == [1, 2]


class TestARefusal:
    @pytest.mark.parametrize(
        "error",
        [
            BadRequestError("no such filter", status=400),
            NotFoundError("no such pipeline", status=404),
            AuthenticationError("wrong key", status=401),
        ],
    )
    def test_is_retried_slowly(
        self, polled: Feeds, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        polled.platform.failing = lambda _: error
        assert polled.poll(3_600.0) == []
        assert 10 <= len(polled.platform.requests) <= 15
        assert str(error) in caplog.text

    def test_ends_when_somebody_has_mended_it(self, polled: Feeds) -> None:
        polled.platform.failing = lambda request: (
            NotFoundError("not shared", status=404) if request.at < 200.0 else None
        )
        assert round(polled.poll(400.0)[0][0]) == 300

    def test_of_the_credentials_reads_the_connection_again(self, polled: Feeds) -> None:
        polled.platform.failing = lambda request: (
            AuthenticationError("wrong key", status=401) if request.at < 1.0 else None
        )
        assert polled.poll(30.0)[0][0] < 10.0
        assert polled.reads == 2


class TestAConnection:
    @pytest.mark.parametrize(
        "error", [ConnectionSettingsError("connection 'c': host is empty"), KeyError("no connection c")]
    )
    def test_that_cannot_be_used_is_read_again(
        self, polled: Feeds, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        # The account reads the connection again by itself, too. It repeats a first read that Airflow refuses.
        polled.errors = [error] * (3 if isinstance(error, ConnectionSettingsError) else 4)
        assert polled.poll(150.0)[0][0] == pytest.approx(122.5, abs=3.0)
        assert caplog.text.count("the event trigger tries again in 60 s") == 2

    def test_without_a_value_that_the_feed_needs(
        self, polled: Feeds, caplog: pytest.LogCaptureFixture
    ) -> None:
        def scope(_: Any) -> str:
            raise InvalidArgumentError("organisation_id is empty")

        polled.feed.scope = scope
        assert polled.poll(100.0) == []
        assert caplog.text.count("organisation_id is empty") == 2

    def test_with_other_default_ids_and_the_same_credentials_begins_anew(self, polled: Feeds) -> None:
        polled.feed.scope = lambda api: api.settings.link_template

        def change() -> None:
            polled.settings = {"link_template": "other"}

        found = polled.poll(310.0, {70.0: change})
        assert [(one.scope, one.listing.memory) for _, one in found] == [
            ("", 1),
            ("", 2),
            ("other", 1),
            ("other", 2),
            ("other", 3),
            ("other", 4),
        ]

    def test_with_other_settings_begins_anew(self, polled: Feeds) -> None:
        def change() -> None:
            polled.settings = {"base_url": "https://other.invalid"}

        found = polled.poll(310.0, {70.0: change})
        assert [(one.scope[8:13], one.listing.memory) for _, one in found] == [
            ("fake.", 1),
            ("fake.", 2),
            ("other", 1),
            ("other", 2),
            ("other", 3),
            ("other", 4),
        ]
        assert sum(polled.uses) == 0


def test_other_settings_end_a_pause_that_the_platform_asked_for(polled: Feeds) -> None:
    polled.platform.failing = outage(1e9, retry_after=800.0)

    def change() -> None:
        polled.platform, polled.settings = FakePlatform(), {"base_url": "https://other.invalid"}

    ((at, _), *_rest) = polled.poll(310.0, {100.0: change})
    assert at < 100.0 + accounts.READ_AGAIN + 1.0


def test_other_settings_end_a_poll_that_has_no_response(polled: Feeds) -> None:
    polled.platform = FakePlatform(takes=1e6)

    def change() -> None:
        polled.platform, polled.settings = FakePlatform(), {"base_url": "https://other.invalid"}

    ((at, _), *_rest) = polled.poll(310.0, {100.0: change})
    assert at < 100.0 + accounts.READ_AGAIN + 1.0


def test_runs_that_cannot_be_read_are_logged_once(
    polled: Feeds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def poll(_: Any, __: Any, ___: Any) -> Any:
        yield True, frozenset()
        return Listing(error=MalformedReplyError("an entry has no id"))

    monkeypatch.setattr(FakeFeed, "poll", poll)
    assert len(polled.poll(310.0)) == 6
    assert caplog.text.count("an entry has no id; the event trigger goes on") == 1


def test_an_error_in_the_code_does_not_end_the_trigger(
    polled: Feeds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def poll(_: Any, __: Any, ___: Any) -> Any:
        yield True, frozenset()
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(FakeFeed, "poll", poll)
    assert polled.poll(100.0) == []
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.parametrize("conn_id", ["", None, 7, ["c"], {}])
def test_a_wrong_argument_sends_nothing(
    polled: Feeds, conn_id: Any, caplog: pytest.LogCaptureFixture
) -> None:
    polled.feed = FakeFeed(tamr_conn_id=conn_id)
    assert polled.poll(700.0) == []
    assert caplog.text.count("tamr_conn_id must be a non-empty text") == 3
    assert (polled.reads, polled.platform.requests) == (0, [])
