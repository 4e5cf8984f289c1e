"""Sources of uploads: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

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

from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import has_fs

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.paths import local_path
from airflow_provider_dataops.errors import DataOpsError, FileAccessError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import TypeIs


log = logging.getLogger(__name__)

#: A file in an object store is read in blocks of this many bytes.
BLOCK_BYTES = 8 * 1024 * 1024
#: The package with Airflow's client of an object store, by the scheme of its URLs.
PACKAGES = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
}
#: A path with one of these characters is a pattern.
_WILD = re.compile(r"[*?\[]")


class Found(NamedTuple):
    """A file or folder that exists at a path.

    :param kind: ``file`` or ``directory``.
    :param size: the size in bytes.
    :param version: values that change when the file is written, as far as the store has such values.
    """

    kind: str
    size: int
    version: object


@dataclass(frozen=True)
class StoredFile:
    """A file to upload.

    :param path: where the file is.
    :param name: the file's name without folders.
    :param size: the size in bytes when the file was found.
    :param version: the version when the file was found; see :class:`Found` for its meaning.
    """

    path: Path | ObjectStoragePath
    name: str
    size: int
    version: object

    def open(self) -> IO[bytes]:
        """Open the file at byte 0.

        :raises FileAccessError: if the file cannot be opened.
        """
        # Set the block size: the client of a store keeps some blocks in memory, and S3's default is 50 MiB.
        buffering = -1 if is_local(self.path) else BLOCK_BYTES
        with access(self.path):
            file: IO[bytes] = self.path.open("rb", buffering=buffering)
        return file

    def has_changed(self) -> bool:
        """Return whether the file was replaced, written or deleted since it was found."""
        found = look(self.path)
        return found is None or (found.size, found.version) != (self.size, self.version)


def is_local(path: Path | ObjectStoragePath) -> TypeIs[Path]:
    """Return whether a path is on the local disk.

    With Airflow 3.1, the path of an object store is also a :class:`~pathlib.Path`.
    """
    return isinstance(path, Path) and not isinstance(path, ObjectStoragePath)


@contextmanager
def access(path: object) -> Iterator[None]:
    """Turn each exception of a disk or an object store into an error that Airflow retries.

    :raises FileAccessError: with the path and the text of the exception.
    """
    try:
        yield
    except DataOpsError:
        raise
    except Exception as error:
        # Catch all exceptions: each store's client has its own classes, and so has Airflow.
        raise FileAccessError(f"{path}: {type(error).__name__}: {error}") from error


def look(path: Path | ObjectStoragePath) -> Found | None:
    """Return the file or folder at a path; ``None`` if there is none.

    :raises FileAccessError: if the disk or the store cannot be read, for instance without permission.
    """
    # Do not use is_file: for an object store, it returns False after any failure.
    try:
        with access(path):
            if is_local(path):
                found = path.stat()
                kind = "directory" if stat.S_ISDIR(found.st_mode) else "file"
                return Found(kind, found.st_size, found.st_mtime_ns)
            # Ask the store itself, because the store's client may have an old listing in its cache.
            path.fs.invalidate_cache(path.path)
            info = path.fs.info(path.path)
            versions = ("ETag", "etag", "generation", "LastModified", "mtime", "created")
            return Found(info["type"], info["size"] or 0, [str(info.get(name)) for name in versions])
    except FileAccessError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise


def locate(where: str) -> Path | ObjectStoragePath:
    """Return the path for a string. A ``file://`` URL, or a string without a scheme, is a local path.

    :raises InvalidArgumentError: if the URL's scheme is unknown, a package for it is missing, or the home
        folder for ``~`` is unknown.
    :raises FileAccessError: if Airflow cannot open the store, for instance because its connection is missing.
    """
    try:
        local = local_path(where)
        if local is not None:
            return local
        path = ObjectStoragePath(where)
    except (ValueError, RuntimeError) as error:
        raise InvalidArgumentError(f"{where!r} is not a valid path or URL: {error}") from error
    _require_client(path)
    return path


def _require_client(path: ObjectStoragePath) -> None:
    """Check that Airflow has a client for an object store.

    :raises InvalidArgumentError: with the name of the missing package.
    """
    try:
        with access(path):
            _ = path.fs
    except FileAccessError as error:
        # A provider may need a package that is not among its own dependencies, as Amazon's needs s3fs.
        if has_fs(path.protocol) and not isinstance(error.__cause__, ImportError):
            raise
        package = PACKAGES.get(path.protocol, "an Airflow provider for such URLs")
        raise InvalidArgumentError(
            f"{str(path)!r} needs a package that is not installed on this machine: {package}"
        ) from error


def source(where: str, argument: str = "source") -> StoredFile:
    """Return the file to upload.

    :param where: a path or URL.
    :param argument: the name of the operator's argument, for errors.
    :raises InvalidArgumentError: if there is no file, or the file is empty. No platform can distinguish an
        empty upload from a failed one.
    :raises FileAccessError: if the disk or the store cannot be read, or the bucket does not exist.
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
    """Return the files to upload, sorted by name: one file, or the files of a folder or pattern.

    For a folder, hidden files and subfolders are left out. A pattern with ``**`` includes subfolders.

    :param where: a path, URL or pattern.
    :param argument: the name of the operator's argument, for errors.
    :raises InvalidArgumentError: if there is no file, or one of the files is empty.
    :raises FileAccessError: if the disk or the store cannot be read, or the bucket does not exist.
    """
    require_text(**{argument: where})
    path = locate(where)
    there = look(path)
    if there is not None and there.kind == "file":
        return [source(where, argument)]
    if there is None and not _WILD.search(where):
        raise _nothing(path, f"{argument} {where!r} is neither a file nor a folder nor a pattern")
    with access(path):
        if is_local(path):
            found = _on_disk(path, is_folder=there is not None)
        else:
            found = _in_store(path, is_folder=there is not None)
    if not found:
        raise _nothing(path, f"{argument} {where!r} matches no file")
    return [source(str(p), argument) for p in sorted(found, key=str)]


def _nothing(path: Path | ObjectStoragePath, message: str) -> DataOpsError:
    """Return the error for a path without a file: a FileAccessError if the bucket does not exist."""
    if not is_local(path):
        bucket = path.path.strip("/").partition("/")[0]
        try:
            path.fs.info(bucket)
        except FileNotFoundError as error:
            return FileAccessError(f"{path}: there is no bucket {bucket!r}: {error}")
        except Exception as error:
            # Do not raise it: a user may have permission to read the files, but not the bucket's properties.
            log.debug("%s: the bucket cannot be read: %s", path, error)
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
    # Leave out names that end with "/": S3's console marks a folder with such an empty file.
    urls = [f"{path.protocol}://{name.removeprefix('/')}" for name in names if not name.endswith("/")]
    # Airflow 3.1 has the id of the connection among the options of the store.
    conn_id = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return [ObjectStoragePath(url, conn_id=conn_id) for url in urls]


def _matches(fs: Any, folder: str, pattern: list[str]) -> list[str]:
    """Return the files of an object store that match a pattern.

    The function lists one level of folders after the other. It uses ``fs.glob`` only for ``**``, because
    ``fs.glob`` ignores a folder that cannot be listed. It does not use ``path.is_file``, which returns
    ``False`` after any failure.

    :param folder: the folder below which to search.
    :param pattern: the levels of the pattern below this folder.
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
