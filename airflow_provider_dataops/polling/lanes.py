"""How many requests of one connection are under way at a time, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

#: Requests of one connection that are under way at the same time: fewer than the refusals that lock an
#: account on any of the platforms.
PARALLEL = 4
#: A request that takes longer gives up its lane and goes on without one, in seconds.
PATIENCE = 2.0
#: Requests of one group that are under way at the same time, with and without a lane.
GROUP_LIMIT = 16


class Lane:
    """A place for one request."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes: Lanes | None = lanes

    def give_up(self) -> None:
        """Let another request have the lane; a second call does nothing."""
        if self._lanes is not None:
            lanes, self._lanes = self._lanes, None
            lanes.add_free()

    def give_up_later(self) -> None:
        """Give the lane up if the request takes long, unless that would let more than four go."""
        if self._lanes is not None and self._lanes.is_trusted:
            asyncio.get_running_loop().call_later(PATIENCE, self.give_up)


class Lanes:
    """Lets some requests go at a time. The groups take turns, so that none waits for all of another.

    :param is_trusted: whether more requests may be under way than there are lanes. Where refusals lock the
        account they may not, because credentials can be revoked at any time. One lane is then kept for other
        groups.
    """

    def __init__(self, *, is_trusted: bool) -> None:
        self.is_trusted = is_trusted
        self._free = PARALLEL
        self._under_way: Counter[Hashable] = Counter()
        #: Who waits, by group; the group whose turn is next comes first.
        self._waiting: dict[Hashable, deque[asyncio.Future[Lane]]] = {}

    @asynccontextmanager
    async def lane(self, group: Hashable) -> AsyncIterator[Lane]:
        """Wait for a lane, and give it up at the end."""
        turn: asyncio.Future[Lane] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(turn)
        self._assign()
        try:
            yield await turn
        finally:
            # One that is cancelled may have been given its lane just before.
            if turn.done() and not turn.cancelled():
                self._under_way[group] -= 1
                if not self._under_way[group]:
                    del self._under_way[group]
                turn.result().give_up()
                self._assign()

    def add_free(self) -> None:
        """Take a lane back."""
        self._free += 1
        self._assign()

    def _assign(self) -> None:
        """Give the free lanes to those who wait, one to each group in turn."""
        while self._free and (group := self._next_group()) is not None:
            turns = self._waiting.pop(group)
            self._free -= 1
            self._under_way[group] += 1
            turns.popleft().set_result(Lane(self))
            # To the end of the line.
            self._waiting[group] = turns

    def _next_group(self) -> Hashable | None:
        for group, turns in list(self._waiting.items()):
            while turns and turns[0].done():
                turns.popleft()
            if not turns:
                del self._waiting[group]
            elif self._under_way[group] < (GROUP_LIMIT if self.is_trusted else PARALLEL - 1):
                return group
        return None
