"""Files that are sent and received, on a disk and in an object store."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_dataops.errors import (
    FileAccessError,
    InvalidArgumentError,
    MalformedReplyError,
    TransportError,
)
from airflow_provider_dataops.files.destinations import Download, destination
from airflow_provider_dataops.files.sources import source, sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mock import MockerFixture

CSV = "Name;Prämie\n".encode()


@pytest.fixture
def bucket() -> ObjectStoragePath:
    """Return a folder of an object store that holds nothing yet."""
    store = MemoryFileSystem()
    attach("memory", fs=store)
    name = str(uuid.uuid4())
    store.mkdir(f"/{name}")
    return ObjectStoragePath(f"memory://{name}/folder")


@pytest.fixture(params=["disk", "file URL", "object store"])
def place(request: pytest.FixtureRequest, tmp_path: Path, bucket: ObjectStoragePath) -> str:
    """Return the path or URL of a file that is not there, in a folder that is not there."""
    if request.param == "object store":
        return f"{bucket}/naïve name.csv"
    path = tmp_path / "folder" / "naïve name.csv"
    return str(path) if request.param == "disk" else path.as_uri()


def receive(file: Download, content: bytes, headers: dict[str, str] | None = None) -> None:
    file.begin(headers or {})
    file.write(content)
    file.finish()


class TestSource:
    def test_is_read_from_its_start_as_often_as_needed(self, place: str) -> None:
        with destination(place) as file:
            receive(file, CSV)
        found = source(place)
        assert (found.name, found.size) == ("naïve name.csv", len(CSV))
        for _ in range(2):
            with found.open() as opened:
                assert opened.read() == CSV

    def test_that_is_missing_is_told_by_its_argument(self, place: str) -> None:
        with pytest.raises(InvalidArgumentError, match=r"upload_from .* is not a file") as caught:
            source(place, "upload_from")
        assert caught.value.permanent

    @pytest.mark.parametrize("find", [source, sources])
    def test_whose_name_cannot_be_sent_is_told_by_its_argument(
        self, tmp_path: Path, find: Callable[[str, str], object]
    ) -> None:
        path = tmp_path / "caf\udce9.csv"
        path.write_bytes(CSV)
        with pytest.raises(InvalidArgumentError, match="upload_from has characters that cannot be sent"):
            find(str(path), "upload_from")
        if find is sources:
            with pytest.raises(InvalidArgumentError, match="upload_from has characters that cannot be sent"):
                find(str(tmp_path), "upload_from")

    def test_of_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgumentError, match="not a file"):
            source(str(tmp_path))

    def test_that_is_empty_is_refused(self, place: str) -> None:
        with destination(place) as file:
            receive(file, b"")
        with pytest.raises(InvalidArgumentError, match="is empty"):
            source(place)

    def test_in_the_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    def test_are_those_meant_in_order(self, folder: str, pattern: str, names: list[str]) -> None:
        found = sources(folder + pattern)
        assert [file.name for file in found] == names
        with found[0].open() as opened:
            assert opened.read() == CSV

    @pytest.mark.parametrize(
        ("pattern", "words"),
        [("/*.xlsx", "matches no file"), ("/c.csv", "neither a file nor a folder nor a pattern")],
    )
    def test_that_are_none_are_told_by_their_argument(self, folder: str, pattern: str, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=f"upload_from .* {words}"):
            sources(folder + pattern, "upload_from")

    def test_of_which_one_is_empty_are_refused(self, folder: str) -> None:
        with destination(f"{folder}/z.csv") as file:
            receive(file, b"")
        with pytest.raises(InvalidArgumentError, match=r"z\.csv' is empty"):
            sources(folder)

    def test_with_brackets_in_a_name_are_files(self, tmp_path: Path) -> None:
        (tmp_path / "[1].csv").write_bytes(CSV)
        (tmp_path / "1.csv").write_bytes(CSV)
        assert [file.name for file in sources(str(tmp_path / "[1].csv"))] == ["[1].csv"]


class TestDestination:
    def test_holds_what_came_in_the_last_attempt_alone(self, place: str) -> None:
        with destination(place) as file:
            file.begin({})
            file.write(b"a longer beginning that was cut off")
            receive(file, CSV)
        assert file.size == len(CSV)
        with source(place).open() as opened:
            assert opened.read() == CSV

    def test_is_not_there_before_it_is_whole(self, place: str) -> None:
        with destination(place) as file:
            receive(file, CSV)
            with pytest.raises(InvalidArgumentError, match="not a file"):
                source(place)

    def test_keeps_its_old_content_until_then_and_after_a_failure(self, place: str) -> None:
        with destination(place) as file:
            receive(file, b"old")
        with pytest.raises(TransportError), destination(place) as file:  # noqa: PT012 - what is raised inside
            receive(file, CSV)
            raise TransportError("reset")
        with source(place).open() as opened:
            assert opened.read() == b"old"

    def test_leaves_nothing_else_behind(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        with destination(str(place)) as file:
            receive(file, CSV)
        with pytest.raises(KeyboardInterrupt), destination(str(place)) as file:  # noqa: PT012
            file.begin({})
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == [place]

    def test_does_not_change_under_who_reads_the_old_one(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        place.write_bytes(b"old")
        with place.open("rb") as reader:
            with destination(str(place)) as file:
                receive(file, CSV)
            assert reader.read() == b"old"

    def test_of_two_at_once_is_one_of_them_whole(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        with destination(str(place)) as one, destination(str(place)) as other:
            receive(one, b"one")
            receive(other, b"other")
        assert place.read_bytes() == b"one"
        assert list(tmp_path.iterdir()) == [place]

    @pytest.mark.parametrize("ending", ["", "/", "/new/"])
    def test_that_is_a_folder_is_refused(self, tmp_path: Path, ending: str) -> None:
        with (
            pytest.raises(InvalidArgumentError, match="save_to"),
            destination(f"{tmp_path}{ending}", "save_to"),
        ):
            pass
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("nowhere", ["", " ", None, 5])
    def test_that_is_no_text_is_refused(self, nowhere: str) -> None:
        with pytest.raises(InvalidArgumentError, match="destination"), destination(nowhere):
            pass


class TestDownload:
    @pytest.mark.parametrize(
        "headers",
        [
            {"content-length": str(len(CSV))},
            {},
            {"content-length": "no number"},
            {"content-length": "\u00b2"},
            {"content-length": "9" * 5_000},
            {"content-length": "5", "content-encoding": "gzip"},
        ],
    )
    def test_is_whole_where_nothing_else_was_announced(self, tmp_path: Path, headers: dict[str, str]) -> None:
        with destination(str(tmp_path / "x")) as file:
            receive(file, CSV, headers)
        assert (tmp_path / "x").read_bytes() == CSV

    @pytest.mark.parametrize("announced", ["0", "12", "14"])
    def test_of_another_length_than_announced_is_refused(self, tmp_path: Path, announced: str) -> None:
        with (
            pytest.raises(TransportError, match=f"13 of {announced} bytes"),
            destination(str(tmp_path / "x")) as file,
        ):
            receive(file, CSV, {"content-length": announced})
        assert not list(tmp_path.iterdir())

    def test_is_not_moved_by_a_name_that_the_server_sends(self, tmp_path: Path) -> None:
        place = tmp_path / "in" / "out.csv"
        with destination(str(place)) as file:
            file.begin({"content-disposition": "attachment; filename=../../evil.csv", "content-length": "3"})
            file.write(CSV[:3])
            file.finish()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [place]

    @pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8"])
    def test_of_a_web_page_is_refused(self, tmp_path: Path, kind: str) -> None:
        with pytest.raises(MalformedReplyError, match="web page"), destination(str(tmp_path / "x")) as file:
            file.begin({"content-type": kind})


class TestReplacedFile:
    def test_keeps_its_mode(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        place.write_bytes(b"old")
        place.chmod(0o600)
        with destination(str(place)) as file:
            receive(file, CSV)
        assert (place.stat().st_mode & 0o777, place.read_bytes()) == (0o600, CSV)

    def test_of_a_link_is_its_target(self, tmp_path: Path) -> None:
        target, link = tmp_path / "kept" / "target.csv", tmp_path / "link.csv"
        target.parent.mkdir()
        target.write_bytes(b"old")
        link.symlink_to(target)
        with destination(str(link)) as file:
            receive(file, CSV)
        assert link.is_symlink()
        assert target.read_bytes() == CSV

    def test_takes_away_what_killed_downloads_of_it_left_a_day_ago(self, tmp_path: Path) -> None:
        old, young, others, users = (
            tmp_path / name
            for name in (
                ".x.csv.0a1b2c3d.part",
                ".x.csv.ffffffff.part",
                ".y.csv.0a1b2c3d.part",
                ".x.csv.my.part",
            )
        )
        for path in (old, young, others, users):
            path.write_bytes(b"half")
        for path in (old, others, users):
            os.utime(path, (0, time.time() - 86_500))
        with destination(str(tmp_path / "x.csv")) as file:
            receive(file, CSV)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [young.name, others.name, users.name, "x.csv"]
        )


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("s4://bucket/x.csv", "Unsupported filesystem: 's4'"),
        ("s3://[bucket/x.csv", "Invalid IPv6 URL"),
        ("file://[/x.csv", "Invalid IPv6 URL"),
        ("~no-such-user/x.csv", "home directory"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(where: str, words: str) -> None:
    for find in (source, sources):
        with pytest.raises(InvalidArgumentError, match=words):
            find(where)
    with pytest.raises(InvalidArgumentError, match=words), destination(where):
        pass


class TestStoreThatCannotBeAsked:
    @pytest.fixture
    def broken(self, bucket: ObjectStoragePath, mocker: MockerFixture) -> str:
        mocker.patch.object(MemoryFileSystem, "info", side_effect=PermissionError("403 Forbidden"))
        return f"{bucket}/x.csv"

    @pytest.mark.parametrize("find", [source, sources])
    def test_is_no_missing_source(self, broken: str, find: Callable[[str], object]) -> None:
        with pytest.raises(FileAccessError, match=r"memory://.*: PermissionError: 403 Forbidden") as caught:
            find(broken)
        assert not caught.value.permanent

    @pytest.mark.parametrize("pattern", ["", "/*.csv", "/*/?.csv"])
    def test_to_list_its_files_is_no_empty_one(
        self, bucket: ObjectStoragePath, mocker: MockerFixture, pattern: str
    ) -> None:
        with destination(f"{bucket}/more/c.csv") as file:
            receive(file, CSV)
        mocker.patch.object(MemoryFileSystem, "ls", side_effect=OSError(16, "Slow down"))
        with pytest.raises(FileAccessError, match="Slow down"):
            sources(f"{bucket}{pattern}")

    @pytest.mark.parametrize("pattern", ["", "/*.csv", "/**/*.csv"])
    def test_for_one_of_its_files_leaves_none_out(
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
        # As most stores do it: for them every failure means "no file".
        mocker.patch.object(MemoryFileSystem, "isfile", AbstractFileSystem.isfile)
        with pytest.raises(FileAccessError, match="403 Forbidden"):
            sources(f"{bucket}{pattern}")

    def test_for_a_bucket_says_so(self) -> None:
        attach("memory", fs=MemoryFileSystem())
        for url in ("memory://nowhere/x.csv", "memory://nowhere/*.csv", "memory://nowhere/x/"):
            for find in (source, sources):
                with pytest.raises(FileAccessError, match="there is no bucket 'nowhere'"):
                    find(url)

    def test_is_no_destination_either(self, bucket: ObjectStoragePath, mocker: MockerFixture) -> None:
        mocker.patch.object(MemoryFileSystem, "info", side_effect=OSError(16, "Slow down"))
        with pytest.raises(FileAccessError, match="Slow down"), destination(f"{bucket}/x.csv"):
            pass

    def test_by_those_who_may_only_write_is_a_destination(
        self, broken: str, bucket: ObjectStoragePath
    ) -> None:
        with destination(broken) as file:
            receive(file, CSV)
        assert bucket.fs.cat_file(f"{bucket.path}/x.csv") == CSV

    def test_with_an_unknown_connection_says_so(self) -> None:
        with pytest.raises(FileAccessError, match=r"s3://.*bucket/x\.csv: "):
            source("s3://nobody@bucket/x.csv")

    def test_on_a_disk_says_so(self, tmp_path: Path, mocker: MockerFixture) -> None:
        mocker.patch.object(type(tmp_path), "stat", side_effect=OSError(5, "Input/output error"))
        with pytest.raises(FileAccessError, match="Input/output error"):
            source(str(tmp_path / "x.csv"))


def test_a_source_notices_its_change(tmp_path: Path) -> None:
    place = tmp_path / "x.csv"
    place.write_bytes(CSV)
    found = source(str(place))
    assert not found.has_changed()
    os.utime(place, ns=(1, 1))
    assert found.has_changed()
    place.unlink()
    assert found.has_changed()
