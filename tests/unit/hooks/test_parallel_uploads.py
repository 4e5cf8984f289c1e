"""Several files of one Toucan upload: how many at a time, in which order, and what ends them."""

from __future__ import annotations

import contextvars
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import DataOpsError, PermissionDeniedError, UploadError
from airflow_provider_dataops.hooks.toucan import PARALLEL_UPLOADS, ToucanHook
from airflow_provider_dataops.platforms.toucan.model import Accepted
from tests.unit.fakes import reply
from tests.unit.platforms.apis import MemorySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_dataops.core.http import MultipartBody, Request
    from tests.unit.hooks.worker import Worker

COUNT = 2 * PARALLEL_UPLOADS + 1
NAMES = [f"{number}.csv" for number in range(COUNT)]
PATIENCE = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_text(f"of {name}")
    return tmp_path


@pytest.fixture
def login(worker: Worker) -> Worker:
    """The worker, with a connection that exchanges the password for a token."""
    worker.connect("toucan_default", extra={"small_app": "app", "auth_type": "login"})
    return worker


def sending(hook: ToucanHook, send: Callable[[str, Request[Any]], None]) -> ToucanHook:
    """Return a hook that calls a function with the file's name instead of sending the request."""

    def run(exchange: Any, _policy: Any = None) -> Accepted:
        request = next(exchange)
        body: MultipartBody = request.body
        send(body.filename, request)
        return Accepted(f"op-{body.filename}", {})

    hook.run = run  # type: ignore[method-assign, assignment]
    return hook


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Is set when the test is over, so that no thread goes on after a failed test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def _timeout_signal() -> Iterator[None]:
    """Raise KeyboardInterrupt at the signal that Airflow uses for ``execution_timeout``."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGALRM, before)


def send_until(over: threading.Event, request: Request[Any]) -> None:
    """Report the progress of an upload until the report raises an error."""
    while not over.wait(0.01):
        request.moved(0, 1)


@pytest.mark.parametrize("auth_type", ["basic", "bearer"])
def test_credentials_that_are_sent_with_each_request_are_sent_once_at_a_time(
    worker: Worker, folder: Path, auth_type: str
) -> None:
    worker.connect(
        "toucan_default", extra={"small_app": "app", "auth_type": auth_type, "api_token": "t0ken-of-toucan"}
    )
    threads = []
    hook = sending(worker.toucan(), lambda _name, _request: threads.append(threading.current_thread()))
    hook.upload_data_source(source=str(folder))
    assert threads == [threading.main_thread()] * COUNT


def test_after_a_login_the_first_file_is_sent_alone_and_then_four_at_a_time(
    login: Worker, folder: Path
) -> None:
    together = threading.Barrier(PARALLEL_UPLOADS)
    lock = threading.Lock()
    under_way: set[str] = set()
    most: list[int] = []

    def send(name: str, _request: Request[Any]) -> None:
        with lock:
            under_way.add(name)
            most.append(len(under_way))
        if name != NAMES[0]:
            together.wait(PATIENCE)
        with lock:
            under_way.remove(name)

    uploaded = sending(login.toucan(), send).upload_data_source(source=str(folder))
    assert max(most) == PARALLEL_UPLOADS
    assert [upload.filename for upload in uploaded] == NAMES
    assert [upload.operation_id for upload in uploaded] == [f"op-{name}" for name in NAMES]


def test_results_and_failures_have_the_order_of_the_files(login: Worker, folder: Path) -> None:
    later = threading.Event()

    def send(name: str, _request: Request[Any]) -> None:
        if name == NAMES[1]:
            assert later.wait(PATIENCE)
        if name == NAMES[3]:
            later.set()
        if name in (NAMES[1], NAMES[3]):
            raise DataOpsError(f"no {name}")

    with pytest.raises(UploadError) as caught:
        sending(login.toucan(), send).upload_data_source(source=str(folder))
    assert list(caught.value.failures) == [str(folder / NAMES[1]), str(folder / NAMES[3])]
    others = [name for name in NAMES if name not in (NAMES[1], NAMES[3])]
    assert caught.value.uploaded == [str(folder / name) for name in others]


def test_there_is_one_login_for_all_files(login: Worker, folder: Path) -> None:
    login.wire.expect(reply(body={"token": "t0ken-of-toucan"}), *[reply() for _ in NAMES])
    login.toucan().upload_data_source(source=str(folder))
    paths = [sent.url.rpartition(".com")[2].partition("?")[0] for sent in login.wire.sent]
    assert paths == ["/login"] + ["/app/data/sources"] * COUNT


def test_a_refused_login_is_not_sent_with_each_file(login: Worker, folder: Path) -> None:
    login.wire.expect(reply(401, "no"))
    with pytest.raises(UploadError, match="not sent, because Toucan refused the credentials"):
        login.toucan().upload_data_source(source=str(folder))
    assert len(login.wire.sent) == 1


def test_after_a_refusal_no_further_file_is_sent(login: Worker, folder: Path) -> None:
    sent: list[str] = []
    together = threading.Barrier(PARALLEL_UPLOADS)

    def send(name: str, _request: Request[Any]) -> None:
        sent.append(name)
        if name != NAMES[0]:
            together.wait(PATIENCE)
            error = PermissionDeniedError("HTTP 403", status=403)
            error.locks_out = True
            raise error

    with pytest.raises(UploadError) as caught:
        sending(login.toucan(), send).upload_data_source(source=str(folder))
    assert sorted(sent) == NAMES[: 1 + PARALLEL_UPLOADS]
    assert len(caught.value.failures) == COUNT - 1


@pytest.mark.usefixtures("_timeout_signal")
def test_an_end_of_the_task_stops_the_uploads_under_way(
    login: Worker, folder: Path, over: threading.Event
) -> None:
    together = threading.Barrier(PARALLEL_UPLOADS)
    sent: list[str] = []
    stopped = threading.Semaphore(0)

    def send(name: str, request: Request[Any]) -> None:
        sent.append(name)
        if name == NAMES[0]:
            return
        if together.wait(PATIENCE) == 0:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
        try:
            send_until(over, request)
        except DataOpsError:
            stopped.release()
            raise

    with pytest.raises(KeyboardInterrupt):
        sending(login.toucan(), send).upload_data_source(source=str(folder))
    assert all(stopped.acquire(timeout=PATIENCE) for _ in range(PARALLEL_UPLOADS))
    assert sorted(sent) == NAMES[: 1 + PARALLEL_UPLOADS]


def test_an_upload_is_stopped_at_its_next_block(login: Worker) -> None:
    """Here the driver itself sends, and calls the function that stops the upload."""
    login.wire.expect(reply(body={"token": "t0ken-of-toucan"}))
    hook = login.toucan()

    def moved(_position: int, _size: int | None) -> None:
        raise DataOpsError("stop")

    with pytest.raises(DataOpsError, match="stop"):
        hook.run(hook.api.upload_data_source("app", "a.csv", MemorySource(b"a,b"), moved=moved))
    assert [sent.url.endswith("/login") for sent in login.wire.sent] == [True]


def test_threads_have_the_context_of_the_task(login: Worker, folder: Path) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="lost")
    variable.set("kept")
    values = []
    hook = sending(login.toucan(), lambda _name, _request: values.append(variable.get()))
    hook.upload_data_source(source=str(folder))
    assert values == ["kept"] * COUNT
