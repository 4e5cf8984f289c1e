"""What the tests of files share: the content of a file, and a download of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dataops.files.destinations import Download

CSV = "Name;Prämie\n".encode()


def receive(file: Download, content: bytes, headers: dict[str, str] | None = None) -> None:
    file.begin(headers or {})
    file.write(content)
    file.finish()
