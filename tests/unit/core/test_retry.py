"""How long a request waits before it is repeated."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.core.retry import RETRY_AFTER_CAP, RetryPolicy, Standstill, backoff, retry_after
from airflow_provider_dataops.errors import ServerError
from tests.unit.fakes import FakeClock, reply

NOW = 1_795_168_800.0  # 2026-11-20T10:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7.5 ", 7.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("nan", 0.0),
        ("inf", RETRY_AFTER_CAP),
        ("86400", RETRY_AFTER_CAP),
        ("Fri, 20 Nov 2026 10:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(reply(503, headers={"Retry-After": text}), NOW) == seconds


def test_a_date_is_compared_with_the_servers_own_clock() -> None:
    headers = {"Retry-After": "Fri, 20 Nov 2026 10:00:30 GMT", "Date": "Fri, 20 Nov 2026 10:00:20 GMT"}
    assert retry_after(reply(503, headers=headers), NOW - 5_000) == 10.0


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 2.0), (2, 4.0), (3, 8.0), (9, 30.0), (10_000, 30.0)])
def test_backoff_has_full_jitter(attempt: int, ceiling: float) -> None:
    assert backoff(attempt, base=2.0, cap=30.0, chance=0.0) == 0.0
    assert backoff(attempt, base=2.0, cap=30.0, chance=1.0) == ceiling


def test_no_attempt_begins_after_the_budget() -> None:
    policy = RetryPolicy(budget=10.0, base=4.0)
    error = ServerError("x", retry_after=6.0)
    assert policy.pause(error, attempt=1, elapsed=4.0, chance=0.0) == 6.0
    assert policy.pause(error, attempt=1, elapsed=4.1, chance=0.0) is None


def test_requests_with_the_same_retry_after_are_not_repeated_at_once() -> None:
    error = ServerError("x", retry_after=6.0)
    assert RetryPolicy(base=4.0).pause(error, attempt=5, elapsed=0.0, chance=0.5) == 8.0


class TestStandstill:
    def test_without_a_file_all_time_counts(self) -> None:
        clock = FakeClock()
        standstill = Standstill(clock)
        for _ in range(3):
            clock.now += 10
            standstill.next_attempt()
        assert standstill.seconds() == 30

    def test_begins_with_the_last_transferred_byte(self) -> None:
        clock = FakeClock()
        standstill = Standstill(clock)
        for position in (1, 2):
            clock.now += 600
            standstill.reached(position)
        clock.now += 5
        assert standstill.seconds() == 5

    def test_of_several_attempts_is_the_sum(self) -> None:
        clock = FakeClock()
        standstill = Standstill(clock)
        for position in (1, 2, 3):
            clock.now += 600
            standstill.reached(position)
            clock.now += 5
            standstill.next_attempt()
        assert standstill.seconds() == 15

    @pytest.mark.parametrize("position", [1, 2])
    def test_includes_an_attempt_that_transfers_no_more_than_the_one_before(self, position: int) -> None:
        clock = FakeClock()
        standstill = Standstill(clock)
        standstill.reached(2)
        standstill.next_attempt()
        clock.now += 600
        standstill.reached(position)
        assert standstill.seconds() == 600
