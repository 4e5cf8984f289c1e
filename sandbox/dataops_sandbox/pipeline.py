"""What the sandbox's Quantemplate pipelines compute.

The author of a real pipeline decides what the pipeline computes. All pipelines of the sandbox do the same
work. So a test can see from an output which bytes the pipeline received:

- The input is CSV in UTF-8 with a header row, plain or gzipped. A byte-order mark is dropped.
- Rows of blank cells are dropped, and each cell is trimmed.
- The header row is upper-cased. One more column numbers the data rows from 1. Its name is ``ROW_NUMBER``, or
  ``ROW_NUMBER_2`` and so on if the input already has a column with that name.
- Lines end with a line feed.
- A pipeline with several outputs writes row 1 to the first output, row 2 to the second, and so on in turn.
  Each output has the header row.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from contextlib import nullcontext
from typing import TYPE_CHECKING

from dataops_sandbox.content import Content, ContentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 1024 * 1024
"""Maximum number of characters in a line. A file without line ends must not fill the memory."""
_FLUSH_AT = 64 * 1024


class BadInputError(Exception):
    """The pipeline cannot read its input; the run fails."""


class _Output:
    """Writes the rows of one CSV file, in pieces."""

    def __init__(self, directory: Path) -> None:
        self._target = ContentWriter(directory)
        self._buffer = io.StringIO()
        self._rows = csv.writer(self._buffer, lineterminator="\n")

    def write(self, row: Sequence[object]) -> None:
        self._rows.writerow(row)
        if self._buffer.tell() >= _FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        self._target.write(self._buffer.getvalue().encode())
        self._buffer.seek(0)
        self._buffer.truncate()

    def finish(self) -> Content:
        self._flush()
        return self._target.finish()

    def discard(self) -> None:
        """Delete the rows. After :meth:`finish`, this method does nothing."""
        self._target.discard()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise BadInputError(f"the input has a line of more than {LONGEST_LINE} characters")
        yield line


def _rows(source: Content) -> Iterator[list[str]]:
    packed = source.head(len(GZIP_MAGIC)) == GZIP_MAGIC
    with source.open() as stream, gzip.open(stream) if packed else nullcontext(stream) as plain:
        # newline="" lets the csv module handle line ends inside quoted cells.
        text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
        for row in csv.reader(_lines(text), strict=True):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield cells


def output_header(header: Sequence[str]) -> list[str]:
    """Return the header row of an output, made from the header row of the input."""
    names = [name.upper() for name in header]
    count, free = 1, "ROW_NUMBER"
    while free in names:
        count += 1
        free = f"ROW_NUMBER_{count}"
    return [*names, free]


def compute(
    source: Content | None, outputs: int, directory: Path, closed: Callable[[], bool] = lambda: False
) -> list[Content]:
    """Run the pipeline.

    :param source: the bytes of the input dataset; ``None`` if the dataset has no version
    :param outputs: how many outputs the pipeline has
    :param directory: folder for the files of long outputs
    :param closed: returns whether the sandbox was closed, so that the computation can stop
    :return: the outputs, in their order
    :raises BadInputError: if the input has no row or is not CSV in UTF-8, or if the sandbox was closed
    """
    if source is None:
        raise BadInputError("the input dataset is empty")
    results = [_Output(directory) for _ in range(outputs)]
    number = -1
    try:
        for number, row in enumerate(_rows(source)):
            if closed():
                raise BadInputError("the sandbox was closed")
            if number == 0:
                for result in results:
                    result.write(output_header(row))
            elif results:
                results[(number - 1) % outputs].write([*row, number])
        if number < 0:
            raise BadInputError("the input dataset contains only blank rows")
        return [result.finish() for result in results]
    except (csv.Error, UnicodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadInputError(f"the input is not CSV in UTF-8: {error}") from error
    finally:
        for result in results:
            result.discard()
