"""Transfers that take longer than two minutes. A failing request is repeated for no longer than that."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.errors import TransportError
from tests.unit.fakes import FakeClock, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, toucan
from tests.unit.transport.failures import RESET
from tests.unit.transport.worker import TOKEN

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply
    from tests.unit.transport.worker import Worker


class SlowSource(MemorySource):
    """A file whose upload takes ten minutes for each piece."""

    def __init__(self, content: bytes, clock: FakeClock) -> None:
        super().__init__(content)
        self.clock = clock

    def open(self) -> BytesIO:
        clock = self.clock

        class Slow(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                chunk = super().read(size)
                clock.now += 600 if chunk else 0
                return chunk

        self.opened.append(Slow(self.content))
        return self.opened[-1]


class SlowSink(MemorySink):
    """A file whose download takes ten minutes for each piece."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock

    def write(self, chunk: bytes) -> None:
        self.clock.now += 600
        super().write(chunk)


def test_an_interrupted_upload_is_repeated(worker: Worker) -> None:
    worker.upload(SlowSource(b"a,b\n" * 50_000, worker.clock), RESET, reply())
    assert [len(sent.body) for sent in worker.wire.sent[1:]] == [200_000] * 2


def test_an_interrupted_upload_of_a_form_is_repeated(worker: Worker) -> None:
    worker.wire.expect(RESET, reply(body={"id": "o-1"}))
    api = toucan()
    source = SlowSource(b"a,b\n" * 50_000, worker.clock)
    worker.driver(api).run(api.upload_data_source("demo", "sales.csv", source))
    assert [len(sent.body) > 200_000 for sent in worker.wire.sent] == [True] * 2


def test_an_upload_without_progress_is_not_repeated_again(worker: Worker) -> None:
    with pytest.raises(TransportError, match="attempt 2"):
        worker.upload(SlowSource(b"a,b\n" * 50_000, worker.clock), RESET, RESET)


def test_an_interrupted_download_is_repeated_while_it_makes_progress(worker: Worker) -> None:
    sink = SlowSink(worker.clock)
    announced = {"Content-Length": "8"}
    worker.download(sink, *(reply(body=b"a,b\nc,d\n"[:size], headers=announced) for size in (2, 4, 8)))
    assert sink.content == b"a,b\nc,d\n"


@pytest.mark.parametrize("size", [1, 4])
def test_a_download_without_progress_is_not_repeated_again(worker: Worker, size: int) -> None:
    announced = {"Content-Length": "8"}
    first = reply(body=b"a,b\n", headers=announced)
    with pytest.raises(TransportError, match="attempt 2"):
        worker.download(SlowSink(worker.clock), first, reply(body=b"a,b\n"[:size], headers=announced))


def test_a_download_with_one_more_byte_each_time_fails_in_the_end(worker: Worker) -> None:
    content = bytes(1_000)
    broken = [reply(body=content[:size], headers={"Content-Length": "1000"}) for size in range(1, 1_000)]
    with pytest.raises(TransportError, match="attempt"):
        worker.download(SlowSink(worker.clock), *broken)
    assert sum(worker.slept) <= 120
    assert len(worker.slept) < 15


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines about progress, without those about failed requests."""
    return [line for line in caplog.messages if "attempt" not in line]


def test_an_upload_logs_its_progress(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    worker.upload(SlowSource(bytes(600_000), worker.clock), RESET, reply())
    progress = [
        "Uploaded 262 kB of 600 kB to Quantemplate (437 bytes/s, about 13 min left): claims.csv",
        "Uploaded 524 kB of 600 kB to Quantemplate (437 bytes/s, about 3 min left): claims.csv",
        "Uploaded all 600 kB to Quantemplate in 30 min (333 bytes/s), waiting for the response: claims.csv",
    ]
    again = "The upload to Quantemplate starts again at the first byte: claims.csv"
    assert messages(caplog) == [*progress, again, *progress]


@pytest.mark.parametrize("first", [reply(401), reply(307, headers={"Location": "/elsewhere"})])
def test_an_upload_that_is_sent_twice_in_one_attempt_says_so(
    worker: Worker, caplog: pytest.LogCaptureFixture, first: Reply
) -> None:
    caplog.set_level("INFO")
    answers = [first, TOKEN] if first.status == 401 else [first]
    worker.upload(SlowSource(bytes(40_000), worker.clock), *answers, reply())
    assert (
        messages(caplog).count("The upload to Quantemplate starts again at the first byte: claims.csv") == 1
    )


def test_an_upload_of_a_form_logs_its_progress(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    worker.wire.expect(reply(body={"id": "o-1"}))
    api = toucan()
    worker.driver(api).run(
        api.upload_data_source("demo", "sales.csv", SlowSource(bytes(600_000), worker.clock))
    )
    assert messages(caplog)[0].startswith("Uploaded 262 kB of 600 kB to Toucan (")
    assert messages(caplog)[-1].startswith("Uploaded all 600 kB to Toucan in 30 min ")


def test_a_download_logs_its_progress(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    content = bytes(2_400_000)
    worker.download(SlowSink(worker.clock), reply(body=content, headers={"Content-Length": "2400000"}))
    assert messages(caplog) == [
        "Downloaded 1.0 MB of 2.4 MB from Quantemplate (1.7 kB/s, about 13 min left): claims.csv",
        "Downloaded 2.1 MB of 2.4 MB from Quantemplate (1.7 kB/s, about 3 min left): claims.csv",
        "Downloaded all 2.4 MB from Quantemplate in 30 min (1.3 kB/s): claims.csv",
    ]


def test_a_download_of_unknown_size_logs_its_progress(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    worker.download(SlowSink(worker.clock), reply(body=bytes(2_400_000)))
    assert messages(caplog)[0] == "Downloaded 1.0 MB from Quantemplate (1.7 kB/s): claims.csv"


BUSY = reply(503, headers={"Retry-After": "20"})


def test_the_pause_before_a_repeated_upload_is_no_progress(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    worker.upload(MemorySource(b"a,b\n"), BUSY, reply())
    assert len(worker.wire.sent) == 3
    assert messages(caplog) == []


def test_the_pause_before_a_repeated_download_is_no_progress(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    short, whole = (reply(body=body, headers={"Content-Length": "4"}) for body in (b"a,b", b"a,b\n"))
    worker.download(MemorySink(), *[short] * 5, whole)
    assert sum(worker.slept) > 5.0
    assert messages(caplog) == []


def test_a_request_without_a_file_counts_nothing(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_dataops.transport.flow.Transfer", None)
    assert worker.create(reply(body={"jobId": "j-1", "status": {"state": "PENDING"}}))
