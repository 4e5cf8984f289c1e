"""The acts and their times. They depend on the seed alone, so the same seed repeats them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: The last act is due within this many seconds.
SECONDS = 300.0
#: Acts for which a victim is there only at first: they are due within this many seconds.
EARLY = {"terminate a Tamr task": 110.0}
#: How often each act is done.
COUNTS = {
    "kill a task": 24,
    "kill a worker": 12,
    "kill a supervisor": 6,
    "freeze a task": 8,
    "freeze a worker": 8,
    "terminate a task": 4,
    "terminate a Tamr task": 6,
    "kill a triggerer": 4,
    "freeze a triggerer": 4,
    "restart the scheduler": 2,
    "kill the scheduler alone": 1,
    "restart the API server": 2,
    "restart the database": 2,
    "disturb a submission": 18,
    "time out a submission": 8,
    "kill at a submission": 15,
}


@dataclass(frozen=True)
class Act:
    """One act.

    :param at: when it is due at first, in seconds from the start.
    :param due: when it is due now: later if it found no victim.
    :param random: makes all other choices of the act.
    """

    at: float
    due: float
    kind: str
    number: int
    random: Random


def draw(seed: str) -> list[Act]:
    """Return all acts in their order."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    times = sorted(
        (random.uniform(0, EARLY.get(kind, SECONDS)), kind)
        for kind, count in COUNTS.items()
        for _ in range(count)
    )
    return [
        Act(at, at, kind, number, Random(f"{seed}-{number}"))  # noqa: S311
        for number, (at, kind) in enumerate(times)
    ]
