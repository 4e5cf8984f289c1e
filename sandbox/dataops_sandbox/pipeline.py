"""What the sandbox's Quantemplate pipelines compute.

The work of a real pipeline is up to its author; the sandbox's is fixed, so that a test can tell from an
output which bytes went in:

- the input is CSV in UTF-8 with a header row, plain or gzipped; a byte-order mark is dropped;
- rows that hold nothing but blanks are dropped, each cell is trimmed;
- the header is upper-cased and gets a further column ``ROW_NUMBER``, or the next free name, each data row its
  number from 1;
- lines end in a line feed;
- a pipeline with several outputs deals the rows out to them in turn, like cards; each has the header.
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
"""Characters; a file that is one endless line must not get into memory."""
_FLUSH_AT = 64 * 1024


class BadInputError(Exception):
    """The pipeline cannot read its input, so the run fails."""


class _Output:
    """A CSV file being written, in pieces of some size."""

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
        """Drop what was written, unless it was finished."""
        self._target.discard()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise BadInputError(f"the input has a line of more than {LONGEST_LINE} characters")
        yield line


def _rows(source: Content) -> Iterator[list[str]]:
    packed = source.head(len(GZIP_MAGIC)) == GZIP_MAGIC
    with source.open() as stream, gzip.open(stream) if packed else nullcontext(stream) as plain:
        # newline="" leaves line ends inside quoted cells to the csv module.
        text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
        for row in csv.reader(_lines(text), strict=True):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield cells


def made_of(header: Sequence[str]) -> list[str]:
    """Give the header of what is made of an input with this one."""
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

    :param source: the bytes of the input dataset, ``None`` if nothing was ever uploaded
    :param outputs: how many outputs the pipeline has
    :param directory: room for outputs that are too long for memory
    :param closed: tells that nobody waits for the outputs any more
    :raises BadInputError: if there is no row at all, or the bytes are no CSV in UTF-8
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
                    result.write(made_of(row))
            elif results:
                results[(number - 1) % outputs].write([*row, number])
        if number < 0:
            raise BadInputError("the input dataset holds only blank rows")
        return [result.finish() for result in results]
    except (csv.Error, UnicodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadInputError(f"the input is not CSV in UTF-8: {error}") from error
    finally:
        for result in results:
            result.discard()
