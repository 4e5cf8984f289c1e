"""Parse the headers of HTTP responses."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def http_date(text: str) -> float | None:
    """Return an HTTP date in seconds since the epoch; ``None`` if the text is not an HTTP date."""
    try:
        moment = parsedate_to_datetime(text)
        # A date in the old asctime format has no time zone. RFC 9110 says that it is in UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def announced_size(headers: Mapping[str, str]) -> int | None:
    """Return the size of a file in a response; ``None`` if the headers do not report it.

    :param headers: the headers, with lower-case names.
    """
    length = headers.get("content-length", "")
    is_plain = headers.get("content-encoding", "identity") == "identity"
    # Ignore a Content-Length that does not consist of 1 to 18 digits. No file size has more digits.
    return int(length) if is_plain and re.fullmatch("[0-9]{1,18}", length) else None


def header_text(value: str, codec: tuple[str, str]) -> str:
    """Return a header or a reason phrase, decoded as UTF-8, or as Latin-1 if it is not UTF-8.

    :param value: the text as an HTTP library has decoded it.
    :param codec: the encoding and the error handler that the library has used.
    """
    if value.isascii():
        return value
    raw = value.encode(*codec)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
