from __future__ import annotations

import hashlib
import io
import os
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT_IN_MEMORY = 64 * 1024
"""Largest body, in bytes, that stays in memory; a longer body goes to a file."""

CHUNK = 256 * 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """Bytes with their SHA-256. A short content is in memory, a long content is in a file.

    The file is deleted when no reference to this object is left. So a response that is still being sent
    can finish even if a test resets the sandbox meanwhile.
    """

    size: int
    sha256: str
    data: bytes | None
    """All bytes, or ``None`` if they are in a file."""
    path: Path | None

    def __post_init__(self) -> None:
        if self.path is not None:
            weakref.finalize(self, self.path.unlink, missing_ok=True)

    def open(self) -> BinaryIO:
        """Return a new stream over the bytes; each stream has its own position."""
        return io.BytesIO(self.data or b"") if self.path is None else self.path.open("rb")

    def head(self, length: int) -> bytes:
        """Return the first ``length`` bytes."""
        with self.open() as stream:
            return stream.read(length)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes in pieces of up to :data:`CHUNK` bytes."""
        with self.open() as stream:
            while chunk := stream.read(CHUNK):
                yield chunk


class ContentWriter:
    """Collects bytes piece by piece and returns them as a :class:`Content`.

    :param directory: folder for the file that holds a content of more than :data:`KEPT_IN_MEMORY` bytes
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._digest = hashlib.sha256()
        self._size = 0
        self._memory = io.BytesIO()
        self._target: BinaryIO = self._memory
        self._path: Path | None = None

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._digest.update(chunk)
        self._size += len(chunk)
        if self._path is None and self._size > KEPT_IN_MEMORY:
            descriptor, name = tempfile.mkstemp(dir=self._directory)
            self._path = Path(name)
            self._target = os.fdopen(descriptor, "wb")
            self._target.write(self._memory.getvalue())
            self._memory.close()
        self._target.write(chunk)

    def finish(self) -> Content:
        """Return all written bytes as a :class:`Content`. If the bytes are in a file, close the file."""
        data = None if self._path else self._memory.getvalue()
        self._target.close()
        path, self._path = self._path, None
        return Content(size=self._size, sha256=self._digest.hexdigest(), data=data, path=path)

    def discard(self) -> None:
        """Delete the bytes of an incomplete body. After :meth:`finish`, this method does nothing."""
        self._target.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
