"""Destinations of downloads: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import stat
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fsspec.callbacks import Callback

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.headers import announced_size
from airflow_provider_dataops.core.transfer import Transfer
from airflow_provider_dataops.errors import (
    FileAccessError,
    InvalidArgumentError,
    MalformedReplyError,
    TransportError,
)
from airflow_provider_dataops.files.sources import access, is_local, locate, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

#: The bytes in one part of an upload to an object store. S3 allows 10,000 parts, of 5 MiB or more each.
PART_BYTES = 16 * 1024 * 1024
#: The object stores whose client can upload a file in parts and abort the upload.
_TAKES_PARTS = frozenset({"s3", "s3a"})
#: A download removes incomplete files of killed downloads if they are older than this many seconds.
LEFTOVER_SECONDS = 86_400.0


class Download:
    """A file that is being downloaded. It does not exist under its final name yet.

    :param where: the path or URL, for errors.
    :param start: opens an empty file for one attempt, and discards the file of the attempt before.
    """

    def __init__(self, where: object, start: Callable[[], IO[bytes]]) -> None:
        self._where = where
        self.name = str(where).rpartition("/")[2]
        self._start = start
        self._file: IO[bytes] | None = None
        self._expected: int | None = None
        self.size = 0

    def begin(self, headers: Mapping[str, str]) -> None:
        """Start an attempt with an empty file.

        :param headers: the response's headers, with names in lower case.
        :raises MalformedReplyError: if the response is a web page, such as a login page or a proxy's error.
        """
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise MalformedReplyError("the response is a web page, not the file", status=200)
        with access(self._where):
            self._file = self._start()
        self.size = 0
        self._expected = announced_size(headers)

    def write(self, chunk: bytes) -> None:
        """Append the next bytes of the response to the file."""
        if self._file is None:
            raise RuntimeError("begin() must be called before write()")
        rest = memoryview(chunk)
        with access(self._where):
            # If the disk is almost full, write() writes a part. Only the next write raises the error.
            while rest:
                rest = rest[self._file.write(rest) :]
        self.size += len(chunk)

    def finish(self) -> None:
        """Check that the file is as long as the response's ``Content-Length``.

        :raises TransportError: if the file is longer or shorter. Then the driver sends the request again.
        """
        if self._expected is not None and self.size != self._expected:
            raise TransportError(f"{self.size} of {self._expected} bytes arrived")


@contextmanager
def destination(where: str, argument: str = "destination") -> Iterator[Download]:
    """Download a file. It appears under its final name only when it is complete.

    A local file gets the mode of the file that it replaces. A symbolic link stays; its target is replaced.

    :param where: a path or URL.
    :param argument: the name of the operator's argument, for errors.
    :raises InvalidArgumentError: if the destination is a folder or an invalid URL.
    :raises FileAccessError: if the file cannot be written to the disk or the object store.
    """
    require_text(**{argument: where})
    if where.endswith("/"):
        raise InvalidArgumentError(
            f"{argument} must be the path or URL of a file, not of a folder; given: {where!r}"
        )
    path = locate(where)
    if _is_folder(path):
        raise InvalidArgumentError(f"{argument} {where!r} is a folder; add the name of the file")
    if is_local(path):
        receive = _local(path.resolve())
    else:
        receive = _in_parts(path) if path.protocol in _TAKES_PARTS else _put_whole(path)
    with receive as download:
        yield download


def _is_folder(path: Path | ObjectStoragePath) -> bool:
    try:
        found = look(path)
    except FileAccessError as error:
        # In an object store, a user may have permission to write but not to read. Then assume that the path
        # is no folder.
        if is_local(path) or not isinstance(error.__cause__, PermissionError):
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
    """Download to a temporary local file. At the end, remove it unless the caller has moved it."""
    with contextlib.ExitStack() as opened:
        opened.callback(part.unlink, missing_ok=True)

        def start() -> IO[bytes]:
            return opened.enter_context(part.open("wb", buffering=0))

        # Create the file now, so that the file exists even if the download is empty.
        with access(where):
            start()
        yield Download(where, start)


def _remove_leftovers(path: Path) -> None:
    """Remove the incomplete files of killed downloads to this path."""
    own = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part")
    for other in path.parent.iterdir():
        with contextlib.suppress(OSError):
            if own.fullmatch(other.name) and other.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                other.unlink()


# --- an object store -----------------------------------------------------------------------------------


@contextmanager
def _in_parts(path: ObjectStoragePath) -> Iterator[Download]:
    """Download to an object store in parts. The file appears in the store when all parts are complete."""
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
    """Abort an upload. Otherwise the store would keep the incomplete file when Python closes the upload."""
    with contextlib.suppress(Exception):
        file.discard()
    with contextlib.suppress(AttributeError):
        file.closed = True


@contextmanager
def _put_whole(path: ObjectStoragePath) -> Iterator[Download]:
    """Download to a local file, then copy the complete file to the object store."""
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part"
        with _overwritten(path, part) as download:
            yield download
            copy = Transfer("copy", "to the object store", download.name, SYSTEM_CLOCK, log)
            # The store's client calls this function with the file's size and the number of copied bytes.
            callback = Callback(hooks={"log": lambda size, copied, **_: copy.moved(copied, size)})
            with access(path):
                path.fs.put_file(str(part), path.path, callback=callback)
