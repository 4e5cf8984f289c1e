"""Compares the tasks with the remote runs, and makes the table that `make cluster` prints."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cluster.platforms import Run
    from tests.cluster.watch import Key, Seen

_HEAD = (
    "DAG",
    "tasks",
    "succeeded",
    "retried",
    "on workers",
    "waits in triggerers",
    "in both",
    "remote runs",
    "latest wait",
)


def broken(
    tasks: Mapping[Key, Seen], run_ids: Mapping[Key, str], runs: Sequence[Run], submissions: int
) -> list[str]:
    """Return a message for each task that has failed, and for each remote run that is not exactly one task's.

    :param run_ids: the id of the run that each task has returned.
    :param submissions: how many requests have started a run.
    """
    found = [f"{key} is {seen.state}" for key, seen in tasks.items() if seen.state != "success"]
    owners = Counter(run_ids.values())
    found += [f"{count} tasks returned the run {run_id}" for run_id, count in owners.items() if count > 1]
    known = {run.run_id for run in runs}
    found += [
        f"{key} returned {run_id}, which no platform knows"
        for key, run_id in run_ids.items()
        if run_id not in known
    ]
    found += [f"no task returned {run}" for run in runs if run.run_id not in owners]
    found += [f"{run} has not ended" for run in runs if run.finished_at is None]
    if submissions != len(runs):
        found.append(f"{submissions} requests started {len(runs)} runs")
    return found


def lateness(fired: Mapping[Key, float], run_ids: Mapping[Key, str], runs: Sequence[Run]) -> dict[Key, float]:
    """Return the seconds from the end of a run to the event of the trigger that waited for it."""
    ends = {run.run_id: run.finished_at for run in runs}
    return {
        key: at - end
        for key, at in fired.items()
        if key in run_ids and (end := ends[run_ids[key]]) is not None
    }


def table(tasks: Mapping[Key, Seen], run_ids: Mapping[Key, str], late: Mapping[Key, float]) -> list[str]:
    """Return the lines of a table with one row for each DAG."""
    rows = [_HEAD]
    for dag_id in dict.fromkeys(key[0] for key in tasks):
        own = {key: seen for key, seen in tasks.items() if key[0] == dag_id}
        waits = [seconds for key, seconds in late.items() if key in own]
        rows.append(
            (
                dag_id,
                str(len(own)),
                str(sum(seen.state == "success" for seen in own.values())),
                str(sum(seen.tries > 1 for seen in own.values())),
                _shares(Counter(name for seen in own.values() for name in seen.workers)),
                _shares(Counter(name for seen in own.values() for name in seen.triggerers)),
                str(sum(len(seen.triggerers) > 1 for seen in own.values())),
                str(sum(key in own for key in run_ids)),
                f"{max(waits):.0f} s" if waits else "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _shares(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "-"
