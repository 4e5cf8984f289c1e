"""The figures of one DAG run."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

#: A request of a task's supervisor, in the log of the api-server.
_REQUEST = re.compile(r"\[http\.access\].* method=(\w+) path=/execution/(\S*)")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the tasks of one DAG run cost.

    :param requests: the requests that a task sends to the API server, without heartbeats.
    :param by_name: these requests by name.
    :param waiting_cpu: the share of one core that the triggerer uses while all tasks are deferred.
    :param cpu_per_task: the CPU time of the triggerer over the whole DAG run, in ms for each task.
    :param late_p50: the time from the end of what a task waits for to the success of the task, in seconds.
    """

    tasks: int
    failed: int
    requests: float
    by_name: dict[str, float]
    waiting_cpu: float
    cpu_per_task: float
    late_p50: float
    late_p99: float

    def as_json(self) -> dict[str, Any]:
        """Return all figures by name."""
        return asdict(self)


def requests_in(log: str, tasks: int) -> dict[str, float]:
    """Return how many requests a task has sent on average, by name.

    :param log: the part of the api-server's log that was written during the DAG run.
    """
    names = Counter(_name(*match.groups()) for match in _REQUEST.finditer(log))
    names.pop("heartbeat", None)
    return {name: count / tasks for name, count in sorted(names.items())}


def _name(method: str, path: str) -> str:
    kind, *rest = path.split("/")
    match kind:
        case "task-instances":
            return {"run": "start", "rtif": "rendered templates", "state": "deferral or end"}.get(
                rest[-1], rest[-1]
            )
        case "store":
            return f"{method} task state"
        case "xcoms":
            return f"{method} XCom {rest[-1]}"
        case _:
            return f"{method} {kind}"


def percentile(values: list[float], share: float) -> float:
    """Return the value that a share of all values does not exceed."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]
