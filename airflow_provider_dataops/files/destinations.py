"""Where received files go: local paths and object stores (``s3://``, ``gs://``, ``file://``)."""

from __future__ import annotations

import re
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError, TransportError
from airflow_provider_dataops.files.sources import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Download:
    """A file that is being received, under a temporary name."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._expected: int | None = None
        self.size = 0

    def begin(self, headers: Mapping[str, str]) -> None:
        """Empty the file, and refuse a web page: that is a login page or a proxy's error."""
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise MalformedReplyError("the answer is a web page, not the file", status=200)
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        length = headers.get("content-length", "")
        plain = headers.get("content-encoding", "identity") == "identity"
        # A length of more digits, or of others than these, is none: no file is that large.
        self._expected = int(length) if plain and re.fullmatch("[0-9]{1,18}", length) else None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
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
