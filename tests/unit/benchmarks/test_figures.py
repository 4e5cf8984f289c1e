"""The arithmetic of the figures and of the ratios."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.triggers.adapter import job_end
from benchmarks.triggers.figures import COUNTED, TAKEN, is_complete, quantile, ratios, row

PLAN: dict[str, Any] = {"t0": 100.0, "shortest": 10.0, "longest": 20.0}


def measured(results: dict[str, list[Any]], **more: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(TAKEN),
        "cpu_s": 3.0,
        "wall_s": 30.0,
        "lag_p50": 0.001,
        "lag_p99": 0.01,
        "lag_max": 0.2,
        "rss_before": 50 * 2**20,
        "rss_peak": 60 * 2**20,
        "results": results,
        **more,
    }


def stats(answers: int, polls: int) -> dict[str, Any]:
    counted = dict.fromkeys(COUNTED, 0)
    return {**counted, "answers": answers, "polls": polls, "server_cpu_s": 1.5}


def late_by(seconds: float, job: int) -> list[Any]:
    return [job_end(job, 100.0, 10.0, 20.0) + seconds, None]


class TestRow:
    def test_a_list_counts_as_one_poll_for_each_job_in_it(self) -> None:
        figures = row("us", 2, PLAN, measured({"1": late_by(1.0, 1), "2": late_by(2.0, 2)}), stats(60, 2))
        assert figures["cpu_ms_per_poll"] == pytest.approx(50.0)
        assert figures["cpu_share"] == pytest.approx(0.1)
        assert figures["rss_kib_per_trigger"] == pytest.approx(5120.0)

    def test_an_event_is_late_by_the_time_since_the_end_of_its_job(self) -> None:
        figures = row("us", 2, PLAN, measured({"1": late_by(1.0, 1), "2": late_by(2.0, 2)}), stats(60, 2))
        assert figures["late_p50_s"] == pytest.approx(2.0)
        assert figures["late_p99_s"] == pytest.approx(2.0)

    def test_a_failed_trigger_is_counted_and_is_not_late(self) -> None:
        figures = row("us", 3, PLAN, measured({"1": [110.0, "refused"], "2": late_by(4.0, 2)}), stats(1, 1))
        assert (figures["failures"], figures["unfinished"], figures["error"]) == (1, 1, "refused")
        assert figures["late_p50_s"] == pytest.approx(4.0)
        assert not is_complete(figures)

    def test_a_client_without_requests_has_no_delay_and_no_cost_of_a_poll(self) -> None:
        figures = row("idle", 1, PLAN, measured({"1": late_by(1.0, 1)}), stats(0, 0))
        assert figures["late_p99_s"] is None
        assert figures["cpu_ms_per_poll"] is None
        assert is_complete(figures)


def one(client: str, cpu: float, n: int = 100, **more: Any) -> dict[str, Any]:
    figures = {
        "cpu_ms_per_poll": 0.5,
        "lag_p99_ms": 10.0,
        "late_p99_s": 4.0,
        "connections": 7,
        "rss_kib_per_trigger": 30.0,
        "failures": 0,
        "unfinished": 0,
    }
    return {"client": client, "n": n, "cpu_s": cpu, **figures, **more}


class TestRatios:
    def of(self, client: str, *rows: dict[str, Any]) -> dict[str, Any]:
        (found,) = [ratio for ratio in ratios(rows, {"slow", "fast"}) if ratio["client"] == client]
        return found

    def test_the_cpu_of_the_idle_runner_is_subtracted_from_both_sides(self) -> None:
        rows = one("us", 1.5), one("idle", 1.0), one("floor", 3.0), one("slow", 9.0), one("fast", 5.0)
        found = self.of("us", *rows)
        assert found["net_cpu_s"] == pytest.approx(0.5)
        assert found["net_cpu_to_bare"] == pytest.approx(0.25)
        assert found["net_cpu_to_best_peer"] == pytest.approx(0.125)
        assert found["best_peer"] == "fast"

    def test_a_peer_with_a_failure_is_not_the_best(self) -> None:
        rows = one("us", 1.5), one("idle", 1.0), one("slow", 9.0), one("fast", 5.0, failures=1)
        assert self.of("us", *rows)["best_peer"] == "slow"
        rows = one("us", 1.5), one("idle", 1.0), one("slow", 9.0), one("fast", 5.0, unfinished=1)
        assert self.of("us", *rows)["best_peer"] == "slow"

    def test_the_other_figures_are_divided_by_those_of_the_bare_session(self) -> None:
        us = one("us", 1.5, cpu_ms_per_poll=0.1, lag_p99_ms=20.0, late_p99_s=2.0, rss_kib_per_trigger=45.0)
        found = self.of("us", us, one("idle", 1.0, rss_kib_per_trigger=14.0), one("floor", 3.0))
        assert found["cpu_per_poll_to_bare"] == pytest.approx(0.2)
        assert found["lag_p99_to_bare"] == pytest.approx(2.0)
        assert found["late_p99_to_bare"] == pytest.approx(0.5)
        assert found["kib_per_trigger_above_idle"] == pytest.approx(31.0)

    def test_only_clients_with_the_same_number_of_triggers_are_compared(self) -> None:
        found = self.of("us", one("us", 1.5), one("idle", 1.0, n=1000), one("floor", 3.0, n=1000))
        missing = {name for name, value in found.items() if value is None}
        assert missing == set(found) - {"client", "n", "connections"}

    def test_a_ratio_to_a_client_that_costs_no_more_than_the_idle_runner_is_left_out(self) -> None:
        assert self.of("us", one("us", 1.5), one("idle", 1.0), one("floor", 0.9))["net_cpu_to_bare"] is None

    def test_the_idle_runner_itself_has_no_ratios(self) -> None:
        assert ratios([one("idle", 1.0)], set()) == []


@pytest.mark.parametrize(("q", "value"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_quantile_is_one_of_the_values(q: float, value: int) -> None:
    assert quantile(range(100, 0, -1), q) == value


def test_without_values_there_is_no_quantile() -> None:
    assert quantile([], 0.5) is None
