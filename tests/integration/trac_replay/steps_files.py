"""Steps with small files and their downloads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tests.integration.trac_replay.recorder import Recorder, without_times
from tests.integration.trac_replay.steps_objects import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_dataops.hooks.trac import TracHook

NAMES = (
    *("Größe 漢字.txt", "with space.txt", "noext", ".hidden", "a/b.txt", "a\\b.txt", "..", "x.tar.gz"),
    *("a:b.txt", "a?b.txt", "ends.", "x" * 300 + ".txt", "q'uote\".txt", "CON", "a\tb.txt", " lead.txt"),
)
MEDIA_TYPES = (
    *("application/octet-stream", "application/x-foo", "nonsense", "text/plain; charset=utf-8"),
    *("TEXT/PLAIN", "application/vnd.ms-excel"),
)
ALL_BYTES = bytes(range(256)) * 4


def downloader(directory: Path) -> Callable[..., tuple[int, int, bytes]]:
    """Return a function that downloads a file.

    It returns the number of bytes that the hook reports, the file's size, and its first bytes.
    """
    path = directory / "dl.bin"

    def download(call: Callable[..., int], *args: Any, **kwargs: Any) -> tuple[int, int, bytes]:
        path.unlink(missing_ok=True)
        size = call(*args, destination=str(path), **kwargs)
        content = path.read_bytes()
        return size, len(content), content[:200]

    return download


def run(recorder: Recorder, hook: TracHook, directory: Path) -> None:
    """Run the steps."""
    step, create, read = recorder.step, hook.create_small_file, hook.read_small_file

    def file(found: Any) -> tuple[Any, ...]:
        parts = sorted(name for name in found.definition if name != "storageId")
        return found.name, found.mime_type, found.content[:60], len(found.content), parts

    first = step("file text", create, content="héllo ✓\n", name="a.txt", attrs={"k": "Ä"})
    key = f"FILE-{first.object_id}"
    step("file text back", read, first, show=file)
    step("file attrs", hook.read_object, first, show=without_times)
    second = step("file update", create, content=b"two", name="a.txt", prior_version=first)
    step("file v2", read, second, show=file)
    step("file v1 still", read, first, show=file)
    step("file latest by key", read, key, show=file)
    three: dict[str, Any] = {"content": b"three"}
    step("file update superseded", create, **three, name="a.txt", prior_version=first)
    step("file update other ext", create, **three, name="a.csv", prior_version=second)
    step(
        "file update other name",
        create,
        **three,
        name="b.txt",
        prior_version=second,
        show=lambda header: (header.object_version, read(header).name),
    )
    step(
        "file update other mime",
        create,
        **three,
        name="b.txt",
        mime_type="text/csv",
        prior_version=f"{key}-v3",
    )
    for name in NAMES:
        made = step(f"file name {name[:14]!r}", create, content=b"x", name=name)
        if made:
            step(f"file name {name[:14]!r} back", read, made, show=lambda got: (got.name[:40], got.mime_type))
    for kind in MEDIA_TYPES:
        step(
            f"file mime {kind}",
            create,
            content=b"x",
            name="m.dat",
            mime_type=kind,
            show=lambda header: read(header).mime_type,
        )
    step(
        "file bytes all",
        create,
        content=ALL_BYTES,
        name="all.bin",
        show=lambda header: read(header).content == ALL_BYTES,
    )
    step("file empty content", create, content=b"", name="e.txt")
    step("file tenant unknown", create, content=b"x", name="e.txt", tenant="NOPE")
    step(
        "file other tenant",
        create,
        content=b"x",
        name="e.txt",
        tenant="EMPTY_CO",
        show=lambda header: read(header, tenant="EMPTY_CO").content,
    )
    for size in (100, 500, 730):
        step(
            f"file {size} kB",
            create,
            content=os.urandom(size * 1000),
            name="big.bin",
            show=lambda header: len(read(header).content),
        )
    step("file 736 kB", create, content=b"a" * 736000, name="big.bin")
    step("read file unknown", read, f"FILE-{NOBODY}-v1")
    step("read file wrong version", read, f"{key}-v99")
    step("read file wrong type", read, f"DATA-{first.object_id}-v1")
    download = downloader(directory)
    step("download file", download, hook.download_file, second)
    step("download file latest", download, hook.download_file, key)
    step("download file unknown", download, hook.download_file, f"FILE-{NOBODY}-v1")
    step("download file bad version", download, hook.download_file, f"{key}-v77")
    step("download file unknown tenant", download, hook.download_file, second, tenant="NOPE")
    step("left behind", (directory / "dl.bin").exists)
