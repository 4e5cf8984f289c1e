"""The base class of the event triggers, for Airflow's ``AssetWatcher``."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import MISSING, fields
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.adapters.asset_state import AssetStateStore
from airflow_provider_dataops.adapters.features import warn_if_not_stored
from airflow_provider_dataops.core.feed import Feed
from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.triggers.base import DataclassTrigger, connected_api, load_waits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.lifecycle.marks import Mark
    from airflow_provider_dataops.polling.feeds import FeedSnapshot
    from airflow_provider_dataops.triggers.streams import FeedProducer


class EventTrigger(Feed, DataclassTrigger, BaseEventTrigger):
    """Fires an event for each run that has newly ended, or for each new object.

    The payload of an event is a dict. Its ``run_id`` is the same if Airflow stores an event twice.

    The first event is about a run that ends after the trigger's first poll. From then on, each run fires an
    event, also if it ends while no triggerer runs or while all DAGs that use the asset are paused.

    ``serialize()`` validates the arguments. Airflow calls it when it parses the DAG, so a wrong argument is
    an import error of the DAG. The constructor cannot fail, because the triggerer would end.
    """

    #: The class of the marks, which record the runs that were reported.
    mark_class: ClassVar[type[Mark]]

    def __post_init__(self) -> None:
        """Initialise ``BaseEventTrigger``. This is a part of the constructor, so it must not fail."""
        super().__post_init__()
        #: Airflow 3.3 sets the store before it starts the trigger.
        self.asset_state_store = None
        #: Whether this trigger has ended, so that it must not store its mark.
        self.has_ended = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments, from which Airflow creates the trigger again.

        :raises InvalidArgumentError: with the name and the value of the wrong argument.
        """
        path, _ = super().serialize()
        try:
            return path, self.plain()
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{type(self).__name__}: {error}") from None

    # --- shared polls ----------------------------------------------------------------------------------

    def shared_stream_key(self) -> Hashable | None:
        """Return the key of the poll that this trigger shares with others.

        ``None`` if an argument is wrong. Then :meth:`run` logs what is wrong, as long as the trigger exists.
        """
        try:
            arguments = self.plain()
        except Exception:
            return None
        polled = {name: value for name, value in arguments.items() if name not in self.choices}
        return type(self).__qualname__, json.dumps(polled, sort_keys=True, default=str)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> FeedProducer:
        """Return the producer, which polls for all triggers with the same key."""
        # Airflow before 3.3 has no shared streams, and does not call this method.
        from airflow_provider_dataops.triggers.streams import FeedProducer

        return FeedProducer(cls(**kwargs).snapshots())

    async def snapshots(self) -> AsyncGenerator[FeedSnapshot]:
        """Poll for ever, and yield what each poll has found."""
        await load_waits(self.conn_type)
        # Only a running trigger needs this module. It is small, and its imports are loaded now.
        from airflow_provider_dataops.polling.feeds import snapshots

        async with aclosing(snapshots(self, self._api)) as polled:
            async for snapshot in polled:
                yield snapshot

    async def _api(self) -> Api:
        return await connected_api(self.conn_type, self.conn_id)

    # --- events ----------------------------------------------------------------------------------------

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[FeedSnapshot]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each run of the snapshots that was not reported yet."""
        position: _Position | None = None
        async for snapshot in shared_stream:
            if position is None or position.scope != snapshot.scope:
                position = _Position(self, snapshot.scope)
            mark = await position.before(snapshot)
            if mark is None:
                continue
            for run in mark.new(snapshot.listing):
                if self.wants(run):
                    metrics.count(Counter.EVENT_FIRED, self.conn_type)
                    yield TriggerEvent(run.payload())
            position.passed(snapshot)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll alone, and yield the events. Airflow before 3.3 calls this method."""
        async with aclosing(self.snapshots()) as snapshots:
            async for event in self.filter_shared_stream(snapshots):
                yield event

    async def cleanup(self) -> None:
        """Store no mark any more. This method must not call Airflow: a triggerer that stops would hang."""
        self.has_ended = True

    def mark_key(self, scope: str) -> str:
        """Return the key under which Airflow stores the mark.

        Two watchers of an asset share its store. So the key contains all arguments except the poll interval.
        It leaves out arguments that have their default, so that a new argument does not change the key.

        :param scope: the URL and further values from the connection.
        """
        defaults = {f.name: _default(f) for f in fields(self)}
        chosen = {
            name: value
            for name, value in self.plain().items()
            if value != defaults[name] and name != "poll_interval"
        }
        text = json.dumps([type(self).__qualname__, scope, chosen], sort_keys=True, default=str)
        return f"dataops_event_mark_{sha256(text.encode()).hexdigest()[:32]}"


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


class _Position:
    """The mark of one event trigger: which runs it has reported, and which of them Airflow has stored.

    :param scope: the URL and further values from the connection. A connection with another scope has other
        runs, so it has a mark of its own.
    """

    def __init__(self, trigger: EventTrigger, scope: str) -> None:
        self.scope = scope
        self._trigger = trigger
        self._log: Log = trigger.log
        self._store = AssetStateStore(trigger.asset_state_store)
        self._key = trigger.mark_key(scope)
        self._mark: Mark | None = None
        self._stored: Mark | None = None

    async def before(self, snapshot: FeedSnapshot) -> Mark | None:
        """Return the mark before this snapshot; ``None`` if Airflow's store does not respond.

        At the first start of the trigger, the mark contains all runs of the snapshot, and is stored at once.
        """
        try:
            if self._mark is None:
                self._mark = self._stored = await self._read()
            if self._mark is None:
                self._mark = self._trigger.mark_class.baseline(snapshot.listing)
                self._log.info(
                    "The event trigger starts. Runs that have ended before fire no event: %d",
                    len(snapshot.listing.ended),
                )
                warn_if_not_stored(bool(self._store), self._log)
            if self._stored is None:
                await self._write(self._mark)
        except Exception as error:
            self._log.warning("Airflow's asset state store cannot be used: %r; the events must wait", error)
            return None
        return self._mark

    def passed(self, snapshot: FeedSnapshot) -> None:
        """Record that all events of the snapshot have fired. Its mark is stored after Airflow stored them."""
        if self._mark is not None:
            self._mark = self._mark.after(snapshot.listing)
            if self._mark != self._stored:
                snapshot.commits.append(partial(self._commit, self._mark))

    async def _commit(self, mark: Mark) -> None:
        """Store a mark, unless the trigger has ended: then its last events may not have been stored."""
        if not self._trigger.has_ended and mark != self._stored:
            await self._write(mark)

    async def _write(self, mark: Mark) -> None:
        await self._store.set(self._key, mark.as_json())
        self._stored = mark

    async def _read(self) -> Mark | None:
        """Return the stored mark; ``None`` if there is none. Of several marks, return what they share."""
        found: Mark | None = None
        for value in await self._store.get(self._key):
            mark = self._parsed(value)
            if mark is not None:
                found = mark if found is None else found.common(mark)
        return found

    def _parsed(self, value: Mapping[str, Any]) -> Mark | None:
        try:
            return self._trigger.mark_class.from_json(value)
        except ValueError as error:
            self._log.error(
                "The stored position of the event trigger cannot be read, so the trigger begins with the "
                "next run that ends: %s",
                error,
            )
            return None
