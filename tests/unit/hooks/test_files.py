"""Files are whole or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError, TransportError
from airflow_provider_dataops.hooks.files import destination, source

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {"content-length": "6", "content-type": "text/csv"}


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_source_can_be_opened_as_often_as_needed(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "a b.csv").write_bytes(b"hello\n")
    file = source(f"{prefix}{tmp_path}/a b.csv")
    assert (file.name, file.size) == ("a b.csv", 6)
    for _ in range(2):
        with file.open() as opened:
            assert opened.read() == b"hello\n"


@pytest.mark.parametrize("where", ["", " ", "missing.csv", "."])
def test_a_source_that_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgumentError, match="source"):
        source(where)


def test_an_empty_source(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InvalidArgumentError, match="empty"):
        source(str(tmp_path / "empty.csv"))


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_download_appears_when_it_is_whole(tmp_path: Path, prefix: str) -> None:
    target = tmp_path / "new" / "out.csv"
    with destination(f"{prefix}{target}") as file:
        file.begin(PLAIN)
        file.write(b"wrong")
        file.begin(PLAIN)
        file.write(b"hello\n")
        file.finish()
        assert not target.exists()
    assert target.read_bytes() == b"hello\n"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_half_a_file_is_never_seen(tmp_path: Path, prefix: str) -> None:
    target = tmp_path / "out.csv"
    target.write_bytes(b"of yesterday")

    def interrupted() -> None:
        with destination(f"{prefix}{target}") as file:
            file.begin(PLAIN)
            file.write(b"hel")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [target]


def test_an_object_store_gets_the_whole_file() -> None:
    attach(protocol="memory", fs=MemoryFileSystem())
    with destination("memory://bucket/out.csv") as file:
        file.begin(PLAIN)
        file.write(b"hello\n")
        file.finish()
    assert ObjectStoragePath("memory://bucket/out.csv").read_bytes() == b"hello\n"


def test_bytes_are_counted(tmp_path: Path) -> None:
    with destination(str(tmp_path / "x")) as file:
        file.begin(PLAIN)
        file.write(b"hello")
        with pytest.raises(TransportError, match="5 of 6"):
            file.finish()


def test_a_web_page_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(MalformedReplyError), destination(str(tmp_path / "x")) as file:
        file.begin({"content-type": "text/html; charset=utf-8"})


@pytest.mark.parametrize("where", ["", "folder/", "."])
def test_a_destination_that_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgumentError, match="destination"), destination(where):
        pass
