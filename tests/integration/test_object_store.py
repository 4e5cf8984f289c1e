"""Files in a real S3-compatible store: uploads from it, downloads to it, and its failures."""

from __future__ import annotations

import tempfile
import tracemalloc
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from airflow.sdk.io import attach

from airflow_provider_dataops.core.http import FileBody, read_nothing
from airflow_provider_dataops.errors import FileAccessError, InvalidArgumentError, TransportError
from airflow_provider_dataops.files import destinations
from airflow_provider_dataops.files import sources as files
from airflow_provider_dataops.files.destinations import Download, destination
from airflow_provider_dataops.files.sources import source, sources
from tests.object_store import BUCKET, Line, ObjectStore, free_ports, object_store
from tests.raw import get, post, read_request, serving, worker

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from tests.integration.bench.base import Bench
    from tests.raw import Talk

MIB = 1024 * 1024
#: The smallest part that S3 accepts in a multipart upload.
PART = 5 * MIB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("store")) as server:
        yield server


class Folder:
    """An empty folder of a bucket, with the URLs that a DAG uses for its files."""

    def __init__(self, server: ObjectStore) -> None:
        self.server = server
        self.name = str(uuid4())
        self.conn_id = server.connect()
        self.fs: Any = attach("s3", self.conn_id).fs

    def url(self, name: str, conn_id: str = "", bucket: str = BUCKET) -> str:
        return f"s3://{conn_id or self.conn_id}@{bucket}/{self.name}/{name}"

    def path(self, name: str) -> str:
        return f"{BUCKET}/{self.name}/{name}"

    def write(self, name: str, content: bytes) -> str:
        self.fs.pipe_file(self.path(name), content)
        return self.url(name)

    def read(self, name: str) -> bytes:
        content: bytes = self.fs.cat_file(self.path(name))
        return content

    def etag(self, name: str) -> str:
        etag: str = self.fs.info(self.path(name), refresh=True)["ETag"]
        return etag.strip('"')

    def names(self) -> list[str]:
        return [name.rpartition("/")[2] for name in self.fs.find(self.path(""))]

    def unfinished(self) -> list[str]:
        """Return the keys of uploads that are neither completed nor aborted."""
        listed = self.fs.call_s3("list_multipart_uploads", Bucket=BUCKET, Prefix=self.name)
        return [upload["Key"].rpartition("/")[2] for upload in listed.get("Uploads", [])]


@pytest.fixture(scope="module")
def nobody() -> str:
    """Return a host and a port where no server listens."""
    return f"127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def folder(server: ObjectStore) -> Folder:
    return Folder(server)


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the highest use of memory since the start of the block, in bytes."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def sending(size: int, announced: int = 0) -> Talk:
    """Respond with a file of ``size`` bytes; its Content-Length may announce more."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {announced or size}\r\n\r\n".encode())
        for _ in range(size // MIB):
            connection.sendall(bytes(MIB))

    return talk


def taking(connection: socket.socket) -> None:
    """Receive a file of any size, and respond with a success."""
    head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
    while left and (received := connection.recv(65_536)):
        left -= len(received)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def download(url: str, file: Download) -> None:
    worker(get(url, sink=file, parse=read_nothing), host=url)


def upload(url: str, where: str) -> None:
    worker(post(url, body=FileBody(source(where)), parse=read_nothing), host=url)


@pytest.fixture
def warm(server: ObjectStore) -> None:
    """Transfer one file first: the first transfer loads modules, and their memory must not be measured."""
    where = Folder(server).write("x.csv", b"a,b\n")
    with serving(taking) as platform:
        upload(platform.url, where)
    with serving(sending(MIB)) as platform, destination(where) as file:
        download(platform.url, file)


class TestDownload:
    @pytest.mark.usefixtures("warm")
    def test_streams_part_by_part(self, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(destinations, "PART_BYTES", PART)
        monkeypatch.setattr(tempfile, "tempdir", "/no/temporary/files")
        with serving(sending(8 * PART)) as platform, memory() as most:
            with destination(folder.url("x.csv")) as file:
                download(platform.url, file)
                assert folder.unfinished() == ["x.csv"]
                assert folder.names() == []
            assert most() < 5 * PART
        # Such an ETag ends with the number of parts.
        assert folder.etag("x.csv").endswith("-8")
        assert folder.fs.info(folder.path("x.csv"))["size"] == 8 * PART
        assert folder.unfinished() == []

    def test_is_aborted_and_keeps_the_old_file_if_the_connection_breaks(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(destinations, "PART_BYTES", PART)
        folder.write("x.csv", b"old")
        with (
            serving(sending(2 * PART, announced=3 * PART)) as platform,
            pytest.raises(TransportError),
            destination(folder.url("x.csv")) as file,
        ):
            download(platform.url, file)
        assert folder.read("x.csv") == b"old"
        assert folder.unfinished() == []

    @pytest.mark.parametrize("size", [1, 2 * PART], ids=["before", "after the first part"])
    def test_is_aborted_if_the_task_is_killed(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(destinations, "PART_BYTES", PART)
        with pytest.raises(KeyboardInterrupt), destination(folder.url("x.csv")) as file:  # noqa: PT012
            file.begin({})
            file.write(bytes(size))
            raise KeyboardInterrupt
        assert folder.names() == []
        assert folder.unfinished() == []

    def test_contains_only_the_last_attempt_if_it_is_repeated(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(destinations, "PART_BYTES", PART)
        with destination(folder.url("x.csv")) as file:
            for content in (b"a" * 2 * PART, b"b" * (PART + 1)):
                file.begin({})
                file.write(content)
        assert folder.read("x.csv") == b"b" * (PART + 1)
        assert folder.unfinished() == []

    @pytest.mark.parametrize("content", [b"", b"a,b\n"])
    def test_of_a_small_file_replaces_the_old_file_at_its_end(self, folder: Folder, content: bytes) -> None:
        folder.write("x.csv", b"old")
        with destination(folder.url("x.csv")) as file:
            file.begin({})
            file.write(content)
            assert folder.read("x.csv") == b"old"
        assert folder.read("x.csv") == content
        assert folder.unfinished() == []

    @pytest.mark.parametrize("size", [1, PART + 1])
    def test_needs_only_permission_to_write(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(destinations, "PART_BYTES", PART)
        where = folder.url("x.csv", folder.server.connect(key="writer"))
        with pytest.raises(FileAccessError, match="Forbidden"):
            source(where)
        with destination(where) as file:
            file.begin({})
            file.write(bytes(size))
        assert len(folder.read("x.csv")) == size


class TestUpload:
    @pytest.mark.usefixtures("warm")
    def test_streams_the_file(self, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "BLOCK_BYTES", MIB)
        where = folder.write("x.csv", bytes(24 * MIB))
        with serving(taking) as platform, memory() as most:
            upload(platform.url, where)
            assert most() < 8 * MIB

    def test_fails_if_the_file_is_replaced_meanwhile(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BLOCK_BYTES", MIB)
        where = folder.write("x.csv", b"a" * 4 * MIB)

        def replace(connection: socket.socket) -> None:
            folder.write("x.csv", b"b" * 4 * MIB)
            taking(connection)

        with serving(replace) as platform, pytest.raises(FileAccessError, match=r"x\.csv"):
            upload(platform.url, where)

    def test_finds_the_files_of_a_folder_or_a_pattern(self, folder: Folder) -> None:
        # S3's console creates an empty file for each folder.
        for name, content in (("", b""), ("more/", b""), ("a b#?.csv", b"1"), ("b.csv", b"1"), (".c", b"1")):
            folder.write(name, content)
        folder.write("more/d.csv", b"1")
        found = {
            pattern: [file.name for file in sources(folder.url(pattern))]
            for pattern in ("", "*.csv", "b*", "*/*.csv", "**/*.csv", "more")
        }
        assert found == {
            "": ["a b#?.csv", "b.csv"],
            "*.csv": ["a b#?.csv", "b.csv"],
            "b*": ["b.csv"],
            "*/*.csv": ["d.csv"],
            "**/*.csv": ["a b#?.csv", "b.csv", "d.csv"],
            "more": ["d.csv"],
        }


def test_a_dataset_is_uploaded_from_the_store_and_downloaded_to_it(
    quantemplate: Bench, folder: Folder
) -> None:
    content = "Name;Prämie\n".encode() * 500_000
    where = folder.write("in.csv", content)
    hook = quantemplate.hook()
    assert hook.upload_dataset(source=where, dataset_id="d-claims") == len(content)
    hook.download_dataset(dataset_id="d-claims", destination=folder.url("out.csv"))
    assert folder.read("out.csv") == content


def test_files_of_data_sources_are_uploaded_from_the_store(toucan: Bench, folder: Folder) -> None:
    for name in ("a.csv", "b.csv"):
        folder.write(name, f"{name}\n".encode())
    toucan.hook().upload_data_source(source=folder.url("*.csv"))
    uploaded = {upload.filename: upload.content.sha256 for upload in toucan.store.uploads}
    assert uploaded == {name: sha256(f"{name}\n".encode()).hexdigest() for name in ("a.csv", "b.csv")}


def test_a_file_and_a_dataset_are_stored_in_trac_from_the_store_and_downloaded_to_it(
    trac: Bench, folder: Folder
) -> None:
    hook = trac.hook()
    file = hook.create_small_file(source=folder.write("model.bin", b"\x00\xff"))
    hook.download_file(file, destination=folder.url("model-back.bin"))
    assert folder.read("model-back.bin") == b"\x00\xff"
    schema = {
        "schemaType": "TABLE_SCHEMA",
        "table": {"fields": [{"fieldName": "name", "fieldOrder": 0, "fieldType": "STRING"}]},
    }
    dataset = hook.create_small_dataset(source=folder.write("in.csv", b"name\nx\n"), schema=schema)
    hook.download_data(dataset, destination=folder.url("out.csv"))
    assert folder.read("out.csv").splitlines() == [b"name", b"x"]


@pytest.mark.usefixtures("warm")
def test_a_large_file_takes_less_memory_than_its_size(folder: Folder) -> None:
    # The sizes of blocks and parts are those of users, so this is more than one part and one block.
    size = 72 * MIB
    with serving(sending(size)) as platform, memory() as most:
        with destination(folder.url("x.csv")) as file:
            download(platform.url, file)
        assert most() < 64 * MIB
    with serving(taking) as platform, memory() as most:
        upload(platform.url, folder.url("x.csv"))
        assert most() < 64 * MIB


class TestFailingStore:
    @pytest.fixture(params=["wrong secret", "no such bucket", "nobody listens"])
    def failing(self, request: pytest.FixtureRequest, folder: Folder, nobody: str) -> tuple[str, str]:
        """Return the URL of a file in a store that does not work, and the store's error message."""
        folder.write("x.csv", b"a,b\n")
        if request.param == "wrong secret":
            return folder.url("x.csv", folder.server.connect(secret="wrong")), "PermissionError: "
        if request.param == "no such bucket":
            return folder.url("x.csv", bucket="nowhere"), "no bucket 'nowhere'|bucket does not exist"
        return folder.url("x.csv", folder.server.connect(netloc=nobody)), "Could not connect to the endpoint"

    @pytest.mark.parametrize("find", [source, sources])
    def test_is_not_reported_as_a_missing_file(
        self, failing: tuple[str, str], find: Callable[[str], object]
    ) -> None:
        url, words = failing
        with pytest.raises(FileAccessError, match=words) as caught:
            find(url)
        assert not caught.value.permanent

    def test_is_not_reported_as_a_pattern_without_files(self, failing: tuple[str, str]) -> None:
        url, words = failing
        with pytest.raises(FileAccessError, match=words):
            sources(url.replace("x.csv", "*.csv"))

    def test_is_reported_for_a_destination(self, failing: tuple[str, str]) -> None:
        url, words = failing
        with pytest.raises(FileAccessError, match=words) as caught, destination(url) as file:  # noqa: PT012
            file.begin({})
            file.write(b"a,b\n")
        assert not caught.value.permanent

    def test_is_reported_by_a_hook_before_any_request(
        self, failing: tuple[str, str], quantemplate: Bench
    ) -> None:
        url, words = failing
        with pytest.raises(FileAccessError, match=words):
            quantemplate.hook().upload_dataset(source=url, dataset_id="d-1")
        assert quantemplate.requests() == []

    def test_is_reported_if_it_fails_during_a_download(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(destinations, "PART_BYTES", PART)
        line = Line(folder.server.netloc)
        with line.leading() as netloc:
            where = folder.url("x.csv", folder.server.connect(netloc=netloc))
            with pytest.raises(FileAccessError, match=r"x\.csv: ") as caught, destination(where) as file:  # noqa: PT012
                file.begin({})
                file.write(bytes(PART))
                line.cut()
                file.write(bytes(PART))
        assert not caught.value.permanent
        assert folder.names() == []

    def test_is_reported_if_it_fails_before_an_upload(self, folder: Folder) -> None:
        folder.write("x.csv", b"a,b\n")
        line = Line(folder.server.netloc)
        with line.leading() as netloc, serving(taking) as platform:
            chosen = source(folder.url("x.csv", folder.server.connect(netloc=netloc)))
            line.cut()
            with pytest.raises(FileAccessError, match=r"x\.csv: "):
                worker(post(platform.url, body=FileBody(chosen), parse=read_nothing), host=platform.url)

    def test_is_reported_if_it_fails_during_an_upload(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "BLOCK_BYTES", MIB)
        folder.write("x.csv", bytes(4 * MIB))
        line = Line(folder.server.netloc)
        with line.leading() as netloc:
            where = folder.url("x.csv", folder.server.connect(netloc=netloc))

            def cut(connection: socket.socket) -> None:
                connection.recv(65_536)
                line.cut()
                taking(connection)

            with serving(cut) as platform, pytest.raises(FileAccessError, match=r"x\.csv: ") as caught:
                upload(platform.url, where)
        assert not caught.value.permanent


@pytest.mark.parametrize("find", [source, sources])
def test_the_error_for_a_missing_file_has_the_name_of_the_argument(
    folder: Folder, find: Callable[[str, str], object]
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"upload_from .* a file") as caught:
        find(folder.url("x.csv"), "upload_from")
    assert caught.value.permanent
