"""A batch, and how its JSON is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.listing import Listed, read_entries
from airflow_provider_dataops.core.run import RunSnapshot, RunState, require_id

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply

_STATES = {
    "queued": RunState.PENDING,
    "milling": RunState.RUNNING,
    "done": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
}

#: The members of a listed batch that are read.
_MEMBERS = ("id", "recipe", "state", "error", "created_at", "started_at", "ended_at")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One run of a recipe.

    :param status: the state in the platform's words.
    :param error: why the batch failed; empty if it did not fail.
    """

    id: str
    recipe: str
    status: str
    state: RunState
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    error: str = ""

    def snapshot(self) -> RunSnapshot:
        """Return the batch in the vocabulary that all platforms share."""
        return RunSnapshot(
            run_id=self.id,
            state=self.state,
            raw_state=self.status,
            started_at=self.started_at or self.created_at,
            finished_at=self.ended_at,
            message=self.error,
            details={"batch_id": self.id, "recipe": self.recipe},
        )


def read_batch(reply: Reply) -> Batch:
    """Return the batch in a response."""
    return _batch(reply.json(), reply)


def read_batches(reply: Reply, *, wanted: frozenset[str] | None = None) -> Listed[Batch]:
    """Return the batches in a response.

    :param wanted: the ids of the batches to return; ``None`` returns all.
    """
    batches = reply.members("batches").get("batches")
    if batches is None:
        raise reply.malformed("no list of batches")
    is_wanted = None if wanted is None else lambda batch_id: batch_id in wanted
    parse = partial(_batch, reply=reply)
    return read_entries(reply, reply.entries_of(batches), _MEMBERS, parse, key="id", wanted=is_wanted)


def _batch(payload: object, reply: Reply) -> Batch:
    batch = payload if isinstance(payload, dict) else {}
    if not all(isinstance(batch.get(name), str) and batch[name] for name in ("id", "recipe", "state")):
        raise reply.malformed("a batch without id, recipe and state")
    return Batch(
        id=require_id(batch["id"]),
        recipe=batch["recipe"],
        status=batch["state"],
        state=_STATES.get(batch["state"], RunState.UNKNOWN),
        error=str(batch.get("error") or ""),
        **{name: str(batch[name]) for name in ("created_at", "started_at", "ended_at") if batch.get(name)},
    )
