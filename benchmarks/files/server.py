"""A server that reads and drops every upload, and generates the content of every download."""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import threading
from contextlib import suppress

MIB = 1024 * 1024
#: The response to an upload. The token is for the hooks, which log in.
ACCEPTED = json.dumps({"access_token": "t" * 40, "expires_in": 3600}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"


def read_head(connection: socket.socket) -> tuple[bytes, int]:
    """Return the head of a request in lower case, and how many bytes of the body were read with it."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (data := connection.recv(65_536)):
            raise ConnectionError("the client closed the connection")
        head += data
    text, _, body = head.partition(b"\r\n\r\n")
    return text.lower(), len(body)


def receive(connection: socket.socket, head: bytes, received: int) -> None:
    """Read the body of an upload, and respond."""
    buffer = bytearray(MIB)
    if b"expect: 100-continue" in head:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if b"content-length:" in head:
        size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while received < size:
            if not (got := connection.recv_into(buffer)):
                return
            received += got
    else:
        end = b""
        while not end.endswith(b"0\r\n\r\n"):
            got = connection.recv_into(buffer)
            end = (end + bytes(buffer[max(0, got - 5) : got]))[-5:]
    connection.sendall(HEAD % (b"application/json", len(ACCEPTED)) + ACCEPTED)


def deliver(connection: socket.socket, mebibytes: int) -> None:
    """Send a download."""
    block = os.urandom(MIB)
    connection.sendall(HEAD % (b"text/csv", mebibytes * MIB))
    for _ in range(mebibytes):
        connection.sendall(block)


def handle(connection: socket.socket, tls: ssl.SSLContext | None, mebibytes: int) -> None:
    """Serve one connection, with one request."""
    with suppress(OSError), connection:
        served = tls.wrap_socket(connection, server_side=True) if tls else connection
        head, received = read_head(served)
        if head.startswith(b"get "):
            deliver(served, mebibytes)
        else:
            receive(served, head, received)
        if isinstance(served, ssl.SSLSocket):
            served.unwrap()
        served.close()


def main() -> None:
    """Print the port, and serve until the process is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mebibytes", type=int, required=True, help="the size of a download")
    parser.add_argument("--certificate", help="a file with certificate and key; without it, HTTP without TLS")
    arguments = parser.parse_args()
    tls = None
    if arguments.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments.certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection, tls, arguments.mebibytes), daemon=True).start()


if __name__ == "__main__":
    main()
