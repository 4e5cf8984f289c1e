"""Local paths in the arguments of tasks."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def local_path(where: str) -> Path | None:
    """Return the local path for a path or a ``file://`` URL; ``None`` for any other URL.

    :raises RuntimeError: if the home folder for ``~`` is unknown.
    """
    if where.startswith("file://"):
        # A local path has no query and no fragment, so "?" and "#" belong to the name or the pattern.
        whole = where.replace("?", "%3F").replace("#", "%23")
        return Path(unquote(urlsplit(whole).path))
    return None if "://" in where else Path(where).expanduser()
