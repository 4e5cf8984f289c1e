"""Request bodies that are streamed from a file, with a ``Content-Length`` and never chunked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.http import FileBody, FileSource, MultipartBody
from airflow_provider_dataops.errors import DataOpsError, FileAccessError
from airflow_provider_dataops.transport.body import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def streamed(
    body: FileBody | MultipartBody, moved: Callable[[int, int | None], None]
) -> tuple[Upload, Any, str | None]:
    """Open a file, and return it together with the body for ``requests`` and the body's media type.

    :param moved: called with how many bytes of the file were read so far, and with its size.
    :raises FileAccessError: if the file cannot be opened.
    """
    upload = Upload(body.source, moved)
    if isinstance(body, FileBody):
        return upload, upload, body.content_type
    # Import this library here, because only uploads of forms need it.
    from requests_toolbelt import MultipartEncoder

    form = MultipartEncoder([*body.fields, (body.name, (body.filename, upload, body.content_type))])
    return upload, form, form.content_type


class Upload:
    """A file that ``requests`` reads and sends: exactly the announced number of bytes, or an error is raised.

    :param source: the file.
    :param moved: called with how many bytes of the file were read so far, and with its size.
    """

    def __init__(self, source: FileSource, moved: Callable[[int, int | None], None]) -> None:
        self.failure: DataOpsError | None = None
        self._source = source
        self._moved = moved
        self._left = source.size
        self._file = source.open()

    @property
    def len(self) -> int:
        """How many bytes are still to be read. ``requests`` takes it as the ``Content-Length``."""
        return self._left

    def __iter__(self) -> Iterator[bytes]:
        """Return the chunks of the file. ``requests`` streams a body only if it has this method."""
        return iter(partial(self.read, CHUNK), b"")

    def read(self, size: int) -> bytes:
        """Return at most ``size`` of the next bytes.

        :raises FileAccessError: if the file cannot be read, or has changed since its size was read.
        """
        try:
            return self._next(size)
        except DataOpsError as error:
            self.failure = error
            raise
        except Exception as error:
            # Catch all exceptions: clients of object stores raise their own classes.
            self.failure = FileAccessError(f"{self._source.name}: {type(error).__name__}: {error}")
            raise self.failure from error

    def _next(self, size: int) -> bytes:
        chunk = self._file.read(min(size, self._left))
        self._left -= len(chunk)
        # If the file was changed, raise before the last bytes are sent, so that the server rejects the
        # incomplete body.
        if (not chunk and self._left) or (chunk and not self._left and self._source.has_changed()):
            raise FileAccessError(f"{self._source.name} was changed during the upload")
        size = self._source.size
        self._moved(size - self._left, size)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()
