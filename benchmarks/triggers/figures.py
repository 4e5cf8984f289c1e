"""The arithmetic of the benchmark: quantiles, the figures of a run, and the ratios of two clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.triggers.adapter import job_end

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: The figures of one client with one number of triggers.
Row = dict[str, Any]

#: The figures of the client's process that a row takes over.
TAKEN = (
    "cpu_s",
    "wall_s",
    "trigger_import_s",
    "lag_start_p99",
    "lag_start_max",
    "lag_steady_p99",
    "lag_steady_max",
    "lag_windows",
    "gc_pauses",
    "cpu_at",
)
#: The counters of the simulated platform that a row takes over.
COUNTED = ("polls", "answers", "requests", "connections", "kinds", "most_under_way", "by_status")


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the value below which the share ``q`` of all values lies; ``None`` without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * q))] if ordered else None


def row(client: str, n: int, plan: Mapping[str, Any], measured: Mapping[str, Any], stats: Row) -> Row:
    """Return the figures of one run.

    :param plan: when the jobs ended.
    :param measured: the figures of the client's process.
    :param stats: the counters of the simulated platform.
    """
    ends = {i: job_end(int(i), plan["t0"], plan["shortest"], plan["longest"]) for i in measured["results"]}
    failures = [problem for _, problem in measured["results"].values() if problem is not None]
    late = [at - ends[i] for i, (at, problem) in measured["results"].items() if problem is None]
    # A client without requests does not know when a job has ended, so it cannot be late.
    late = late if stats["polls"] else []
    cpu, answers = measured["cpu_s"], stats["answers"]
    return {
        "client": client,
        "n": n,
        **{name: measured[name] for name in TAKEN},
        **{name: stats[name] for name in COUNTED},
        # A list with the states of 30 waiting jobs counts as 30 polls.
        "cpu_ms_per_poll": cpu / answers * 1000 if answers else None,
        "cpu_share": cpu / measured["wall_s"],
        "lag_p50_ms": measured["lag_p50"] * 1000,
        "lag_p99_ms": measured["lag_p99"] * 1000,
        "lag_max_ms": measured["lag_max"] * 1000,
        "late_p50_s": quantile(late, 0.5),
        "late_p99_s": quantile(late, 0.99),
        "rss_kib_per_trigger": (measured["rss_peak"] - measured["rss_before"]) / n / 1024,
        "rss_peak_mib": measured["rss_peak"] / 2**20,
        "waited_run_minutes": sum(end - plan["t0"] for end in ends.values()) / 60,
        "server_cpu_share": stats["server_cpu_s"] / measured["wall_s"],
        "failures": len(failures),
        "unfinished": n - len(measured["results"]),
        "error": failures[0] if failures else None,
    }


def ratios(rows: Sequence[Row], peers: Collection[str]) -> list[Row]:
    """Return the rows' ratios to the bare session, to the idle runner and to the best peer.

    A ratio is ``None`` if one of its two figures was not measured. Net CPU is the CPU of a client minus the
    CPU of the idle runner. The best peer has the lowest net CPU of all peers without a failure.

    :param peers: the names of the clients of other packages.
    """
    return [_ratios(one, rows, peers) for one in rows if one["client"] != "idle"]


def _ratios(one: Row, rows: Sequence[Row], peers: Collection[str]) -> Row:
    same = {other["client"]: other for other in rows if other["n"] == one["n"]}
    idle, bare = same.get("idle"), same.get("floor")
    best = min(
        (other for name, other in same.items() if name in peers and is_complete(other)),
        key=lambda other: float(other["cpu_s"]),
        default=None,
    )
    return {
        "client": one["client"],
        "n": one["n"],
        "net_cpu_s": _net(one, idle),
        "net_cpu_to_best_peer": _ratio(_net(one, idle), _net(best, idle)),
        "best_peer": best["client"] if best else None,
        "net_cpu_to_bare": _ratio(_net(one, idle), _net(bare, idle)),
        "cpu_per_poll_to_bare": _to(one, bare, "cpu_ms_per_poll"),
        "lag_p99_to_bare": _to(one, bare, "lag_p99_ms"),
        "late_p99_to_bare": _to(one, bare, "late_p99_s"),
        "connections": one["connections"],
        "kib_per_trigger_above_idle": (
            None if idle is None else one["rss_kib_per_trigger"] - idle["rss_kib_per_trigger"]
        ),
    }


def is_complete(one: Row) -> bool:
    """Return whether all triggers of a run have reported success."""
    return not one["failures"] and not one["unfinished"]


def _net(one: Row | None, idle: Row | None) -> float | None:
    return None if one is None or idle is None else float(one["cpu_s"] - idle["cpu_s"])


def _to(one: Row, other: Row | None, name: str) -> float | None:
    return _ratio(one[name], other[name] if other else None)


def _ratio(value: float | None, other: float | None) -> float | None:
    # A ratio to nothing, or to less than nothing, has no meaning.
    return None if value is None or other is None or other <= 0 else value / other
