"""Limit how many requests of a connection are sent at a time. Each lane is a place for one request."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

#: The largest number of lanes if rejections can lock the account. Each platform allows
#: more rejections than this before it locks an account.
MOST_IF_LOCKING = 4
#: After this many seconds, a request frees its lane, and waits for its response without a lane.
PATIENCE = 2.0
#: At most this many requests of one group wait for a response at a time, with or without a lane. With more
#: lanes, the number of lanes applies.
GROUP_LIMIT = 16


class Lane:
    """A place for one request that is being sent."""

    __slots__ = ("_has_ended", "_is_given_up", "_lanes", "group")

    def __init__(self, lanes: Lanes, group: Hashable) -> None:
        self._lanes = lanes
        self.group = group
        self._is_given_up = self._has_ended = False

    def give_up(self) -> None:
        """Free the lane for another request. A second call does nothing."""
        if not self._is_given_up:
            self._is_given_up = True
            self._lanes.free()

    def give_up_later(self) -> None:
        """Free the lane after :data:`PATIENCE` seconds, unless a rejection may lock the account."""
        if not self._lanes.is_careful():
            self._lanes.give_up_later(self)

    def release(self) -> None:
        """Free the lane, because its request has ended. A second call does nothing."""
        if not self._has_ended:
            self._has_ended = True
            self._lanes.end(self, is_given_up=self._is_given_up)
            self._is_given_up = True


class Lanes:
    """Limits how many requests are sent at a time. Groups take turns, so no group blocks another.

    :param count: the number of lanes. Each request needs a free lane, which is a place for one request. So at
        most this many requests wait for a response at a time.
    :param is_careful: returns whether rejections of these requests can lock the account. While this is true,
        there are at most :data:`MOST_IF_LOCKING` lanes, and one group never uses all of them, unless there is
        only one lane. Otherwise a request frees its lane after :data:`PATIENCE` seconds. Then more requests
        than lanes can wait for a response.
    """

    def __init__(self, count: int, is_careful: Callable[[], bool]) -> None:
        self.is_careful = is_careful
        self._count = count
        self._used = 0
        self._under_way: Counter[Hashable] = Counter()
        #: The requests that wait for a lane, by group. The first group gets the next free lane.
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[Lane]]] = OrderedDict()
        #: When requests give up their lanes. One timer serves all of them.
        self._patience: OrderedDict[Lane, float] = OrderedDict()
        self._has_timer = False

    @property
    def limit(self) -> int:
        """How many lanes there are now."""
        return min(self._count, MOST_IF_LOCKING) if self.is_careful() else self._count

    async def turn(self, group: Hashable) -> Lane:
        """Wait for a lane for one request. The caller must release the lane."""
        if not self._waiting and self._is_free() and self._may_take(group):
            return self._taken(group)
        turn: asyncio.Future[Lane] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(turn)
        self.assign()
        try:
            return await turn
        except asyncio.CancelledError:
            # A request may be cancelled just after it got a lane.
            if turn.done() and not turn.cancelled():
                turn.result().release()
            raise

    def free(self) -> None:
        """Record that a lane is free again, and give it to a waiting request."""
        self._used -= 1
        self.assign()

    def end(self, lane: Lane, *, is_given_up: bool) -> None:
        """Record that the request of a lane has ended."""
        self._patience.pop(lane, None)
        self._under_way[lane.group] -= 1
        if not self._under_way[lane.group]:
            del self._under_way[lane.group]
        if not is_given_up:
            self._used -= 1
        self.assign()

    def give_up_later(self, lane: Lane) -> None:
        """Free the lane after :data:`PATIENCE` seconds, unless its request has ended by then."""
        loop = asyncio.get_running_loop()
        self._patience[lane] = loop.time() + PATIENCE
        if not self._has_timer:
            self._has_timer = True
            # Use an empty context, because the context of a trigger would keep its logger alive.
            loop.call_later(PATIENCE, self._give_up, context=contextvars.Context())

    def _give_up(self) -> None:
        """Free the lanes whose time has come."""
        loop = asyncio.get_running_loop()
        self._has_timer = False
        while self._patience:
            lane, until = next(iter(self._patience.items()))
            if until > loop.time():
                self._has_timer = True
                loop.call_at(until, self._give_up, context=contextvars.Context())
                return
            del self._patience[lane]
            lane.give_up()

    def assign(self) -> None:
        """Give the free lanes to waiting requests. The groups take turns, with one lane at each turn."""
        while self._waiting and self._is_free() and (group := self._next_group()) is not None:
            turns = self._waiting[group]
            turns.popleft().set_result(self._taken(group))
            if turns:
                self._waiting.move_to_end(group)
            else:
                del self._waiting[group]

    def _is_free(self) -> bool:
        return self._used < self.limit

    def _may_take(self, group: Hashable) -> bool:
        limit = self.limit
        most = max(1, limit - 1) if self.is_careful() else max(GROUP_LIMIT, limit)
        return self._under_way[group] < most

    def _taken(self, group: Hashable) -> Lane:
        self._used += 1
        self._under_way[group] += 1
        return Lane(self, group)

    def _next_group(self) -> Hashable | None:
        """Return the first group that may take a lane. Forget groups whose requests were all cancelled."""
        # If thousands of groups wait, a copy of the queue at each turn would take seconds.
        found, cancelled = None, []
        for group, turns in self._waiting.items():
            while turns and turns[0].done():
                turns.popleft()
            if not turns:
                cancelled.append(group)
            elif self._may_take(group):
                found = group
                break
        for group in cancelled:
            del self._waiting[group]
        return found
