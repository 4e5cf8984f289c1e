"""Where received files go: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import contextlib
import re
import secrets
import stat
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import (
    FileAccessError,
    InvalidArgumentError,
    MalformedReplyError,
    TransportError,
)
from airflow_provider_dataops.files.sources import access, locate, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.sdk import ObjectStoragePath

#: The size of the parts in which a store is written, in bytes. S3 takes 10,000 of them, of 5 MiB or more.
PART_BYTES = 16 * 1024 * 1024
#: The stores whose client can abort an upload that goes there in parts.
_TAKES_PARTS = frozenset({"s3", "s3a"})
#: What a download that was killed left behind is removed after this time, in seconds.
LEFTOVER_SECONDS = 86_400.0


class Download:
    """A file that is being received, under a temporary name or not yet committed.

    :param start: opens an empty file; called again for each attempt, which discards the one before.
    """

    def __init__(self, where: object, start: Callable[[], IO[bytes]]) -> None:
        self._where = where
        self._start = start
        self._file: IO[bytes] | None = None
        self._expected: int | None = None
        self.size = 0

    def begin(self, headers: Mapping[str, str]) -> None:
        """Empty the file, and refuse a web page: that is a login page or a proxy's error."""
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise MalformedReplyError("the answer is a web page, not the file", status=200)
        with access(self._where):
            self._file = self._start()
        self.size = 0
        length = headers.get("content-length", "")
        plain = headers.get("content-encoding", "identity") == "identity"
        # A length of more digits, or of others than these, is none: no file is that large.
        self._expected = int(length) if plain and re.fullmatch("[0-9]{1,18}", length) else None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self._file is None:
            raise RuntimeError("begin() comes before write()")
        with access(self._where):
            self._file.write(chunk)
        self.size += len(chunk)

    def finish(self) -> None:
        """Check that as many bytes came as were announced.

        :raises TransportError: if not; the request is then repeated.
        """
        if self._expected is not None and self.size != self._expected:
            raise TransportError(f"{self.size} of {self._expected} bytes came")


@contextmanager
def destination(where: str, argument: str = "destination") -> Iterator[Download]:
    """Receive a file: it appears under its final name when it is complete, and not before.

    A local file keeps its mode if it is replaced, and a symbolic link its target.

    :raises InvalidArgumentError: if the destination is a folder, or lies in none.
    :raises FileAccessError: if the disk or the store cannot be written.
    """
    require_text(**{argument: where})
    if where.endswith("/"):
        raise InvalidArgumentError(f"{argument} must be the path or URL of a file; given: {where!r}")
    path = locate(where)
    if _is_folder(path):
        raise InvalidArgumentError(f"{argument} {where!r} is a folder; give the file's name, too")
    if isinstance(path, Path):
        receive = _local(path.resolve())
    else:
        receive = _in_parts(path) if path.protocol in _TAKES_PARTS else _put_whole(path)
    with receive as download:
        yield download


def _is_folder(path: Path | ObjectStoragePath) -> bool:
    try:
        found = look(path)
    except FileAccessError as error:
        # In a store, whoever may write need not be allowed to look.
        if isinstance(path, Path) or not isinstance(error.__cause__, PermissionError):
            raise
        return False
    return found is not None and found.kind == "directory"


# --- a local path --------------------------------------------------------------------------------------


@contextmanager
def _local(path: Path) -> Iterator[Download]:
    with access(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _overwritten(path, part) as download:
        yield download
        with access(path):
            if path.exists():
                part.chmod(stat.S_IMODE(path.stat().st_mode))
            part.replace(path)


@contextmanager
def _overwritten(where: object, part: Path) -> Iterator[Download]:
    """Receive a local file, which is removed at the end unless it was moved away."""
    with contextlib.ExitStack() as opened:
        opened.callback(part.unlink, missing_ok=True)

        def start() -> IO[bytes]:
            return opened.enter_context(part.open("wb", buffering=0))

        # An empty file is one, too.
        with access(where):
            start()
        yield Download(where, start)


def _remove_leftovers(path: Path) -> None:
    """Remove what downloads of this file left behind when they were killed."""
    own = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part")
    for other in path.parent.iterdir():
        with contextlib.suppress(OSError):
            if own.fullmatch(other.name) and other.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                other.unlink()


# --- an object store -----------------------------------------------------------------------------------


@contextmanager
def _in_parts(path: ObjectStoragePath) -> Iterator[Download]:
    """Receive a file part by part; the store shows it when all parts are there."""
    files: list[Any] = []

    def start() -> IO[bytes]:
        if files:
            _discard(files.pop())
        files.append(path.fs.open(path.path, "wb", autocommit=False, block_size=PART_BYTES))
        file: IO[bytes] = files[-1]
        return file

    with access(path):
        start()
    try:
        yield Download(path, start)
        with access(path):
            files[-1].close()
            files[-1].commit()
    except BaseException:
        if files:
            _discard(files[-1])
        raise


def _discard(file: Any) -> None:
    """Abort an upload; a file that is only closed, or collected, would appear in the store."""
    with contextlib.suppress(Exception):
        file.discard()
    with contextlib.suppress(AttributeError):
        file.closed = True


@contextmanager
def _put_whole(path: ObjectStoragePath) -> Iterator[Download]:
    """Receive a file for any other store: it is made here, then put, so that half of it is never there."""
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part"
        with _overwritten(path, part) as download:
            yield download
            with access(path):
                path.fs.put_file(str(part), path.path)
