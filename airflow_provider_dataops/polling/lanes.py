"""Limit how many requests of a connection are sent at a time. Each lane is a place for one request."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

#: The largest number of lanes if rejections can lock the account. Each platform allows
#: more rejections than this before it locks an account.
MOST_IF_LOCKING = 4
#: After this many seconds, a request frees its lane, and waits for its response without a lane.
PATIENCE = 2.0
#: At most this many requests of one group wait for a response at a time, with or without a lane.
GROUP_LIMIT = 16


class Lane:
    """A place for one request that is being sent."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes: Lanes | None = lanes

    def give_up(self) -> None:
        """Free the lane for another request. A second call does nothing."""
        if self._lanes is not None:
            lanes, self._lanes = self._lanes, None
            lanes.add_free()

    def give_up_later(self) -> None:
        """Free the lane after :data:`PATIENCE` seconds if :attr:`Lanes.is_trusted` allows this."""
        if self._lanes is not None and self._lanes.is_trusted:
            asyncio.get_running_loop().call_later(PATIENCE, self.give_up)


class Lanes:
    """Limits how many requests are sent at a time. Groups take turns, so no group blocks another.

    :param count: the number of lanes. Each request needs a free lane, which is a place for one request. So at
        most this many requests wait for a response at a time.
    :param is_trusted: whether a request may free its lane before its response arrives. Then more requests
        than lanes can wait for a response. It must be ``False`` if rejections can lock the account, because
        credentials can be revoked at any time. If it is ``False``, there are at most :data:`MOST_IF_LOCKING`
        lanes, and one group never uses all of them, unless there is only one lane.
    """

    def __init__(self, count: int, *, is_trusted: bool) -> None:
        self.is_trusted = is_trusted
        self._free = count if is_trusted else min(count, MOST_IF_LOCKING)
        self._group_limit = max(GROUP_LIMIT, count) if is_trusted else max(1, self._free - 1)
        self._under_way: Counter[Hashable] = Counter()
        #: The requests that wait for a lane, by group. The first group gets the next free lane.
        self._waiting: dict[Hashable, deque[asyncio.Future[Lane]]] = {}

    @asynccontextmanager
    async def lane(self, group: Hashable) -> AsyncIterator[Lane]:
        """Wait for a lane for one request, and free the lane at the end of the ``async with`` block."""
        turn: asyncio.Future[Lane] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(turn)
        self._assign()
        try:
            yield await turn
        finally:
            # A request may be cancelled after it got a lane, but before it was sent. So free its lane here.
            if turn.done() and not turn.cancelled():
                self._under_way[group] -= 1
                if not self._under_way[group]:
                    del self._under_way[group]
                turn.result().give_up()
                self._assign()

    def add_free(self) -> None:
        """Record that one more lane is free, and give the lane to a waiting request."""
        self._free += 1
        self._assign()

    def _assign(self) -> None:
        """Give the free lanes to waiting requests. The groups take turns, with one lane at each turn."""
        while self._free and (group := self._next_group()) is not None:
            turns = self._waiting.pop(group)
            self._free -= 1
            self._under_way[group] += 1
            turns.popleft().set_result(Lane(self))
            # The group goes to the end of the queue.
            self._waiting[group] = turns

    def _next_group(self) -> Hashable | None:
        for group, turns in list(self._waiting.items()):
            while turns and turns[0].done():
                turns.popleft()
            if not turns:
                del self._waiting[group]
            elif self._under_way[group] < self._group_limit:
                return group
        return None
