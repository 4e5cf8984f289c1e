"""Request bodies that are streamed from a file, with a ``Content-Length`` and never chunked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import FileBody, MultipartBody
from airflow_provider_dataops.errors import DataOpsError, FileAccessError
from airflow_provider_dataops.transport.body import CHUNK
from airflow_provider_dataops.transport.form import Frame, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Upload:
    """A body that ``requests`` sends: exactly the announced number of bytes, or an error is raised.

    It has no method ``read``, because ``urllib3`` would then read blocks of only 16 KiB.

    :param body: the file, alone or in a form.
    :param moved: called with how many bytes of the file were read so far, first with 0, and with its size.
    :ivar content_type: the media type of the body.
    :ivar failure: the error that ended the upload, if the file could not be read.
    :raises FileAccessError: if the file cannot be opened.
    :raises InvalidArgumentError: if the name of the file cannot be sent in a form.
    """

    def __init__(self, body: FileBody | MultipartBody, moved: Callable[[int, int | None], None]) -> None:
        self._frame = frame(body) if isinstance(body, MultipartBody) else Frame(b"", b"", body.content_type)
        self.content_type = self._frame.content_type
        self.failure: DataOpsError | None = None
        self._source = body.source
        self._moved = moved
        self._file = body.source.open()

    @property
    def len(self) -> int:
        """The size of the body in bytes. ``requests`` takes it as the ``Content-Length``."""
        return len(self._frame.before) + self._source.size + len(self._frame.after)

    def __iter__(self) -> Iterator[bytes]:
        """Return the blocks of the body, with at most :data:`.body.CHUNK` bytes of the file each.

        :raises FileAccessError: if the file cannot be read, or has changed since its size was read.
        """
        yield self._frame.before
        try:
            yield from self._blocks()
        except DataOpsError as error:
            self.failure = error
            raise
        except Exception as error:
            # Catch all exceptions: clients of object stores raise their own classes.
            self.failure = FileAccessError(f"{self._source.name}: {type(error).__name__}: {error}")
            raise self.failure from error
        yield self._frame.after

    def _blocks(self) -> Iterator[bytes]:
        position, size = 0, self._source.size
        self._moved(position, size)
        while position < size:
            block = self._file.read(min(CHUNK, size - position))
            position += len(block)
            # If the file was changed, raise before the last bytes are sent, so that the server rejects the
            # incomplete body.
            if not block or (position == size and self._source.has_changed()):
                raise FileAccessError(f"{self._source.name} was changed during the upload")
            self._moved(position, size)
            yield block

    def close(self) -> None:
        """Close the file."""
        self._file.close()
