"""How an answer reaches the client, or fails to."""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING

from aiohttp import web

from dataops_sandbox.content import CHUNK, Content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox.messages import Answer

_PADDING = b" " * CHUNK


def reset_connection(request: web.Request) -> web.StreamResponse:
    """End the connection by a TCP RST, as a crashed server or a firewall does.

    :return: what aiohttp wants from a handler; it never leaves
    """
    transport = request.transport
    if transport is not None:
        # Linger for no time: close() then discards what is unsent and resets instead of finishing.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
    return web.Response()


def drop_connection(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _headers(answer: Answer, date: str) -> dict[str, str]:
    kind = {"Content-Type": answer.content_type} if answer.content_type else {}
    return {**kind, "Date": date, **answer.headers}


def _begin(answer: Answer, date: str) -> web.StreamResponse:
    return web.StreamResponse(status=answer.status, reason=answer.reason, headers=_headers(answer, date))


def _chunks(body: bytes | Content) -> Iterator[bytes]:
    if isinstance(body, Content):
        yield from body.chunks()
    else:
        yield body


async def send(request: web.Request, answer: Answer, date: str) -> web.StreamResponse:
    """Send an answer; a long body goes piece by piece, with its length told beforehand."""
    if isinstance(answer.body, bytes):
        return web.Response(
            status=answer.status, reason=answer.reason, body=answer.body, headers=_headers(answer, date)
        )
    response = _begin(answer, date)
    response.content_length = answer.size
    await response.prepare(request)
    for chunk in answer.body.chunks():
        await response.write(chunk)
    await response.write_eof()
    return response


async def send_truncated(
    request: web.Request, answer: Answer, date: str, sent: int | None
) -> web.StreamResponse:
    """Promise the whole body, send the first ``sent`` bytes (``None``: half of it), and hang up."""
    response = _begin(answer, date)
    # Something must be missing, even from an answer without a body.
    response.content_length = max(answer.size, 1)
    left = min(answer.size // 2 if sent is None else sent, response.content_length - 1)
    await response.prepare(request)
    for chunk in _chunks(answer.body):
        if left <= 0:
            break
        await response.write(chunk[:left])
        left -= len(chunk)
    drop_connection(request)
    return response


async def send_huge(
    request: web.Request, status: int, content_type: str, size: int | None, date: str
) -> web.StreamResponse:
    """Send blanks: ``size`` of them with a Content-Length, or (``None``) for as long as somebody reads."""
    response = web.StreamResponse(status=status, headers={"Content-Type": content_type, "Date": date})
    response.content_length = size
    if size is None:
        response.enable_chunked_encoding()
    await response.prepare(request)
    left = size
    while left is None or left > 0:
        await response.write(_PADDING if left is None else _PADDING[:left])
        left = None if left is None else left - len(_PADDING)
    await response.write_eof()
    return response


def as_plain_headers(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...]:
    """Give headers as they came over the wire, in their order and spelling."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


def json_answer(payload: object, status: int = 200) -> web.Response:
    """Answer a control request."""
    return web.Response(status=status, text=json.dumps(payload) + "\n", content_type="application/json")
