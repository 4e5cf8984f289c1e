"""The adapters of the triggers in :mod:`.floor`, with which all clients are compared."""

from __future__ import annotations

from typing import Any

from benchmarks.triggers.adapter import Adapter, Options, job_end


class Idle(Adapter):
    """No request at all: what Airflow's runner and the triggers themselves cost."""

    trigger = "benchmarks.triggers.floor.IdleTrigger"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of a trigger that sleeps as long as the job takes."""
        seconds = job_end(job, 0.0, options.shortest, options.longest)
        return {"job": job, "interval": options.interval, "seconds": seconds}

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection that no trigger requests."""
        return {"conn_type": "generic"}

    def job_of(self, *request: Any) -> int | None:
        """Return ``None``, because no request is expected."""
        return None


class Floor(Adapter):
    """The bare session: one request for each poll, on a session that all triggers share."""

    trigger = "benchmarks.triggers.floor.FloorTrigger"
    route = r"GET /floor/(?P<job>\d+)"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {"job": job, "conn_id": options.conn_id, "interval": options.interval}

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with a bearer token."""
        return {"conn_type": "generic", "host": options.url, "password": "token-123"}

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the smallest response with a status."""
        return 200, {"id": job, "status": "done" if ended else "running"}


class FloorHttpx(Floor):
    """The bare session of httpx."""

    trigger = "benchmarks.triggers.floor.FloorHttpxTrigger"
