"""The clients of the benchmark, and which of them can run here."""

from __future__ import annotations

import importlib.util
import shutil
from typing import NamedTuple

from benchmarks.files import ours, peers

KINDS = ("raw", "form", "download")


class Client(NamedTuple):
    """An HTTP client.

    :param package: what must be installed: a Python package, or a program.
    :param kinds: the transfers that the client can do.
    """

    name: str
    package: str
    kinds: tuple[str, ...] = KINDS


OURS = Client("ours", "airflow_provider_dataops")
CURL = Client("curl", "curl")
CLIENTS = (
    OURS,
    Client("requests", "requests"),
    Client("requests-toolbelt", "requests_toolbelt", ("form",)),
    Client("httpx", "httpx"),
    Client("aiohttp", "aiohttp"),
    CURL,
)
NAMES = tuple(client.name for client in CLIENTS)
#: What makes the transfer of a Python client.
MAKERS = {
    "ours": ours.with_hook,
    "requests": peers.with_requests,
    "requests-toolbelt": peers.with_toolbelt,
    "httpx": peers.with_httpx,
    "aiohttp": peers.with_aiohttp,
}


def is_installed(client: Client) -> bool:
    """Return whether the client can run here."""
    if client == CURL:
        return shutil.which(client.package) is not None
    return importlib.util.find_spec(client.package) is not None
