"""Sends a response to the client, or breaks the connection if a fault requires that."""

from __future__ import annotations

import socket
import struct
import sys
from itertools import repeat
from typing import TYPE_CHECKING

from aiohttp import web

from dataops_sandbox.content import CHUNK, Content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataops_sandbox.messages import Answer


def reset_connection(request: web.Request) -> web.StreamResponse:
    """Reset the connection with a TCP RST, as a crashed server or a firewall does.

    :return: a response, because aiohttp requires one from a handler; it is never sent
    """
    transport = request.transport
    if transport is not None:
        # With a linger time of 0 the socket discards unsent bytes and sends RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
    return web.Response()


def drop_connection(request: web.Request) -> web.StreamResponse:
    """Close the connection without a response.

    :return: a response, because aiohttp requires one from a handler; it is never sent
    """
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def send(request: web.Request, answer: Answer, date: str) -> web.StreamResponse:
    """Send a response with a Content-Length; send a long body in pieces."""
    if isinstance(answer.body, bytes):
        headers = _headers(answer, date)
        return web.Response(status=answer.status, reason=answer.reason, body=answer.body, headers=headers)
    return await _stream(request, answer, date, answer.size, answer.body.chunks(), answer.size)


async def send_truncated(
    request: web.Request, answer: Answer, date: str, sent: int | None
) -> web.StreamResponse:
    """Send the Content-Length of the whole body, but close the connection after ``sent`` bytes.

    :param sent: bytes to send; ``None``: half of the body
    """
    # If the body is empty, announce one byte: a truncated body must always be shorter than announced.
    length = max(answer.size, 1)
    most = min(answer.size // 2 if sent is None else sent, length - 1)
    chunks = answer.body.chunks() if isinstance(answer.body, Content) else [answer.body]
    response = await _stream(request, answer, date, length, chunks, most)
    drop_connection(request)
    return response


async def send_huge(request: web.Request, answer: Answer, date: str, size: int | None) -> web.StreamResponse:
    """Send a body of blanks.

    :param size: how many blanks; ``None``: without a Content-Length, send until the client disconnects
    """
    most = sys.maxsize if size is None else size
    return await _stream(request, answer, date, size, repeat(b" " * CHUNK), most)


def _headers(answer: Answer, date: str) -> dict[str, str]:
    kind = {"Content-Type": answer.content_type} if answer.content_type else {}
    return {**kind, "Date": date, **answer.headers}


async def _stream(
    request: web.Request, answer: Answer, date: str, length: int | None, chunks: Iterable[bytes], most: int
) -> web.StreamResponse:
    """Send status line, headers and the first ``most`` bytes of a body.

    :param length: the Content-Length; ``None``: use chunked encoding
    """
    headers = _headers(answer, date)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    response.content_length = length
    if length is None:
        response.enable_chunked_encoding()
    await response.prepare(request)
    for chunk in chunks:
        if most <= 0:
            break
        await response.write(chunk[:most])
        most -= len(chunk)
    await response.write_eof()
    return response
