"""Files to upload, on a disk and in object stores."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from airflow.sdk.io import attach
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_dataops.errors import FileAccessError, InvalidArgumentError
from airflow_provider_dataops.files.destinations import destination
from airflow_provider_dataops.files.sources import source, sources
from tests.unit.files.receiving import CSV, receive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath
    from pytest_mock import MockerFixture


class TestSource:
    def test_can_be_read_from_its_start_many_times(self, place: str) -> None:
        with destination(place) as file:
            receive(file, CSV)
        found = source(place)
        assert (found.name, found.size) == ("naïve name.csv", len(CSV))
        for _ in range(2):
            with found.open() as opened:
                assert opened.read() == CSV

    def test_that_is_missing_raises_an_error_that_names_the_argument(self, place: str) -> None:
        with pytest.raises(InvalidArgumentError, match=r"upload_from .* is not a file") as caught:
            source(place, "upload_from")
        assert caught.value.permanent

    @pytest.mark.parametrize("find", [source, sources])
    def test_with_an_invalid_name_raises_an_error_that_names_the_argument(
        self, tmp_path: Path, find: Callable[[str, str], object]
    ) -> None:
        path = tmp_path / "caf\udce9.csv"
        path.write_bytes(CSV)
        with pytest.raises(InvalidArgumentError, match="upload_from has characters that cannot be sent"):
            find(str(path), "upload_from")
        if find is sources:
            with pytest.raises(InvalidArgumentError, match="upload_from has characters that cannot be sent"):
                find(str(tmp_path), "upload_from")

    def test_that_is_a_folder_is_rejected(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgumentError, match="not a file"):
            source(str(tmp_path))

    def test_that_is_empty_is_rejected(self, place: str) -> None:
        with destination(place) as file:
            receive(file, b"")
        with pytest.raises(InvalidArgumentError, match="is empty"):
            source(place)

    def test_may_be_in_the_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "claims.csv").write_bytes(CSV)
        assert source("~/claims.csv").size == len(CSV)


class TestSources:
    @pytest.fixture(params=["disk", "file URL", "object store"])
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path, bucket: ObjectStoragePath) -> str:
        """Return a folder with two files, a hidden one, and one in a subfolder."""
        kinds = {"disk": str(tmp_path), "file URL": tmp_path.as_uri(), "object store": str(bucket)}
        for name in ("b.csv", "a.csv", ".hidden", "more/c.csv"):
            with destination(f"{kinds[request.param]}/{name}") as file:
                receive(file, CSV)
        return kinds[request.param]

    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            ("", ["a.csv", "b.csv"]),
            ("/a.csv", ["a.csv"]),
            ("/*.csv", ["a.csv", "b.csv"]),
            ("/[b].csv", ["b.csv"]),
            ("/**/*.csv", ["a.csv", "b.csv", "c.csv"]),
            ("/*/?.csv", ["c.csv"]),
        ],
    )
    def test_that_match_a_pattern_are_found_in_order(
        self, folder: str, pattern: str, names: list[str]
    ) -> None:
        found = sources(folder + pattern)
        assert [file.name for file in found] == names
        with found[0].open() as opened:
            assert opened.read() == CSV

    @pytest.mark.parametrize(
        ("pattern", "words"),
        [("/*.xlsx", "matches no file"), ("/c.csv", "neither a file nor a folder nor a pattern")],
    )
    def test_that_match_no_file_raise_an_error_that_names_the_argument(
        self, folder: str, pattern: str, words: str
    ) -> None:
        with pytest.raises(InvalidArgumentError, match=f"upload_from .* {words}"):
            sources(folder + pattern, "upload_from")

    def test_are_rejected_if_one_is_empty(self, folder: str) -> None:
        with destination(f"{folder}/z.csv") as file:
            receive(file, b"")
        with pytest.raises(InvalidArgumentError, match=r"z\.csv' is empty"):
            sources(folder)

    def test_may_have_brackets_in_their_names(self, tmp_path: Path) -> None:
        (tmp_path / "[1].csv").write_bytes(CSV)
        (tmp_path / "1.csv").write_bytes(CSV)
        assert [file.name for file in sources(str(tmp_path / "[1].csv"))] == ["[1].csv"]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("s4://bucket/x.csv", "Unsupported filesystem: 's4'|an Airflow provider for such URLs"),
        ("s3://[bucket/x.csv", "Invalid IPv6 URL"),
        ("file://[/x.csv", "Invalid IPv6 URL"),
        ("~no-such-user/x.csv", "home directory"),
    ],
)
def test_an_invalid_path_is_rejected(where: str, words: str) -> None:
    for find in (source, sources):
        with pytest.raises(InvalidArgumentError, match=words):
            find(where)
    with pytest.raises(InvalidArgumentError, match=words), destination(where):
        pass


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("s3", r"apache-airflow-providers-amazon\[s3fs\]"),
        ("gs", "apache-airflow-providers-google"),
        ("abfs", "apache-airflow-providers-microsoft-azure"),
        ("hdfs", "an Airflow provider"),
    ],
)
class TestMissingPackage:
    def raises(self, scheme: str, words: str) -> None:
        where = f"{scheme}://{uuid4()}@bucket/x.csv"
        for find in (source, sources):
            with pytest.raises(InvalidArgumentError, match=words) as caught:
                find(where)
            assert caught.value.permanent
        with pytest.raises(InvalidArgumentError, match=words), destination(where):
            pass

    def test_is_named_if_there_is_no_provider(self, mocker: MockerFixture, scheme: str, words: str) -> None:
        mocker.patch("airflow_provider_dataops.files.sources.has_fs", return_value=False)
        mocker.patch("airflow.sdk.io.get_fs", side_effect=ValueError("No filesystem registered"))
        self.raises(scheme, words)

    def test_is_named_if_the_provider_cannot_import_it(
        self, mocker: MockerFixture, scheme: str, words: str
    ) -> None:
        mocker.patch("airflow_provider_dataops.files.sources.has_fs", return_value=True)
        mocker.patch("airflow.sdk.io.get_fs", side_effect=ImportError("requires the s3fs library"))
        self.raises(scheme, words)


class TestStoreThatFails:
    @pytest.fixture
    def broken(self, bucket: ObjectStoragePath, mocker: MockerFixture) -> str:
        mocker.patch.object(MemoryFileSystem, "info", side_effect=PermissionError("403 Forbidden"))
        return f"{bucket}/x.csv"

    @pytest.mark.parametrize("find", [source, sources])
    def test_raises_a_file_error_for_a_source(self, broken: str, find: Callable[[str], object]) -> None:
        with pytest.raises(FileAccessError, match=r"memory://.*: PermissionError: 403 Forbidden") as caught:
            find(broken)
        assert not caught.value.permanent

    @pytest.mark.parametrize("pattern", ["", "/*.csv", "/*/?.csv"])
    def test_raises_a_file_error_for_a_list_of_files(
        self, bucket: ObjectStoragePath, mocker: MockerFixture, pattern: str
    ) -> None:
        with destination(f"{bucket}/more/c.csv") as file:
            receive(file, CSV)
        mocker.patch.object(MemoryFileSystem, "ls", side_effect=OSError(16, "Slow down"))
        with pytest.raises(FileAccessError, match="Slow down"):
            sources(f"{bucket}{pattern}")

    @pytest.mark.parametrize("pattern", ["", "/*.csv", "/**/*.csv"])
    def test_raises_a_file_error_for_one_file_of_a_list(
        self, bucket: ObjectStoragePath, mocker: MockerFixture, pattern: str
    ) -> None:
        for name in ("a.csv", "b.csv"):
            with destination(f"{bucket}/{name}") as file:
                receive(file, CSV)
        info = MemoryFileSystem.info

        def fail(store: MemoryFileSystem, path: str, **options: object) -> object:
            if path.endswith("b.csv"):
                raise PermissionError("403 Forbidden")
            return info(store, path, **options)

        mocker.patch.object(MemoryFileSystem, "info", fail)
        # Most stores do this: for them, each failure means "no file".
        mocker.patch.object(MemoryFileSystem, "isfile", AbstractFileSystem.isfile)
        with pytest.raises(FileAccessError, match="403 Forbidden"):
            sources(f"{bucket}{pattern}")

    def test_raises_a_file_error_for_a_missing_bucket(self) -> None:
        attach("memory", fs=MemoryFileSystem())
        for url in ("memory://nowhere/x.csv", "memory://nowhere/*.csv", "memory://nowhere/x/"):
            for find in (source, sources):
                with pytest.raises(FileAccessError, match="there is no bucket 'nowhere'"):
                    find(url)

    def test_raises_a_file_error_for_a_destination(
        self, bucket: ObjectStoragePath, mocker: MockerFixture
    ) -> None:
        mocker.patch.object(MemoryFileSystem, "info", side_effect=OSError(16, "Slow down"))
        with pytest.raises(FileAccessError, match="Slow down"), destination(f"{bucket}/x.csv"):
            pass

    def test_can_be_a_destination_without_the_right_to_read(
        self, broken: str, bucket: ObjectStoragePath
    ) -> None:
        with destination(broken) as file:
            receive(file, CSV)
        assert bucket.fs.cat_file(f"{bucket.path}/x.csv") == CSV

    def test_raises_a_file_error_for_an_unknown_connection(self, mocker: MockerFixture) -> None:
        mocker.patch("airflow_provider_dataops.files.sources.has_fs", return_value=True)
        mocker.patch("airflow.sdk.io.get_fs", side_effect=KeyError("no connection 'nobody'"))
        with pytest.raises(FileAccessError, match=r"s3://.*bucket/x\.csv: .*'nobody'") as caught:
            source("s3://nobody@bucket/x.csv")
        assert not caught.value.permanent

    def test_raises_a_file_error_if_it_is_a_disk(self, tmp_path: Path, mocker: MockerFixture) -> None:
        mocker.patch.object(type(tmp_path), "stat", side_effect=OSError(5, "Input/output error"))
        with pytest.raises(FileAccessError, match="Input/output error"):
            source(str(tmp_path / "x.csv"))


def test_a_source_notices_that_its_file_has_changed(tmp_path: Path) -> None:
    place = tmp_path / "x.csv"
    place.write_bytes(CSV)
    found = source(str(place))
    assert not found.has_changed()
    os.utime(place, ns=(1, 1))
    assert found.has_changed()
    place.unlink()
    assert found.has_changed()
