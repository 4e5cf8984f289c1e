"""Files that are sent: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from airflow.sdk import ObjectStoragePath

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError


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
