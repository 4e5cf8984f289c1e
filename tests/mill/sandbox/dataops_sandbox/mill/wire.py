"""The sandbox's Mill, written from its page of facts and not from the hook."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from dataops_sandbox.messages import Answer, Call, DeniedError, Operation, RefusedError
from dataops_sandbox.platform import Platform, RunRecord
from dataops_sandbox.scripts import ScriptBook, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.platform import World

_LISTED = 100


@dataclass(frozen=True, kw_only=True)
class BatchScript:
    """How a batch behaves."""

    duration: float | None = None
    """Seconds of milling; ``None``: the sandbox's usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish`` or a cancel."""
    queued: float = 0.0
    """Seconds before the milling begins."""
    hidden: float = 0.0
    """Seconds during which get and list do not know the batch yet."""

    def __post_init__(self) -> None:
        check_seconds("duration", self.duration, optional=True)
        for name in ("queued", "hidden"):
            check_seconds(name, getattr(self, name))


@dataclass(kw_only=True)
class Batch:
    """One batch. Its state follows from the clock; times are instants of the timeline."""

    batch_id: str
    recipe: str
    created_by: str
    created_at: float
    starts_at: float
    ends_at: float
    shown_at: float
    outcome: str = "done"
    error: str | None = None

    def state(self, now: float) -> str:
        """Give the state at an instant."""
        if now >= self.ends_at:
            return self.outcome
        return "milling" if now >= self.starts_at else "queued"

    def end(self, now: float, outcome: str, error: str | None = None) -> None:
        """End the batch, unless it has ended."""
        if now < self.ends_at:
            self.ends_at, self.outcome, self.error = now, outcome, error

    def times(self, now: float) -> tuple[float | None, float | None]:
        """Give the instants of start and end, as far as they have come."""
        started = self.starts_at if self.starts_at <= min(now, self.ends_at) else None
        return started, self.ends_at if self.ends_at <= now else None

    def as_json(self, timeline: Timeline) -> dict[str, Any]:
        """Give the batch as the API shows it."""
        now = timeline.now()
        started, ended = (at if at is None else timeline.stamp(at) for at in self.times(now))
        return {
            "id": self.batch_id,
            "recipe": self.recipe,
            "state": self.state(now),
            "created_at": timeline.stamp(self.created_at),
            "started_at": started,
            "ended_at": ended,
            "error": self.error,
        }


class Mill(Platform):
    """Mill on loopback."""

    name = "mill"
    settings = ("api_key",)

    api_key: str

    #: Ids go on over a reset: a poller of an earlier test must not meet a batch of the next.
    _numbers = count(1)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        batch = "/v1/batches/{batch}"
        self.operations = (
            Operation("run_recipe", "POST", "/v1/batches", self._run_recipe),
            Operation("list_batches", "GET", "/v1/batches", self._list_batches, frozenset({"recipe"})),
            Operation("get_batch", "GET", batch, self._get_batch),
            Operation("cancel_batch", "POST", f"{batch}/cancel", self._cancel_batch),
        )

    def reset(self) -> None:
        """Go back to the known recipes, without batches or scripts."""
        with self.world.changed:
            self.api_key = "mill_sandbox"
            self.run_seconds = self.world.run_seconds
            self.recipes = {"flour", "bran"}
            self.batches: dict[str, Batch] = {}
            self._scripts: ScriptBook[BatchScript] = ScriptBook()

    @property
    def base_url(self) -> str:
        """URL of the mill."""
        return self.root

    def connection(self) -> dict[str, Any]:
        """Give host and key as the connection type ``mill`` has them."""
        return {"conn_type": self.name, "host": self.base_url, "password": self.api_key, "extra": {}}

    def denial(self, denied: DeniedError) -> Answer:
        """Say no in JSON with ``error``."""
        return Answer.of_json({"error": denied.reason}, denied.status, denied.headers)

    def disguise(self, payload: Any, state: str) -> Any:
        """Replace the state of each batch."""
        if isinstance(payload, dict) and "batches" in payload:
            return {"batches": [self.disguise(batch, state) for batch in payload["batches"]]}
        return {**payload, "state": state} if isinstance(payload, dict) and "state" in payload else payload

    # What a test or a person does

    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give what other processes may call."""
        return {"script": self.script, "start": self.start, "finish": self.finish, "forget": self.forget}

    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how batches will behave.

        :param resource: the recipe; ``None``: any
        :param times: the next so many batches; ``None``: all to come
        :param behaviour: fields of :class:`BatchScript`
        """
        with self.world.changed:
            self._scripts.arm(BatchScript(**behaviour), resource, times)

    def start(self, recipe: str, *, created_by: str = "anna") -> str:
        """Start a batch, as somebody else would, and give its id."""
        with self.world.changed:
            now = self.world.timeline.now()
            script = self._scripts.take(recipe) or BatchScript()
            duration = self.run_seconds if script.duration is None else script.duration
            starts_at = now + script.queued
            batch = Batch(
                batch_id=f"b-{next(self._numbers):08}",
                recipe=recipe,
                created_by=created_by,
                created_at=now,
                starts_at=starts_at,
                ends_at=math.inf if script.hold else starts_at + duration,
                shown_at=now + script.hidden,
            )
            self.batches[batch.batch_id] = batch
            self.world.changed.notify_all()
            return batch.batch_id

    def finish(self, run_id: str, error: str | None = None) -> None:
        """End a batch now.

        :param error: why it failed, if it is to have failed
        """
        with self.world.changed:
            self.batches[run_id].end(self.world.timeline.now(), "failed" if error else "done", error)
            self.world.changed.notify_all()

    def forget(self, run_id: str) -> None:
        """Let a batch vanish, as one that was deleted."""
        with self.world.changed:
            del self.batches[run_id]
            self.world.changed.notify_all()

    def runs(self) -> list[RunRecord]:
        """Give every batch, oldest first."""
        with self.world.changed:
            return [self._record(batch, self.world.timeline) for batch in self.batches.values()]

    def _record(self, batch: Batch, timeline: Timeline) -> RunRecord:
        now = timeline.now()
        started, ended = (at if at is None else timeline.wall(at).timestamp() for at in batch.times(now))
        return RunRecord(
            platform=self.name,
            run_id=batch.batch_id,
            resource=batch.recipe,
            state=batch.state(now),
            finished=ended is not None,
            created_by=batch.created_by,
            created_at=timeline.wall(batch.created_at).timestamp(),
            started_at=started,
            finished_at=ended,
        )

    # The operations

    def _authorise(self, call: Call) -> None:
        if "X-API-Key" not in call.headers:
            raise RefusedError(401, "no X-API-Key header")
        if call.headers["X-API-Key"] != self.api_key:
            raise DeniedError(401, "this API key is not valid")

    def _shown(self) -> list[Batch]:
        """Give the batches that the API shows, newest first."""
        now = self.world.timeline.now()
        return [batch for batch in reversed(self.batches.values()) if now >= batch.shown_at]

    def _known(self, call: Call) -> Batch:
        self._authorise(call)
        call.no_body()
        for batch in self._shown():
            if batch.batch_id == call.params["batch"]:
                return batch
        raise DeniedError(404, f"there is no batch {call.params['batch']}")

    def _run_recipe(self, call: Call) -> Answer:
        self._authorise(call)
        body = call.json_object()
        if body.keys() != {"recipe"} or not isinstance(body["recipe"], str):
            raise RefusedError(400, f"a new batch has one text member, recipe, not {sorted(body)}")
        if body["recipe"] not in self.recipes:
            raise DeniedError(404, f"there is no recipe {body['recipe']!r}")
        batch = self.batches[self.start(body["recipe"], created_by="api")]
        return Answer.of_json(batch.as_json(self.world.timeline), 201)

    def _list_batches(self, call: Call) -> Answer:
        self._authorise(call)
        call.no_body()
        recipe = call.query.get("recipe")
        batches = [batch for batch in self._shown() if recipe in (None, batch.recipe)]
        return Answer.of_json(
            {"batches": [batch.as_json(self.world.timeline) for batch in batches[:_LISTED]]}
        )

    def _get_batch(self, call: Call) -> Answer:
        return Answer.of_json(self._known(call).as_json(self.world.timeline))

    def _cancel_batch(self, call: Call) -> Answer:
        batch = self._known(call)
        batch.end(self.world.timeline.now(), "cancelled")
        return Answer.of_json(batch.as_json(self.world.timeline), 202)
