"""Bodies that are streamed from a file, with a length and never chunked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.http import FileBody, FileSource, MultipartBody
from airflow_provider_dataops.errors import DataOpsError, FileAccessError
from airflow_provider_dataops.transport.body import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def streamed(body: FileBody | MultipartBody, moved: Callable[[int], None]) -> tuple[Upload, Any, str | None]:
    """Return the opened file, what ``requests`` is to send of it, and its media type."""
    upload = Upload(body.source, moved)
    if isinstance(body, FileBody):
        return upload, upload, body.content_type
    # Only uploads of forms need it: it is no part of what every worker loads.
    from requests_toolbelt import MultipartEncoder

    form = MultipartEncoder([*body.fields, (body.name, (body.filename, upload, body.content_type))])
    return upload, form, form.content_type


class Upload:
    """A file on its way: read from byte 0, with a length that ``requests`` finds, no more and no less.

    :param moved: is called with the bytes that have been read so far.
    """

    def __init__(self, source: FileSource, moved: Callable[[int], None]) -> None:
        self.failure: DataOpsError | None = None
        self._source = source
        self._moved = moved
        self._left = source.size
        self._file = source.open()

    @property
    def len(self) -> int:
        """The bytes that are still to be read."""
        return self._left

    def __iter__(self) -> Iterator[bytes]:
        """Exist, which is how ``requests`` recognises a body to be streamed."""
        return iter(partial(self.read, CHUNK), b"")

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        try:
            return self._next(size)
        except DataOpsError as error:
            self.failure = error
            raise
        except Exception as error:
            # The disk's, or whatever the client of a store raises.
            self.failure = FileAccessError(f"{self._source.name}: {type(error).__name__}: {error}")
            raise self.failure from error

    def _next(self, size: int) -> bytes:
        chunk = self._file.read(min(size, self._left))
        self._left -= len(chunk)
        # Checked before the last bytes leave: without these the server takes nothing.
        if (not chunk and self._left) or (chunk and not self._left and self._source.has_changed()):
            raise FileAccessError(f"{self._source.name} was changed while it was sent")
        self._moved(self._source.size - self._left)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()
