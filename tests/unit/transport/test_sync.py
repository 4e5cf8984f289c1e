"""The worker's driver, with its sockets cut off."""

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
from tests.unit.transport.jobs import RESET
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

    def test_the_file_is_closed_whatever_comes(self, worker: Worker) -> None:
        file = MemorySource(b"a,b\n")
        worker.upload(file, RESET, reply(503), reply())
        assert [opened.closed for opened in file.opened] == [True] * 3

    def test_a_redirect_on_the_same_host_sends_it_again(self, worker: Worker) -> None:
        worker.upload(MemorySource(b"a,b\n"), reply(307, headers={"Location": "/moved"}), reply())
        assert [sent.body for sent in worker.wire.sent[1:]] == [b"a,b\n"] * 2
        assert worker.wire.sent[2].url == "https://fabric.prod.quantemplate.com/moved"

    def test_what_is_written_to_the_file_meanwhile_is_not_sent(self, worker: Worker) -> None:
        class Growing(MemorySource):
            @property
            def size(self) -> int:
                return 4

        worker.upload(Growing(b"a,b\nc,d\n"), reply())
        assert worker.wire.sent[1].body == b"a,b\n"

    def test_a_file_that_became_shorter_is_not_sent_as_if_it_were_whole(self, worker: Worker) -> None:
        class Shrinking(MemorySource):
            @property
            def size(self) -> int:
                return 9

        file = Shrinking(b"a,b\n")
        with pytest.raises(FileAccessError, match=r"claims\.csv was changed"):
            worker.upload(file)
        assert file.opened[0].closed

    def test_a_file_that_was_written_meanwhile_is_not_sent_to_its_end(self, worker: Worker) -> None:
        class Rewritten(MemorySource):
            def has_changed(self) -> bool:
                return True

        with pytest.raises(FileAccessError, match=r"claims\.csv was changed during the upload") as caught:
            worker.upload(Rewritten(b"a,b\n"))
        assert not caught.value.permanent

    def test_a_disk_that_cannot_be_read_is_no_failure_of_the_network(self, worker: Worker) -> None:
        class Broken(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        class OnBrokenDisk(MemorySource):
            def open(self) -> BytesIO:
                return Broken()

        with pytest.raises(FileAccessError, match=r"claims\.csv: OSError: .*Input/output error"):
            worker.upload(OnBrokenDisk(b"a,b\n"))

    def test_the_server_may_take_long_to_take_it_in(self, worker: Worker) -> None:
        worker.upload(MemorySource(b"a"), reply())
        assert [sent.options["timeout"] for sent in worker.wire.sent] == [(10.0, 30.0), (10.0, 600.0)]


class TestDownloads:
    def test_stream_into_the_sink(self, worker: Worker) -> None:
        content = bytes(range(256)) * 4_000
        sink = MemorySink()
        worker.download(sink, reply(body=content, headers={"Content-Length": str(len(content))}))
        assert sink.content == content
        assert sink.finished
        assert sink.begun == [{"content-length": str(len(content))}]

    def test_one_that_is_cut_off_begins_anew(self, worker: Worker) -> None:
        sink = MemorySink()
        worker.download(
            sink, reply(body=b"a,b\n", headers={"Content-Length": "8"}), reply(body=b"a,b\nc,d\n")
        )
        assert sink.content == b"a,b\nc,d\n"
        assert len(sink.begun) == 2

    def test_an_error_is_not_written_into_the_file(self, worker: Worker) -> None:
        sink = MemorySink()
        with pytest.raises(NotFoundError, match="no such dataset"):
            worker.download(sink, reply(404, "no such dataset"))
        assert not sink.begun

    def test_may_be_larger_than_an_answer_in_memory(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(body, "MAX_REPLY_BYTES", 3)
        sink = MemorySink()
        worker.wire.expect(reply(body=b"a,b\n"))
        worker.driver(tamr()).run(
            call(Request(operation="get", method="GET", url="https://h/", sink=sink, parse=lambda _: None))
        )
        assert sink.content == b"a,b\n"

    def test_a_full_disk_is_told_at_once(self, worker: Worker) -> None:
        class FullDisk(MemorySink):
            def write(self, chunk: bytes) -> None:
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left") as caught:
            worker.download(FullDisk(), reply(body=b"a"))
        assert type(caught.value) is OSError
        assert worker.wire.all_closed


class TestAnswers:
    def test_one_that_is_too_large_is_refused(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "MAX_REPLY_BYTES", len(JOB.body) - 1)
        with pytest.raises(ReplyTooLargeError, match="larger than") as caught:
            worker.create(reply(200, JOB.body, {"Content-Length": str(len(JOB.body))}))
        assert caught.value.message.endswith(f"bytes; its size is {len(JOB.body)}")
        assert caught.value.may_have_been_processed
        assert worker.wire.all_closed

    def test_one_of_the_allowed_size_is_read(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "MAX_REPLY_BYTES", len(JOB.body))
        assert worker.create(JOB).job_id == "j-1"
        assert worker.wire.all_closed

    def test_one_that_trickles_in_is_given_up(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sync, "CHUNK", 1)
        ticking = iter(range(0, 10_000, 7))
        monkeypatch.setattr(worker.clock, "monotonic", lambda: float(next(ticking)))
        with pytest.raises(TransportError, match="arrives too slowly"):
            worker.create(JOB)
        # Ten chunks in seven seconds each; the limit is a minute, however short one silence may be.
        assert next(ticking) < 100

    def test_the_reason_of_the_status_line_is_told(self, worker: Worker) -> None:
        with pytest.raises(NotFoundError, match="HTTP 404 Nothing Here: gone"):
            worker.create(Reply(404, {}, b"gone", "Nothing Here"))


def test_a_server_that_nobody_waits_for_may_still_be_at_work(worker: Worker) -> None:
    slow = requests.ReadTimeout(low.ReadTimeoutError(HTTPConnectionPool("h"), "/x", "Read timed out."))
    with pytest.raises(TransportError) as caught:
        worker.create(slow)
    assert caught.value.timed_out
    with pytest.raises(TransportError) as caught:
        worker.create(RESET)
    assert not caught.value.timed_out


def test_a_header_that_cannot_be_sent_is_not_repeated(worker: Worker) -> None:
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

    def test_certificates_and_proxy_of_the_connection(self, worker: Worker, tmp_path: Path) -> None:
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

    def test_a_missing_bundle_is_told_before_anything_is_sent(self, worker: Worker) -> None:
        with pytest.raises(ConnectionSettingsError, match="'tm': ca_bundle"):
            worker.create(extra={"ca_bundle": "/no/such.pem"})
        assert not worker.wire.sent

    @pytest.mark.parametrize(
        "variables", [{"https_proxy": "socks5://p"}, {"REQUESTS_CA_BUNDLE": "/no/such.pem"}], ids=str
    )
    def test_what_cannot_be_used_is_told_before_an_exchange_begins(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        """Once it has begun, a retry would look for what it was about to submit."""
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConnectionSettingsError, match="'tm'"):
            worker.driver(tamr())

    def test_patience_is_the_connections(self, worker: Worker) -> None:
        worker.create(JOB, extra={"request_timeout": 5})
        assert worker.wire.sent[0].options["timeout"] == (10.0, 5.0)

    def test_someone_in_a_hurry_waits_for_no_step_longer(self, worker: Worker) -> None:
        worker.wire.expect(JOB)
        api = tamr()
        worker.driver(api, limit=3.0).run(api.get_job("j-1"))
        assert worker.wire.sent[0].options["timeout"] == (3.0, 3.0)


def test_a_token_is_concealed_before_it_is_used(worker: Worker) -> None:
    api = quantemplate()
    worker.wire.expect(TOKEN, RESET)
    with pytest.raises(TransportError):
        worker.driver(api).run(api.execute_pipeline("c-1", "p-1"), ONCE)
    assert worker.concealed == ["t0ken"]


def test_an_exchange_is_ended_when_its_driver_is_killed(worker: Worker) -> None:
    ended = []

    def exchange() -> Exchange[None]:
        try:
            yield Pause(1.0)
        finally:
            ended.append(True)

    def killed(seconds: float) -> None:
        raise SystemExit(1)

    driver = SyncDriver(tamr(), register_secret=worker.concealed.append, sleep=killed)
    with pytest.raises(SystemExit):
        driver.run(exchange())
    assert ended


def test_a_step_that_fails_is_told_to_its_exchange_whatever_the_error_is_about(worker: Worker) -> None:
    assert worker.driver(tamr()).play(surviving_exchange()) == "survived: no key"


def test_threads_that_share_a_driver_log_in_one_after_the_other() -> None:
    """Refused logins may lock the account: as many at once as there are threads would."""
    api = quantemplate()
    begun: list[int] = []
    both = threading.Event()

    def login() -> Exchange[None]:
        begun.append(1)
        if len(begun) > 1:
            both.set()
        yield Pause(0.0)
        api.token = TokenKeeper("t0ken")

    def exchange() -> Exchange[None]:
        yield EnsureCredentials(login)

    def wait(_: float) -> None:
        # Time for the other to come in, were it let.
        both.wait(0.1)

    driver = SyncDriver(api, register_secret=lambda _: None, sleep=wait)
    other = threading.Thread(target=driver.play, args=(exchange(),))
    other.start()
    driver.play(exchange())
    other.join()
    assert len(begun) == 1
