"""Transfers with other HTTP clients. Each client does what the documentation of its library recommends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Transfer = Callable[[], Any]

#: How many bytes of a download are written at once, where the library lets the caller choose.
BLOCK = 1024 * 1024
FIELDS = {"data": '{"filename": "data.csv"}'}


def with_requests(kind: str, url: str, path: Path) -> Transfer:
    import requests

    def transfer() -> None:
        if kind == "download":
            with requests.get(url, stream=True, timeout=600) as response, path.open("wb") as file:
                for block in response.iter_content(BLOCK):
                    file.write(block)
            return
        with path.open("rb") as file:
            body: dict[str, Any] = {"data": file}
            if kind == "form":
                body = {"data": FIELDS, "files": {"file": file}}
            requests.post(url, timeout=600, **body).raise_for_status()

    return transfer


def with_toolbelt(_kind: str, url: str, path: Path) -> Transfer:
    import requests
    from requests_toolbelt import MultipartEncoder

    def transfer() -> None:
        with path.open("rb") as file:
            form = MultipartEncoder({**FIELDS, "file": (path.name, file, "application/octet-stream")})
            headers = {"Content-Type": form.content_type}
            requests.post(url, data=form, headers=headers, timeout=600).raise_for_status()

    return transfer


def with_httpx(kind: str, url: str, path: Path) -> Transfer:
    import httpx

    def transfer() -> None:
        if kind == "download":
            with httpx.stream("GET", url, timeout=600) as response, path.open("wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
            return
        with path.open("rb") as file:
            if kind == "form":
                response = httpx.post(url, data=FIELDS, files={"file": file}, timeout=600)
            else:
                headers = {"Content-Length": str(path.stat().st_size)}
                response = httpx.post(url, content=file, headers=headers, timeout=600)
            response.raise_for_status()

    return transfer


def with_aiohttp(kind: str, url: str, path: Path) -> Transfer:
    import aiohttp

    async def upload(session: aiohttp.ClientSession) -> None:
        with path.open("rb") as file:
            body: Any = file
            if kind == "form":
                body = aiohttp.FormData(FIELDS)
                body.add_field("file", file, filename=path.name)
            async with session.post(url, data=body) as response:
                response.raise_for_status()

    async def download(session: aiohttp.ClientSession) -> None:
        async with session.get(url) as response:
            with path.open("wb") as file:
                async for block in response.content.iter_chunked(BLOCK):
                    file.write(block)

    async def main() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session:
            await (download if kind == "download" else upload)(session)

    return lambda: asyncio.run(main())
