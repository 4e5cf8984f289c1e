"""Log how far the transfer of a large file is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.words import duration_in_words, size_in_words

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.log import Log

#: A transfer that ends within this many seconds logs no progress.
FIRST_LINE = 5.0
#: The seconds between two lines about one transfer.
BETWEEN_LINES = 10.0

_DONE = {"upload": "Uploaded", "download": "Downloaded", "copy": "Copied"}


class Transfer:
    """Counts the bytes of one file while they are transferred, and logs the progress every few seconds.

    There is no timer: the code that moves the bytes reports them to :meth:`moved`. If no bytes move, the read
    timeout ends the request, and its error is logged.

    :param kind: ``upload``, ``download`` or ``copy``.
    :param where: the other end, with its preposition: ``to Quantemplate``.
    :param name: the name of the file.
    :param clock: measures the time of the transfer.
    """

    def __init__(self, kind: str, where: str, name: str, clock: Clock, log: Log) -> None:
        self._kind = kind
        self._where = where
        self._name = name
        self._clock = clock
        self._log = log
        self._position = self._marked = 0
        self._began = self._marked_at = 0.0
        self._has_line = False
        self._next_line = -math.inf

    def moved(self, position: int, size: int | None) -> None:
        """Record how many bytes of the file were transferred in this attempt.

        :param size: the size of the whole file in bytes; ``None`` if the size is not known.
        """
        now = self._clock.monotonic()
        if position < self._position or self._next_line == -math.inf:
            self._start(position, now)
        self._position = position
        if self._has_line and position == size and self._next_line != math.inf:
            self._finish(now)
        elif now >= self._next_line:
            self._report(now, size)

    def _start(self, position: int, now: float) -> None:
        if self._has_line:
            # After a failed request, a refused token or a redirect, the file is sent again from byte 0.
            self._log.info(
                "The %s %s starts again at the first byte: %s", self._kind, self._where, self._name
            )
        self._has_line = False
        self._began, self._next_line = now, now + FIRST_LINE
        self._marked, self._marked_at = position, now

    def _report(self, now: float, size: int | None) -> None:
        # Use the rate since the last line: it shows a change of speed sooner than the mean rate.
        rate = (self._position - self._marked) / (now - self._marked_at)
        whole, remaining = "", ""
        if size is not None:
            whole = f" of {size_in_words(size)}"
            if rate > 0:
                remaining = f", about {duration_in_words((size - self._position) / rate)} left"
        self._log.info(
            "%s %s%s %s (%s/s%s): %s",
            _DONE[self._kind],
            size_in_words(self._position),
            whole,
            self._where,
            size_in_words(rate),
            remaining,
            self._name,
        )
        self._has_line = True
        self._marked, self._marked_at, self._next_line = self._position, now, now + BETWEEN_LINES

    def _finish(self, now: float) -> None:
        self._next_line = math.inf
        seconds = now - self._began
        self._log.info(
            "%s all %s %s in %s (%s/s)%s: %s",
            _DONE[self._kind],
            size_in_words(self._position),
            self._where,
            duration_in_words(seconds),
            size_in_words(self._position / seconds),
            ", waiting for the response" if self._kind == "upload" else "",
            self._name,
        )
