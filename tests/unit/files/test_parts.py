"""A store that accepts parts gets each part of a download at once, without a local copy."""

from __future__ import annotations

import tempfile
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dataops.errors import FileAccessError, TransportError
from airflow_provider_dataops.files import destinations
from airflow_provider_dataops.files.destinations import PART_BYTES, destination


class Store:
    """A store that records the calls of each upload."""

    def __init__(self) -> None:
        self.uploads: list[list[Any]] = []

    def invalidate_cache(self, path: str) -> None:
        """Do nothing: this store has no cache."""

    def info(self, path: str) -> Any:
        raise FileNotFoundError(path)

    def open(self, path: str, mode: str, **options: Any) -> Any:
        done: list[Any] = []
        self.uploads.append(done)

        def write(content: memoryview) -> int:
            done.append(bytes(content))
            return len(content)

        assert (path, mode, options) == ("bucket/x", "wb", {"autocommit": False, "block_size": PART_BYTES})
        return SimpleNamespace(
            write=write,
            close=lambda: done.append("close"),
            commit=lambda: done.append("commit"),
            discard=lambda: done.append("discard"),
        )


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    fake_store = Store()
    path = SimpleNamespace(protocol="s3", path="bucket/x", fs=fake_store)
    monkeypatch.setattr(destinations, "locate", lambda _: path)
    monkeypatch.setattr(
        tempfile, "TemporaryDirectory", lambda: pytest.fail("the download makes a local copy")
    )
    return fake_store


def test_a_download_is_written_directly_to_the_store(store: Store) -> None:
    with destination("s3://bucket/x") as file:
        file.begin({})
        file.write(b"one")
        file.write(b"two")
        assert store.uploads[-1] == [b"one", b"two"]
        file.finish()
    assert store.uploads[-1] == [b"one", b"two", "close", "commit"]


def test_each_attempt_begins_an_upload_and_aborts_the_one_before(store: Store) -> None:
    with destination("s3://bucket/x") as file:
        for content in (b"half", b"whole"):
            file.begin({})
            file.write(content)
    assert store.uploads == [["discard"], [b"half", "discard"], [b"whole", "close", "commit"]]


@pytest.mark.parametrize("error", [TransportError("reset"), KeyboardInterrupt()])
def test_a_download_that_fails_aborts_its_upload(store: Store, error: BaseException) -> None:
    def download() -> None:
        with destination("s3://bucket/x") as file:
            file.begin({})
            file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        download()
    assert store.uploads[-1] == [b"half", "discard"]


def test_the_error_of_a_store_at_a_second_attempt_is_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> Any:
        raise OSError("the store is away")

    def begin_twice() -> None:
        with destination("s3://bucket/x") as file:
            file.begin({})
            monkeypatch.setattr(store, "open", away)
            file.begin({})

    with pytest.raises(FileAccessError, match="the store is away"):
        begin_twice()
