"""Files that are sent and received: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import glob
import secrets
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow.sdk import ObjectStoragePath

from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError, TransportError
from airflow_provider_dataops.platforms.checks import require_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class StoredFile:
    """A file to be sent."""

    path: Path | ObjectStoragePath
    name: str
    size: int

    def open(self) -> IO[bytes]:
        """Open the file at byte 0."""
        file: IO[bytes] = self.path.open("rb")
        return file


def locate(where: str) -> Path | ObjectStoragePath:
    """Return the path that a text stands for: a URL for an object store, anything else for a local file."""
    if where.startswith("file://"):
        # A file has neither query nor fragment: both signs may stand in a name, and one in a pattern.
        whole = where.replace("?", "%3F").replace("#", "%23")
        return Path(unquote(urlsplit(whole).path))
    return ObjectStoragePath(where) if "://" in where else Path(where).expanduser()


def source(where: str, argument: str = "source") -> StoredFile:
    """Return the file to be sent.

    :raises InvalidArgumentError: if there is none, or it is empty: no platform can tell an empty upload
        from a failed one.
    """
    require_text(**{argument: where})
    path = locate(where)
    if not path.is_file():
        raise InvalidArgumentError(f"{argument} {where!r} is not a file")
    size = path.stat().st_size
    if size == 0:
        raise InvalidArgumentError(f"{argument} {where!r} is empty")
    return StoredFile(path, path.name, size)


def sources(where: str, argument: str = "source") -> list[StoredFile]:
    """Return the files to be sent: one, those of a folder, or those that a pattern matches, by name.

    As in a shell a folder's hidden files do not count, nor do its subfolders; ``**`` reaches into those.

    :raises InvalidArgumentError: if there is none, or one of them is empty.
    """
    require_text(**{argument: where})
    path = locate(where)
    found: list[Path | ObjectStoragePath]
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [p for p in path.iterdir() if not p.name.startswith(".")]
    elif any(c in where for c in "*?["):
        found = _matches(path)
    else:
        raise InvalidArgumentError(f"{argument} {where!r} is neither a file nor a folder nor a pattern")
    files = sorted((p for p in found if p.is_file()), key=str)
    if not files:
        raise InvalidArgumentError(f"{argument} {where!r} leads to no file")
    return [source(str(p), argument) for p in files]


def _matches(pattern: Path | ObjectStoragePath) -> list[Path | ObjectStoragePath]:
    if isinstance(pattern, Path):
        return [Path(p) for p in glob.glob(str(pattern), recursive=True)]
    # The store's own matching; ObjectStoragePath has none for a whole URL.
    root = str(pattern).removesuffix(pattern.path)
    return [
        ObjectStoragePath(root + p.removeprefix("/"), conn_id=pattern.conn_id)
        for p in pattern.fs.glob(pattern.path)
    ]


class Download:
    """A file that is being received, under a temporary name."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._expected: int | None = None
        self.size = 0

    def begin(self, headers: Mapping[str, str]) -> None:
        """Start anew. A web page is no file of a platform: it is a login page or a proxy's error."""
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise MalformedReplyError("the answer is a web page, not the file", status=200)
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        length = headers.get("content-length", "")
        plain = headers.get("content-encoding", "identity") == "identity"
        self._expected = int(length) if plain and length.isdigit() else None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._file.write(chunk)
        self.size += len(chunk)

    def finish(self) -> None:
        """Check that as many bytes came as were announced.

        :raises TransportError: if not; the download begins anew.
        """
        if self._expected is not None and self.size != self._expected:
            raise TransportError(f"{self.size} of {self._expected} bytes came")


@contextmanager
def destination(where: str, argument: str = "destination") -> Iterator[Download]:
    """Receive a file: it appears under its final name when it is complete, and not before.

    :raises InvalidArgumentError: if the destination is a folder, or lies in none.
    """
    require_text(**{argument: where})
    if where.endswith("/"):
        raise InvalidArgumentError(f"{argument} must be the path or URL of a file; given: {where!r}")
    path = locate(where)
    if path.is_dir():
        raise InvalidArgumentError(f"{argument} {where!r} is a folder; give the file's name, too")
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as part:
            with part.open("w+b") as file:
                yield Download(file)
            part.replace(path)
        return
    # A store cannot rewind what it was given, and may keep half of it: the file is made here, then put whole.
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part"
        with part.open("w+b") as file:
            yield Download(file)
        path.fs.put_file(str(part), path.path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
