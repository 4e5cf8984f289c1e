"""The base class of the adapters of this package's triggers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks.triggers.adapter import Adapter

if TYPE_CHECKING:
    from benchmarks.triggers.adapter import Options

#: The triggers have a deadline, which no run of the benchmark reaches.
_DAY = 86400.0


class OwnAdapter(Adapter):
    """An adapter of one of this package's triggers."""

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a run."""
        return {
            "conn_id": options.conn_id,
            "deadline": time.time() + _DAY,
            "poll_interval": options.interval,
            "worker_load": 0.0,
            **self.run(job),
        }

    def run(self, job: int) -> dict[str, Any]:
        """Return the arguments that identify a run at the platform."""
        raise NotImplementedError

    def setup(self, options: Options) -> None:
        """Let the triggers see an idle machine.

        On a busy machine, the triggers hold back the events of short jobs. Then the delay of an event would
        depend on the other processes of the machine.
        """
        mock.patch("os.getloadavg", new=_no_load).start()

    def is_success(self, payload: Any) -> bool:
        """Return whether the payload of a trigger's event reports success."""
        return bool(payload and (payload.get("snapshot") or {}).get("state") == "succeeded")


def _no_load() -> tuple[float, float, float]:
    return 0.0, 0.0, 0.0
