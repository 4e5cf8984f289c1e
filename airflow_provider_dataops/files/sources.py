"""Files that are sent: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import glob
import logging
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from airflow.sdk import ObjectStoragePath

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import DataOpsError, FileAccessError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


log = logging.getLogger(__name__)

#: The size of the blocks in which a file in a store is read, in bytes.
BLOCK_BYTES = 8 * 1024 * 1024
#: What makes a path a pattern.
_WILD = re.compile(r"[*?\[]")


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
        # A store's client keeps a few blocks in memory; by default one has 50 MiB in S3.
        buffering = -1 if isinstance(self.path, Path) else BLOCK_BYTES
        with access(self.path):
            file: IO[bytes] = self.path.open("rb", buffering=buffering)
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
    """Return the path that a text stands for: a URL for an object store, anything else for a local file.

    :raises InvalidArgumentError: if it is the URL of no known store, or a ``~`` has no home folder.
    """
    try:
        if where.startswith("file://"):
            # A file has neither query nor fragment: both signs may stand in a name, and one in a pattern.
            whole = where.replace("?", "%3F").replace("#", "%23")
            return Path(unquote(urlsplit(whole).path))
        return ObjectStoragePath(where) if "://" in where else Path(where).expanduser()
    except (ValueError, RuntimeError) as error:
        raise InvalidArgumentError(f"{where!r} leads nowhere: {error}") from error


def source(where: str, argument: str = "source") -> StoredFile:
    """Return the file to be sent.

    :raises InvalidArgumentError: if there is none, or it is empty: no platform can tell an empty upload
        from a failed one.
    :raises FileAccessError: if the disk or the store cannot tell, or the store has no such bucket.
    """
    require_text(**{argument: where})
    path = locate(where)
    found = look(path)
    if found is None or found.kind != "file":
        raise _nothing(path, f"{argument} {where!r} is not a file")
    if found.size == 0:
        raise InvalidArgumentError(f"{argument} {where!r} is empty")
    return StoredFile(path, path.name, found.size, found.version)


def sources(where: str, argument: str = "source") -> list[StoredFile]:
    """Return the files to be sent: one, those of a folder, or those that a pattern matches, by name.

    As in a shell a folder's hidden files do not count, nor do its subfolders; ``**`` reaches into those.

    :raises InvalidArgumentError: if there is none, or one of them is empty.
    :raises FileAccessError: if the disk or the store cannot tell, or the store has no such bucket.
    """
    require_text(**{argument: where})
    path = locate(where)
    there = look(path)
    if there is not None and there.kind == "file":
        return [source(where, argument)]
    if there is None and not _WILD.search(where):
        raise _nothing(path, f"{argument} {where!r} is neither a file nor a folder nor a pattern")
    with access(path):
        if isinstance(path, Path):
            found = _on_disk(path, is_folder=there is not None)
        else:
            found = _in_store(path, is_folder=there is not None)
    if not found:
        raise _nothing(path, f"{argument} {where!r} leads to no file")
    return [source(str(p), argument) for p in sorted(found, key=str)]


def _nothing(path: Path | ObjectStoragePath, message: str) -> DataOpsError:
    """Return the error of a path that leads to no file; another one if even its bucket is missing."""
    if not isinstance(path, Path):
        bucket = path.path.strip("/").partition("/")[0]
        try:
            path.fs.info(bucket)
        except FileNotFoundError as error:
            return FileAccessError(f"{path}: there is no bucket {bucket!r}: {error}")
        except Exception as error:
            # Whoever may read files may not be allowed to look at their bucket.
            log.debug("%s: the bucket cannot be looked at: %s", path, error)
    return InvalidArgumentError(message)


def _on_disk(path: Path, *, is_folder: bool) -> list[Path | ObjectStoragePath]:
    if is_folder:
        found = [p for p in path.iterdir() if not p.name.startswith(".")]
    else:
        found = [Path(p) for p in glob.glob(str(path), recursive=True)]
    return [p for p in found if p.is_file()]


def _in_store(path: ObjectStoragePath, *, is_folder: bool) -> list[Path | ObjectStoragePath]:
    if is_folder:
        names = _matches(path.fs, path.path, ["*"])
        names = [name for name in names if not name.rpartition("/")[2].startswith(".")]
    else:
        folder = _WILD.split(path.path, maxsplit=1)[0].rpartition("/")[0]
        names = _matches(path.fs, folder, path.path.removeprefix(f"{folder}/").split("/"))
    # S3's console marks a folder by an empty file. The bucket stands in the names, too.
    urls = [f"{path.protocol}://{name.removeprefix('/')}" for name in names if not name.endswith("/")]
    return [ObjectStoragePath(url, conn_id=path.conn_id) for url in urls]


def _matches(fs: Any, folder: str, pattern: list[str]) -> list[str]:
    """Return the files of a store below a folder that a pattern matches, level by level.

    Not by ``fs.glob`` alone: as long as it goes level by level, it takes a folder that cannot be listed for
    an empty one. Nor by ``path.is_file``: that takes every failure for "no file".
    """
    level, *rest = pattern
    if "**" in level:
        below = fs.glob("/".join([folder, *pattern]), detail=True)
        return [name for name, entry in below.items() if entry["type"] == "file"]
    try:
        entries = fs.ls(folder, detail=True)
    except FileNotFoundError:
        return []
    found = []
    for entry in entries:
        name = entry["name"]
        if not fnmatchcase(name.rpartition("/")[2], level):
            continue
        if rest and entry["type"] == "directory":
            found += _matches(fs, name, rest)
        elif not rest and entry["type"] == "file":
            found.append(name)
    return found
