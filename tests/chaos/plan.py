"""What is done when: drawn from the seed alone, so that a seed repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: For how long acts are begun, in seconds.
SECONDS = 300.0
#: How often each act is done.
COUNTS = {
    "kill a task": 24,
    "kill a worker": 12,
    "kill a supervisor": 6,
    "freeze a task": 8,
    "freeze a worker": 8,
    "terminate a task": 4,
    "kill a triggerer": 4,
    "freeze a triggerer": 4,
    "restart the scheduler": 2,
    "kill the scheduler alone": 1,
    "restart the API server": 2,
    "restart the database": 2,
    "disturb a submission": 20,
    "kill at a submission": 15,
}


@dataclass(frozen=True)
class Act:
    """One act.

    :param at: when it is due, in seconds from the start.
    :param due: the same, or later if it was put off.
    :param random: decides everything else about it.
    """

    at: float
    due: float
    kind: str
    number: int
    random: Random


def drawn(seed: str) -> list[Act]:
    """Return all acts in their order."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    kinds = [kind for kind, count in COUNTS.items() for _ in range(count)]
    random.shuffle(kinds)
    times = sorted(random.uniform(0, SECONDS) for _ in kinds)
    return [
        Act(at, at, kind, number, Random(f"{seed}-{number}"))  # noqa: S311
        for number, (at, kind) in enumerate(zip(times, kinds, strict=True))
    ]
