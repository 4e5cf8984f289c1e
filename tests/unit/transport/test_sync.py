"""The worker's driver without sockets."""

from __future__ import annotations

import shutil
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

import certifi
import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as low

from airflow_provider_dataops.core.http import EnsureCredentials, Exchange, Pause, Reply, Request, call
from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    ConnectionSettingsError,
    FileAccessError,
    NotFoundError,
    ReplyTooLargeError,
    TransportError,
)
from airflow_provider_dataops.transport import body, sync
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.fakes import reply, surviving_exchange
from tests.unit.platforms.apis import MemorySink, MemorySource, quantemplate, tamr
from tests.unit.transport.failures import RESET
from tests.unit.transport.worker import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.transport.worker import Worker


JOB = reply(body={"jobId": "j-1", "status": {"state": "PENDING"}})


class TestUploads:
    def test_each_attempt_sends_the_whole_file_with_its_length(self, worker: Worker) -> None:
        file = MemorySource(b"a,b\n" * 50_000)
        worker.upload(file, RESET, reply(503), reply())
        attempts = worker.wire.sent[1:]
        assert [sent.body == file.content for sent in attempts] == [True] * 3
        assert {sent.headers["Content-Length"] for sent in attempts} == {"200000"}
        assert not any("Transfer-Encoding" in sent.headers for sent in attempts)
        assert len(worker.slept) == 2

    def test_the_file_is_closed_after_each_attempt(self, worker: Worker) -> None:
        file = MemorySource(b"a,b\n")
        worker.upload(file, RESET, reply(503), reply())
        assert [opened.closed for opened in file.opened] == [True] * 3

    def test_a_redirect_on_the_same_host_sends_the_file_again(self, worker: Worker) -> None:
        worker.upload(MemorySource(b"a,b\n"), reply(307, headers={"Location": "/moved"}), reply())
        assert [sent.body for sent in worker.wire.sent[1:]] == [b"a,b\n"] * 2
        assert worker.wire.sent[2].url == "https://fabric.prod.quantemplate.com/moved"

    def test_bytes_that_are_added_during_the_upload_are_not_sent(self, worker: Worker) -> None:
        class Growing(MemorySource):
            @property
            def size(self) -> int:
                return 4

        worker.upload(Growing(b"a,b\nc,d\n"), reply())
        assert worker.wire.sent[1].body == b"a,b\n"

    def test_a_file_that_becomes_shorter_raises_an_error(self, worker: Worker) -> None:
        class Shrinking(MemorySource):
            @property
            def size(self) -> int:
                return 9

        file = Shrinking(b"a,b\n")
        with pytest.raises(FileAccessError, match=r"claims\.csv was changed"):
            worker.upload(file)
        assert file.opened[0].closed

    def test_a_file_that_changes_during_the_upload_raises_an_error(self, worker: Worker) -> None:
        class Rewritten(MemorySource):
            def has_changed(self) -> bool:
                return True

        with pytest.raises(FileAccessError, match=r"claims\.csv was changed during the upload") as caught:
            worker.upload(Rewritten(b"a,b\n"))
        assert not caught.value.permanent

    def test_a_file_that_cannot_be_read_raises_a_file_error(self, worker: Worker) -> None:
        class Broken(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        class OnBrokenDisk(MemorySource):
            def open(self) -> BytesIO:
                return Broken()

        with pytest.raises(FileAccessError, match=r"claims\.csv: OSError: .*Input/output error"):
            worker.upload(OnBrokenDisk(b"a,b\n"))

    def test_an_upload_has_a_longer_read_timeout(self, worker: Worker) -> None:
        worker.upload(MemorySource(b"a"), reply())
        assert [sent.options["timeout"] for sent in worker.wire.sent] == [(10.0, 30.0), (10.0, 600.0)]


class TestDownloads:
    def test_are_streamed_into_the_sink(self, worker: Worker) -> None:
        content = bytes(range(256)) * 4_000
        sink = MemorySink()
        worker.download(sink, reply(body=content, headers={"Content-Length": str(len(content))}))
        assert sink.content == content
        assert sink.finished
        assert sink.begun == [{"content-length": str(len(content))}]

    def test_start_again_if_they_are_cut_off(self, worker: Worker) -> None:
        sink = MemorySink()
        worker.download(
            sink, reply(body=b"a,b\n", headers={"Content-Length": "8"}), reply(body=b"a,b\nc,d\n")
        )
        assert sink.content == b"a,b\nc,d\n"
        assert len(sink.begun) == 2

    def test_do_not_write_an_error_into_the_file(self, worker: Worker) -> None:
        sink = MemorySink()
        with pytest.raises(NotFoundError, match="no such dataset"):
            worker.download(sink, reply(404, "no such dataset"))
        assert not sink.begun

    def test_may_be_larger_than_a_response_in_memory(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(body, "MAX_REPLY_BYTES", 3)
        sink = MemorySink()
        worker.wire.expect(reply(body=b"a,b\n"))
        worker.driver(tamr()).run(
            call(Request(operation="get", method="GET", url="https://h/", sink=sink, parse=lambda _: None))
        )
        assert sink.content == b"a,b\n"

    def test_fail_at_once_if_the_disk_is_full(self, worker: Worker) -> None:
        class FullDisk(MemorySink):
            def write(self, chunk: bytes) -> None:
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left") as caught:
            worker.download(FullDisk(), reply(body=b"a"))
        assert type(caught.value) is OSError
        assert worker.wire.all_closed


class TestResponses:
    def test_that_are_too_large_raise_an_error(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "MAX_REPLY_BYTES", len(JOB.body) - 1)
        with pytest.raises(ReplyTooLargeError, match="larger than") as caught:
            worker.create(reply(200, JOB.body, {"Content-Length": str(len(JOB.body))}))
        assert caught.value.message.endswith(f"bytes; its size is {len(JOB.body)}")
        assert caught.value.may_have_been_processed
        assert worker.wire.all_closed

    def test_of_the_maximum_size_are_read(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "MAX_REPLY_BYTES", len(JOB.body))
        assert worker.create(JOB).job_id == "j-1"
        assert worker.wire.all_closed

    def test_that_arrive_too_slowly_raise_an_error(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sync, "CHUNK", 1)
        ticking = iter(range(0, 10_000, 7))
        monkeypatch.setattr(worker.clock, "monotonic", lambda: float(next(ticking)))
        with pytest.raises(TransportError, match="arrives too slowly"):
            worker.create(JOB)
        # Ten chunks take seven seconds each. The limit is a minute in all, even if each pause is short.
        assert next(ticking) < 100

    def test_with_an_error_show_the_reason_phrase(self, worker: Worker) -> None:
        with pytest.raises(NotFoundError, match="HTTP 404 Nothing Here: gone"):
            worker.create(Reply(404, {}, b"gone", "Nothing Here"))


def test_the_error_shows_whether_the_request_timed_out(worker: Worker) -> None:
    slow = requests.ReadTimeout(low.ReadTimeoutError(HTTPConnectionPool("h"), "/x", "Read timed out."))
    with pytest.raises(TransportError) as caught:
        worker.create(slow)
    assert caught.value.timed_out
    with pytest.raises(TransportError) as caught:
        worker.create(RESET)
    assert not caught.value.timed_out


def test_a_header_that_cannot_be_sent_is_not_shown_in_the_error(worker: Worker) -> None:
    request: Request[Any] = Request(
        operation="get", method="GET", url="https://h/", secret_headers={"X-Gateway": "apk_s3cret\nX: y"}
    )
    with pytest.raises(TransportError, match="cannot be sent") as caught:
        worker.driver(tamr()).run(call(request), ONCE)
    assert "apk_s3cret" not in str(caught.value)
    assert caught.value.not_sent
    assert not worker.wire.sent


class TestOptions:
    def test_netrc_does_not_replace_our_credentials(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine my-tenant.tamr.cloud login someone password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        worker.create(JOB)
        assert "Authorization" not in worker.wire.sent[0].headers

    def test_contain_certificates_and_proxy_of_the_connection(self, worker: Worker, tmp_path: Path) -> None:
        bundle = tmp_path / "ca.pem"
        shutil.copy(certifi.where(), bundle)
        worker.create(JOB, extra={"ca_bundle": str(bundle), "proxy": "http://u:pw@proxy:3128"})
        options = worker.wire.sent[0].options
        assert options["verify"] == str(bundle)
        assert dict(options["proxies"]) == {"https": "http://u:pw@proxy:3128"}

    def test_certificates_are_checked_unless_the_connection_says_otherwise(self, worker: Worker) -> None:
        worker.create(JOB)
        worker.create(JOB, extra={"verify_ssl": False})
        assert worker.wire.sent[0].options["verify"]
        assert worker.wire.sent[1].options["verify"] is False

    def test_a_missing_bundle_raises_an_error_before_anything_is_sent(self, worker: Worker) -> None:
        with pytest.raises(ConnectionSettingsError, match="'tm': ca_bundle"):
            worker.create(extra={"ca_bundle": "/no/such.pem"})
        assert not worker.wire.sent

    @pytest.mark.parametrize(
        "variables", [{"https_proxy": "socks5://p"}, {"REQUESTS_CA_BUNDLE": "/no/such.pem"}], ids=str
    )
    def test_invalid_settings_raise_an_error_before_an_exchange_begins(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        """After the exchange has begun, a retry would search for the run that it wanted to submit."""
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConnectionSettingsError, match="'tm'"):
            worker.driver(tamr())

    def test_contain_the_timeout_of_the_connection(self, worker: Worker) -> None:
        worker.create(JOB, extra={"request_timeout": 5})
        assert worker.wire.sent[0].options["timeout"] == (10.0, 5.0)

    def test_contain_no_timeout_above_the_limit_of_the_driver(self, worker: Worker) -> None:
        worker.wire.expect(JOB)
        api = tamr()
        worker.driver(api, limit=3.0).run(api.get_job("j-1"))
        assert worker.wire.sent[0].options["timeout"] == (3.0, 3.0)


def test_a_token_is_masked_before_it_is_used(worker: Worker) -> None:
    api = quantemplate()
    worker.wire.expect(TOKEN, RESET)
    with pytest.raises(TransportError):
        worker.driver(api).run(api.execute_pipeline("c-1", "p-1"), ONCE)
    assert worker.masked == ["t0ken"]


def test_an_exchange_is_closed_when_its_driver_is_killed(worker: Worker) -> None:
    ended = []

    def exchange() -> Exchange[None]:
        try:
            yield Pause(1.0)
        finally:
            ended.append(True)

    def killed(seconds: float) -> None:
        raise SystemExit(1)

    driver = SyncDriver(tamr(), register_secret=worker.masked.append, sleep=killed)
    with pytest.raises(SystemExit):
        driver.run(exchange())
    assert ended


def test_an_exchange_can_catch_the_error_of_its_step(worker: Worker) -> None:
    assert worker.driver(tamr()).play(surviving_exchange()) == "survived: no key"


def test_threads_that_share_a_driver_log_in_one_after_the_other() -> None:
    """Rejected logins may lock the account, so only one thread at a time may log in."""
    api = quantemplate()
    logins: list[int] = []
    both = threading.Event()

    def login() -> Exchange[None]:
        logins.append(1)
        if len(logins) > 1:
            both.set()
        yield Pause(0.0)
        api.token = TokenKeeper("t0ken")

    def exchange() -> Exchange[None]:
        yield EnsureCredentials(login)

    def wait(_: float) -> None:
        # Long enough for the other thread to log in, if it was allowed to.
        both.wait(0.1)

    driver = SyncDriver(api, register_secret=lambda _: None, sleep=wait)
    other = threading.Thread(target=driver.play, args=(exchange(),))
    other.start()
    driver.play(exchange())
    other.join()
    assert len(logins) == 1
