"""Files that are sent: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import glob
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from airflow.sdk import ObjectStoragePath

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import DataOpsError, FileAccessError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Found(NamedTuple):
    """What stands at a path.

    :param version: changes when a file is written, as far as its store shows that.
    """

    kind: str
    size: int
    version: object


@dataclass(frozen=True)
class StoredFile:
    """A file to be sent.

    :param version: what it was like when it was chosen.
    """

    path: Path | ObjectStoragePath
    name: str
    size: int
    version: object

    def open(self) -> IO[bytes]:
        """Open the file at byte 0."""
        with access(self.path):
            file: IO[bytes] = self.path.open("rb")
        return file

    def has_changed(self) -> bool:
        """Return whether the file is another one than when it was chosen."""
        found = look(self.path)
        return found is None or (found.size, found.version) != (self.size, self.version)


@contextmanager
def access(path: object) -> Iterator[None]:
    """Raise what a disk or a store says as an error that a retry may mend.

    :raises FileAccessError: naming the path, with the store's own words.
    """
    try:
        yield
    except DataOpsError:
        raise
    except Exception as error:
        # Stores raise whatever their clients do; an unknown connection is an error of Airflow's.
        raise FileAccessError(f"{path}: {type(error).__name__}: {error}") from error


def look(path: Path | ObjectStoragePath) -> Found | None:
    """Return what stands at a path, ``None`` for nothing.

    :raises FileAccessError: if the disk or the store cannot tell: an outage, no permission.
    """
    # Not is_file: in a store it takes every failure for "no file".
    try:
        with access(path):
            if isinstance(path, Path):
                found = path.stat()
                kind = "directory" if stat.S_ISDIR(found.st_mode) else "file"
                return Found(kind, found.st_size, found.st_mtime_ns)
            # What the store itself says, now.
            path.fs.invalidate_cache(path.path)
            info = path.fs.info(path.path)
            versions = ("ETag", "etag", "generation", "LastModified", "mtime", "created")
            return Found(info["type"], info["size"] or 0, [str(info.get(name)) for name in versions])
    except FileAccessError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise


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
    :raises FileAccessError: if the disk or the store cannot tell.
    """
    require_text(**{argument: where})
    path = locate(where)
    found = look(path)
    if found is None or found.kind != "file":
        raise InvalidArgumentError(f"{argument} {where!r} is not a file")
    if found.size == 0:
        raise InvalidArgumentError(f"{argument} {where!r} is empty")
    return StoredFile(path, path.name, found.size, found.version)


def sources(where: str, argument: str = "source") -> list[StoredFile]:
    """Return the files to be sent: one, those of a folder, or those that a pattern matches, by name.

    As in a shell a folder's hidden files do not count, nor do its subfolders; ``**`` reaches into those.

    :raises InvalidArgumentError: if there is none, or one of them is empty.
    :raises FileAccessError: if the disk or the store cannot tell.
    """
    require_text(**{argument: where})
    path = locate(where)
    there = look(path)
    found: list[Path | ObjectStoragePath]
    with access(path):
        if there is not None and there.kind == "file":
            found = [path]
        elif there is not None:
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
