"""A real object store with the S3 API, on loopback, and connections to it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import uuid
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk.io import attach
from s3fs import S3FileSystem

from tests.raw import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "bucket"
SECRET = "test-secret"
#: What each access key may do.
ACTIONS = {"reader-and-writer": ["Admin", "Read", "Write", "List", "Tagging"], "writer": ["Write"]}
#: The parts of the server. Each needs two ports.
SERVICES = ("master", "volume", "filer", "s3", "admin")
#: Seconds within which the server must be ready.
START_TIMEOUT = 60.0


@dataclass(frozen=True)
class ObjectStore:
    """An S3-compatible server.

    :param netloc: its host and port.
    """

    netloc: str

    @cache  # noqa: B019 - it takes half a second to make a client, and a test run has one server
    def connect(self, *, netloc: str = "", key: str = "reader-and-writer", secret: str = SECRET) -> str:
        """Return the id of a new connection, for a URL such as ``s3://<id>@bucket/key``.

        Its file system has the class that Airflow's Amazon provider uses.

        :param netloc: host and port to connect to, if not those of this server.
        """
        conn_id = f"store-{uuid.uuid4()}"
        store = S3FileSystem(
            key=key,
            secret=secret,
            endpoint_url=f"http://{netloc or self.netloc}",
            client_kwargs={"region_name": "us-east-1"},
            # With retries, the client reports an outage only after half a minute.
            config_kwargs={"retries": {"max_attempts": 0}},
            skip_instance_cache=True,
        )
        store.retries = 1
        attach("s3", conn_id, fs=store)
        return conn_id


class Line:
    """A TCP proxy in front of a server. A test can cut its connections.

    :param server: the server's host and port.
    """

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._open: list[socket.socket] = []
        self._is_cut = False

    @contextmanager
    def leading(self) -> Iterator[str]:
        """Yield the host and port of the proxy."""
        with serving(self._connect) as beginning:
            yield beginning.netloc
            self.cut()

    def cut(self) -> None:
        """Break all connections, and close each new one at once."""
        self._is_cut = True
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _connect(self, client: socket.socket) -> None:
        if self._is_cut:
            return
        with socket.create_connection(self._server) as server:
            self._open += [client, server]
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65_536):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Run a server that keeps its data in a folder."""
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": SECRET}], "actions": actions}
        for key, actions in ACTIONS.items()
    ]
    settings = folder / "s3.json"
    settings.write_text(json.dumps({"identities": identities}))
    options: dict[str, object] = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "bucket": BUCKET,
        "s3.config": settings,
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
    }
    ports = iter(free_ports(2 * len(SERVICES)))
    for service in SERVICES:
        options |= {f"{service}.port": next(ports), f"{service}.port.grpc": next(ports)}
    program = Path(sys.executable).with_name("weed")
    command = [str(program), "mini", *(f"-{name}={value}" for name, value in options.items())]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield ObjectStore(_address(server))
        finally:
            server.kill()
            # The server has no option for the folder of these sockets.
            for service in SERVICES:
                grpc = options[f"{service}.port.grpc"]
                Path(f"/tmp/seaweedfs-{service}-grpc-{grpc}.sock").unlink(missing_ok=True)


def _address(server: subprocess.Popen[str]) -> str:
    """Wait until a server accepts requests, and return its host and port."""
    too_late = threading.Timer(START_TIMEOUT, server.kill)
    too_late.start()
    output = ""
    assert server.stdout is not None
    for line in server.stdout:
        output += line
        if found := re.search(r"S3 Endpoint: +http://(\S+)", line):
            too_late.cancel()
            return found[1]
    raise RuntimeError(f"the object store did not start; its output:\n{output}")


def free_ports(count: int) -> list[int]:
    """Return unused ports of the loopback interface."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
