from __future__ import annotations

import logging

import pytest

from airflow_provider_dataops.core.transfer import Transfer
from tests.unit.fakes import FakeClock

GB = 1_000_000_000


class Bench:
    """One transfer of 4 GB, with a clock that the test moves."""

    def __init__(self, caplog: pytest.LogCaptureFixture, kind: str) -> None:
        caplog.set_level(logging.INFO)
        self.caplog = caplog
        self.clock = FakeClock()
        where = "from TRAC" if kind == "download" else "to Quantemplate"
        self.transfer = Transfer(kind, where, "claims.csv", self.clock, logging.getLogger("the task's"))

    def move(self, seconds: float, position: float, size: int | None = 4 * GB) -> None:
        self.clock.now += seconds
        self.transfer.moved(int(position), size)

    @property
    def lines(self) -> list[str]:
        return self.caplog.messages


@pytest.fixture
def upload(caplog: pytest.LogCaptureFixture) -> Bench:
    return Bench(caplog, "upload")


@pytest.fixture
def download(caplog: pytest.LogCaptureFixture) -> Bench:
    return Bench(caplog, "download")


def test_a_line_contains_bytes_rate_and_time_left(upload: Bench) -> None:
    upload.move(0, 0)
    upload.move(5, 0.5 * GB)
    assert upload.lines == [
        "Uploaded 500 MB of 4.0 GB to Quantemplate (100 MB/s, about 35 s left): claims.csv"
    ]


def test_the_first_line_comes_after_five_seconds_then_one_every_ten(upload: Bench) -> None:
    for _ in range(300):
        upload.move(0.1, upload.transfer._position + 10_000_000)
    assert [line.split(" of ")[0] for line in upload.lines] == [
        f"Uploaded {size}" for size in ("510 MB", "1.5 GB", "2.5 GB")
    ]


def test_a_short_transfer_logs_nothing(upload: Bench) -> None:
    upload.move(0, 0)
    upload.move(4.9, 4 * GB)
    upload.move(0, 4 * GB)
    assert upload.lines == []


def test_the_last_line_contains_the_duration_once(upload: Bench) -> None:
    upload.move(0, 0)
    upload.move(40, 2 * GB)
    for _ in range(2):
        upload.move(60, 4 * GB)
    assert upload.lines[1:] == [
        "Uploaded all 4.0 GB to Quantemplate in 2 min (40.0 MB/s), waiting for the response: claims.csv"
    ]


def test_a_download_without_an_announced_size(download: Bench) -> None:
    download.move(0, 0, None)
    download.move(5, 0.5 * GB, None)
    assert download.lines == ["Downloaded 500 MB from TRAC (100 MB/s): claims.csv"]


def test_the_end_of_a_download(download: Bench) -> None:
    download.move(0, 0)
    download.move(20, 2 * GB)
    download.move(5, 4 * GB)
    assert download.lines[1:] == ["Downloaded all 4.0 GB from TRAC in 25 s (160 MB/s): claims.csv"]


def test_the_rate_is_the_one_since_the_last_line(upload: Bench) -> None:
    upload.move(0, 0)
    upload.move(10, 1 * GB)
    upload.move(10, 1.1 * GB)
    assert "(10.0 MB/s, about 5 min left)" in upload.lines[1]
    upload.move(10, 1.1 * GB)
    assert "(0 bytes/s)" in upload.lines[2]


def test_a_second_attempt_counts_from_the_first_byte_and_says_so(upload: Bench) -> None:
    upload.move(0, 0)
    upload.move(10, 2 * GB)
    upload.move(60, 1_000_000)
    upload.move(5, 1_000_000 + 50_000_000)
    assert upload.lines[1:] == [
        "The upload to Quantemplate starts again at the first byte: claims.csv",
        "Uploaded 51.0 MB of 4.0 GB to Quantemplate (10.0 MB/s, about 7 min left): claims.csv",
    ]


def test_a_second_attempt_of_a_short_transfer_logs_nothing(upload: Bench) -> None:
    upload.move(0, 0)
    upload.move(1, 2 * GB)
    upload.move(60, 0)
    upload.move(1, 4 * GB)
    assert upload.lines == []
