"""The figures of a run with several triggerers, and their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.triggers.adapter import job_end
from benchmarks.triggers.figures import quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLUMNS = (
    ("client", "client", "{}"),
    ("triggerers", "triggerers", "{}"),
    ("lost", "lost", "{}"),
    ("requests", "requests", "{:,}"),
    ("requests_per_second", "requests a second", "{:.1f}"),
    ("busiest_second", "in the busiest second", "{}"),
    ("most_under_way", "most requests under way", "{}"),
    ("connections", "connections", "{}"),
    ("late_p50_s", "late p50, s", "{:.1f}"),
    ("late_max_s", "late max, s", "{:.1f}"),
    ("lost_waits", "waits without an event", "{}"),
)


def shares(n: int, triggerers: int) -> list[list[int]]:
    """Return the jobs for which each triggerer waits. The numbers of the jobs begin with 1."""
    return [list(range(first, n + 1, triggerers)) for first in range(1, triggerers + 1)]


def row(
    client: str,
    triggerers: int,
    lost: int,
    plan: Mapping[str, Any],
    events: Mapping[int, float],
    stats: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the figures of one run.

    :param lost: how many of the triggerers were killed.
    :param plan: when the jobs ended.
    :param events: when the trigger of each job has sent its first event.
    :param stats: the counters of the simulated platform.
    """
    late = [at - job_end(job, plan["t0"], plan["shortest"], plan["longest"]) for job, at in events.items()]
    seconds = max(events.values(), default=plan["t0"]) - plan["t0"]
    return {
        "client": client,
        "triggerers": triggerers,
        "lost": lost,
        "n": plan["n"],
        **{name: stats[name] for name in ("requests", "busiest_second", "most_under_way", "connections")},
        "requests_per_second": stats["requests"] / seconds if seconds else None,
        "late_p50_s": quantile(late, 0.5),
        "late_max_s": quantile(late, 1.0),
        "lost_waits": plan["n"] - len(events),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table in Markdown."""
    lines = [[title for _, title, _ in _COLUMNS], ["---"] * len(_COLUMNS)]
    for one in rows:
        lines.append(["-" if one[name] is None else form.format(one[name]) for name, _, form in _COLUMNS])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
