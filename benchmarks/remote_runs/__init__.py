"""The page "Remote runs": how long its data takes, and what the import of its plugin costs."""

from __future__ import annotations
