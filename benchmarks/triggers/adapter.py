"""What the harness must know of a client: its trigger, its connection, and the responses of its platform."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: The fractional part of its multiples spreads the ends of the jobs evenly.
_GOLDEN_RATIO = 0.6180339887498949

#: The status code, the body as JSON or as bytes, how many jobs it reports on, and a name for this request.
Answer = tuple[int, Any, int, str]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an adapter may use for a trigger's arguments.

    :param host: the host of the simulated platform.
    :param port: its port.
    :param interval: the seconds between two polls of a job.
    :param conn_id: the id of the only connection.
    :param n: how many triggers wait at a time.
    :param shortest: the length of the shortest job, in seconds.
    :param longest: the length of the longest job, in seconds.
    """

    host: str
    port: int
    interval: float
    conn_id: str
    n: int
    shortest: float
    longest: float

    @property
    def url(self) -> str:
        """The base URL of the simulated platform."""
        return f"https://{self.host}:{self.port}"


class Adapter:
    """Describes one client. Both processes, the client and the simulated platform, create an instance.

    A subclass for a platform with one request for each job sets :attr:`route` and has a method :meth:`reply`.
    If one request can report on many jobs, the subclass has a method :meth:`answer` instead.
    """

    #: The path of the trigger class.
    trigger: ClassVar[str]
    #: The distribution with the trigger; empty for a trigger of this repository.
    distribution: ClassVar[str] = ""
    #: A regular expression for "METHOD path" of a poll. The group ``job`` is the number of the job.
    route: ClassVar[str] = ""

    def __init__(self) -> None:
        self._reported: set[int] = set()

    # --- the client ------------------------------------------------------------------------------------

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job. The numbers of the jobs begin with 1."""
        raise NotImplementedError

    def connection(self, options: Options) -> dict[str, Any]:
        """Return the fields of the Airflow connection."""
        raise NotImplementedError

    def setup(self, options: Options) -> None:
        """Prepare the client's process, before it creates a trigger."""

    def is_success(self, payload: Any) -> bool:
        """Return whether the payload of a trigger's event reports success."""
        return isinstance(payload, dict) and payload.get("status") == "success"

    # --- the platform ----------------------------------------------------------------------------------

    def token(self, path: str, body: bytes) -> Any:
        """Return the response to a request for a token, ``None`` if it is another request."""
        if path.endswith("/token"):
            return {"access_token": "t" * 40, "token_type": "Bearer", "expires_in": 3600}
        return None

    def job_of(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> int | None:
        """Return the number of the job that a request polls; ``None`` if there is no such route."""
        match = re.fullmatch(self.route, f"{method} {path}")
        return int(match["job"]) if match else None

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return status code and JSON of the response to a poll of a job."""
        raise NotImplementedError

    def answer(
        self,
        plan: Mapping[str, Any],
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        now: float,
    ) -> Answer | None:
        """Return the response to a request; ``None`` if there is no such route."""
        job = self.job_of(method, path, query, body)
        if job is None:
            return None
        status, payload = self.reply(job, has_ended(job, plan, now))
        return status, payload, 1, "job"

    def count_news(self, jobs: Collection[int], plan: Mapping[str, Any], now: float) -> int:
        """Return how many jobs of a list a client may wait for.

        The end of a job counts once. Later lists contain the job, too, but they are no news to a client.
        """
        ended = {job for job in jobs if has_ended(job, plan, now)}
        news = len(jobs) - len(ended & self._reported)
        self._reported |= ended
        return news

    def restart(self) -> None:
        """Forget which ends were reported."""
        self._reported.clear()


def job_end(job: int, t0: float, shortest: float, longest: float) -> float:
    """Return when a job ends. The ends are spread evenly from ``shortest`` to ``longest`` after ``t0``."""
    return t0 + shortest + (job * _GOLDEN_RATIO % 1.0) * (longest - shortest)


def has_ended(job: int, plan: Mapping[str, Any], now: float) -> bool:
    """Return whether a job has ended."""
    return now >= job_end(job, plan["t0"], plan["shortest"], plan["longest"])


def compact(payload: Any) -> bytes:
    """Return JSON without spaces, as servers send it."""
    return json.dumps(payload, separators=(",", ":")).encode()
