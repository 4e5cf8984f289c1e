"""What the tests of files have in common: content, and how a download receives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dataops.files.destinations import Download

CSV = "Name;Prämie\n".encode()


def receive(file: Download, content: bytes, headers: dict[str, str] | None = None) -> None:
    file.begin(headers or {})
    file.write(content)
    file.finish()
