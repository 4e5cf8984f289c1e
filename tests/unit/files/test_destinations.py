"""Files to download, on a disk and in object stores."""

from __future__ import annotations

import errno
import io
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import (
    FileAccessError,
    InvalidArgumentError,
    MalformedReplyError,
    TransportError,
)
from airflow_provider_dataops.files import destinations
from airflow_provider_dataops.files.destinations import Download, destination
from airflow_provider_dataops.files.sources import source
from tests.unit.fakes import FakeClock
from tests.unit.files.receiving import CSV, receive

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath


class TestDestination:
    def test_contains_only_the_last_attempt(self, place: str) -> None:
        with destination(place) as file:
            file.begin({})
            file.write(b"a longer beginning that was cut off")
            receive(file, CSV)
        assert file.size == len(CSV)
        with source(place).open() as opened:
            assert opened.read() == CSV

    def test_does_not_exist_before_the_download_is_complete(self, place: str) -> None:
        with destination(place) as file:
            receive(file, CSV)
            with pytest.raises(InvalidArgumentError, match="not a file"):
                source(place)

    def test_keeps_its_old_content_until_the_download_is_complete(self, place: str) -> None:
        with destination(place) as file:
            receive(file, b"old")
        with pytest.raises(TransportError), destination(place) as file:  # noqa: PT012 - the error is raised in the block
            receive(file, CSV)
            raise TransportError("reset")
        with source(place).open() as opened:
            assert opened.read() == b"old"

    def test_leaves_no_other_file_behind(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        with destination(str(place)) as file:
            receive(file, CSV)
        with pytest.raises(KeyboardInterrupt), destination(str(place)) as file:  # noqa: PT012
            file.begin({})
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == [place]

    def test_does_not_change_the_file_that_a_reader_has_open(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        place.write_bytes(b"old")
        with place.open("rb") as reader:
            with destination(str(place)) as file:
                receive(file, CSV)
            assert reader.read() == b"old"

    def test_of_two_concurrent_downloads_contains_one_complete_file(self, tmp_path: Path) -> None:
        place = tmp_path / "out.csv"
        with destination(str(place)) as one, destination(str(place)) as other:
            receive(one, b"one")
            receive(other, b"other")
        assert place.read_bytes() == b"one"
        assert list(tmp_path.iterdir()) == [place]

    @pytest.mark.parametrize("ending", ["", "/", "/new/"])
    def test_that_is_a_folder_is_rejected(self, tmp_path: Path, ending: str) -> None:
        with (
            pytest.raises(InvalidArgumentError, match="save_to"),
            destination(f"{tmp_path}{ending}", "save_to"),
        ):
            pass
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("nowhere", ["", " ", None, 5])
    def test_that_is_no_text_is_rejected(self, nowhere: str) -> None:
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
    def test_is_complete_if_no_other_length_was_announced(
        self, tmp_path: Path, headers: dict[str, str]
    ) -> None:
        with destination(str(tmp_path / "x")) as file:
            receive(file, CSV, headers)
        assert (tmp_path / "x").read_bytes() == CSV

    def test_is_complete_if_a_write_takes_only_some_of_the_bytes(self) -> None:
        """The file of a disk that is almost full writes the bytes that fit, and returns their number."""
        written = bytearray()

        class Short(io.RawIOBase):
            def write(self, content: Any) -> int:
                written.extend(content[:3])
                return len(content[:3])

        receive(Download("x", Short), CSV)  # type: ignore[arg-type]
        assert written == CSV

    def test_fails_if_the_disk_is_full_after_some_of_the_bytes(self) -> None:
        class Full(io.RawIOBase):
            writes = 0

            def write(self, _: Any) -> int:
                self.writes += 1
                if self.writes == 2:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return 3

        with pytest.raises(FileAccessError, match="No space left"):
            receive(Download("x", Full), CSV)  # type: ignore[arg-type]

    @pytest.mark.parametrize("announced", ["0", "12", "14"])
    def test_of_another_length_than_announced_raises_an_error(self, tmp_path: Path, announced: str) -> None:
        with (
            pytest.raises(TransportError, match=f"13 of {announced} bytes"),
            destination(str(tmp_path / "x")) as file,
        ):
            receive(file, CSV, {"content-length": announced})
        assert not list(tmp_path.iterdir())

    def test_ignores_a_file_name_that_the_server_sends(self, tmp_path: Path) -> None:
        place = tmp_path / "in" / "out.csv"
        with destination(str(place)) as file:
            file.begin({"content-disposition": "attachment; filename=../../evil.csv", "content-length": "3"})
            file.write(CSV[:3])
            file.finish()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [place]

    @pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8"])
    def test_of_a_web_page_raises_an_error(self, tmp_path: Path, kind: str) -> None:
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

    def test_is_the_target_of_a_symbolic_link(self, tmp_path: Path) -> None:
        target, link = tmp_path / "kept" / "target.csv", tmp_path / "link.csv"
        target.parent.mkdir()
        target.write_bytes(b"old")
        link.symlink_to(target)
        with destination(str(link)) as file:
            receive(file, CSV)
        assert link.is_symlink()
        assert target.read_bytes() == CSV

    def test_loses_the_parts_that_killed_downloads_left_a_day_ago(self, tmp_path: Path) -> None:
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


class Ticking(FakeClock):
    """A clock that moves by six seconds each time it is read."""

    def monotonic(self) -> float:
        self.now += 6
        return self.now


def test_the_copy_to_an_object_store_logs_its_progress(
    bucket: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(destinations, "SYSTEM_CLOCK", Ticking())
    with destination(f"{bucket}/claims.csv") as file:
        receive(file, bytes(12_000_000))
    # The client of the store decides how large the pieces are.
    assert " of 12.0 MB to the object store (" in caplog.messages[0]
    assert caplog.messages[-1].startswith("Copied all 12.0 MB to the object store in ")
