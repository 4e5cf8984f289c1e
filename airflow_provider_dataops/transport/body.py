"""Read the body of a response into memory, decompressed and with a limit. Both drivers use this."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import MAX_REPLY_BYTES
from airflow_provider_dataops.errors import MalformedReplyError, ReplyTooLargeError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: How many bytes are sent, read or decompressed at once. An upload over TLS is a tenth slower with 64 KiB,
#: and at most a twentieth faster with 1 MiB. On a slow connection, larger blocks would delay the lines of
#: progress.
CHUNK = 256 * 1024
#: A download reads at most this many bytes at a time. Without TLS, larger reads are faster.
DOWNLOAD_CHUNK = 1024 * 1024
#: How many bytes of an error response's body are read. The error's message quotes only the start of the body.
MAX_ERROR_BYTES = 1024 * 1024
#: The setting with which zlib recognises both gzip and deflate.
_ANY = zlib.MAX_WBITS | 32


class Unpacker:
    """Decompresses a body in pieces of limited size.

    Both drivers ask for an uncompressed body, but some proxies compress it nevertheless. A few kilobytes may
    then decompress to gigabytes.

    :param encoding: the value of the header ``Content-Encoding``.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        #: Whether the body is compressed.
        self.is_needed = self._encoding not in {"", "identity"}
        if self.is_needed:
            self._stream = zlib.decompressobj(wbits=_ANY)

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Return the next bytes, decompressed, in pieces of at most :data:`CHUNK` bytes.

        :raises MalformedReplyError: if the encoding is unknown, or the bytes do not match the encoding.
        """
        if not self.is_needed:
            yield chunk
            return
        if self._encoding not in {"gzip", "x-gzip", "deflate"}:
            raise MalformedReplyError(
                f"the response is compressed as {self._encoding[:50]!r}, which this provider cannot read"
            )
        while chunk:
            if self._stream.eof:
                # A gzip file may contain several streams, one after the other.
                self._stream = zlib.decompressobj(wbits=_ANY)
            try:
                yield self._stream.decompress(chunk, CHUNK)
            except zlib.error as error:
                raise MalformedReplyError(f"the response cannot be decompressed: {error}") from None
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Check that the compressed body is complete.

        :raises TransportError: if the end of the body is missing.
        """
        if self.is_needed and not self._stream.eof:
            raise TransportError("the response ended before the compressed body was complete")


class BodyBuffer:
    """Collects the body of one response in memory.

    The body of a success must be complete. The body of an error response may be incomplete, because the
    status code already shows the error.

    :param status: the status code of the response.
    :param headers: a mapping that ignores the case of the headers' names.
    """

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._announced = headers.get("Content-Length", "")
        self.unpacker = Unpacker(headers.get("Content-Encoding", ""))
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> bool:
        """Append the next bytes, and return whether to continue reading.

        :raises ReplyTooLargeError: if the body of a success is larger than ``MAX_REPLY_BYTES``.
        """
        for piece in self.unpacker.pieces(chunk):
            self._pieces.append(piece)
            self._size += len(piece)
            if self._status >= 300 and self._size >= MAX_ERROR_BYTES:
                return False
            if self._size > MAX_REPLY_BYTES:
                size = f"; its size is {self._announced}" if re.fullmatch("[0-9]+", self._announced) else ""
                raise ReplyTooLargeError(
                    f"the response is larger than {MAX_REPLY_BYTES} bytes{size}", status=self._status
                )
        return True

    def content(self) -> bytes:
        """Return the bytes that were appended."""
        return b"".join(self._pieces)
