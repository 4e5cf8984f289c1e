"""The body of a response in memory, unpacked and bounded, for both drivers."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import MAX_REPLY_BYTES
from airflow_provider_dataops.errors import MalformedReplyError, ReplyTooLargeError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Bytes that are read or unpacked at once.
CHUNK = 256 * 1024
#: Of an error's body no more than this is read, in bytes: it is quoted, not processed.
MAX_ERROR_BYTES = 1024 * 1024
#: Has zlib recognise both gzip and deflate.
_ANY = zlib.MAX_WBITS | 32


class Unpacker:
    """Undoes the compression of a body, in pieces of bounded size.

    Both drivers ask for no compression. Some proxies compress all the same, and a few kilobytes may unpack to
    gigabytes.

    :param encoding: the header ``Content-Encoding``.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self._stream = zlib.decompressobj(wbits=_ANY)

    @property
    def is_needed(self) -> bool:
        """Whether the body is compressed."""
        return self._encoding not in {"", "identity"}

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Return what the next bytes unpack to.

        :raises MalformedReplyError: if the encoding is unknown, or the bytes are not what it says.
        """
        if not self.is_needed:
            yield chunk
            return
        if self._encoding not in {"gzip", "x-gzip", "deflate"}:
            raise MalformedReplyError(
                f"the answer is packed as {self._encoding[:50]!r}, which was not asked for"
            )
        while chunk:
            if self._stream.eof:
                # A file may consist of several gzip streams.
                self._stream = zlib.decompressobj(wbits=_ANY)
            try:
                yield self._stream.decompress(chunk, CHUNK)
            except zlib.error as error:
                raise MalformedReplyError(f"the answer cannot be unpacked: {error}") from None
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Check that the body is complete.

        :raises TransportError: if not.
        """
        if self.is_needed and not self._stream.eof:
            raise TransportError("the answer was cut off")


class BodyBuffer:
    """Collects the body of one response in memory.

    A success must be read whole or not at all. An error is its status: its body may be cut.

    :param headers: their names in any case.
    """

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._announced = headers.get("Content-Length", "")
        self.unpacker = Unpacker(headers.get("Content-Encoding", ""))
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> bool:
        """Take the next bytes. Return whether more are wanted.

        :raises ReplyTooLargeError: if the body of a success becomes too large.
        """
        for piece in self.unpacker.pieces(chunk):
            self._pieces.append(piece)
            self._size += len(piece)
            if self._status >= 300 and self._size >= MAX_ERROR_BYTES:
                return False
            if self._size > MAX_REPLY_BYTES:
                size = f"; its size is {self._announced}" if re.fullmatch("[0-9]+", self._announced) else ""
                raise ReplyTooLargeError(
                    f"the answer is larger than {MAX_REPLY_BYTES} bytes{size}", status=self._status
                )
        return True

    def content(self) -> bytes:
        """Return what came."""
        return b"".join(self._pieces)
