"""An asyncio task for whose result thousands of triggers wait."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class JointTask(Generic[T]):
    """Work that is done once for all triggers. A trigger that is cancelled does not cancel it.

    ``asyncio.shield`` would do the same, but takes ten objects for each trigger that waits.

    :param work: a coroutine. It gets an empty context. Otherwise it would write its lines into the log of the
        first trigger's task.
    :param name: the name of the asyncio task.
    """

    def __init__(self, work: Coroutine[Any, Any, T], name: str) -> None:
        self._has_ended = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            # If all triggers were cancelled, none of them gets the error. Without this, asyncio would log it.
            task.exception()
        self._has_ended.set()

    async def result(self) -> T:
        """Wait for the end of the work, and return its result.

        :raises Exception: what the work raised.
        """
        await self._has_ended.wait()
        return self.task.result()
