"""Sizes and durations in words, for logs."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB")


def size_in_words(size: float) -> str:
    """Return a number of bytes in words, in decimal units: ``1.2 GB``."""
    unit = "bytes"
    for larger in _UNITS:
        if size < 1_000:
            break
        size, unit = size / 1_000, larger
    digits = 1 if size < 100 and unit != "bytes" else 0
    return f"{size:.{digits}f} {unit}"


def duration_in_words(seconds: float) -> str:
    """Return a duration in words: ``33 s``, ``12 min`` or ``3 h 20 min``."""
    if seconds < 100:
        return f"{max(0.0, seconds):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
