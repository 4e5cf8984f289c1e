"""The APIs of the platforms with an ordinary connection, and files in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.settings import ConnectionFields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tamr.api import TamrApi
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi
    from airflow_provider_dataops.platforms.trac.api import TracApi


def set_clock(api: Api, clock: Callable[[], float]) -> None:
    """Let the token of an API expire by another clock."""
    assert api.token is not None
    api.token._clock = clock


def quantemplate(clock: Callable[[], float] = lambda: 0.0, **fields: Any) -> QuantemplateApi:
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi

    given: dict[str, Any] = {"login": "client", "password": "s3cret-of-client", "extra": {}, **fields}
    given["extra"] = {"organisation_id": "c-1", **given["extra"]}
    api = QuantemplateApi.from_fields(ConnectionFields(conn_id="qt", **given))
    set_clock(api, clock)
    return api


def tamr(**fields: Any) -> TamrApi:
    from airflow_provider_dataops.platforms.tamr.api import TamrApi

    given: dict[str, Any] = {"host": "my-tenant", "password": "apk_s3cret", **fields}
    return TamrApi.from_fields(ConnectionFields(conn_id="tm", **given))


def toucan(**fields: Any) -> ToucanApi:
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi

    given: dict[str, Any] = {
        "host": "api-demo.toucantoco.com",
        "login": "user",
        "password": "p4ssword",
        "extra": {},
        **fields,
    }
    given["extra"] = {"small_app": "app", **given["extra"]}
    return ToucanApi.from_fields(ConnectionFields(conn_id="tt", **given))


def trac(clock: Callable[[], float] = lambda: 2e9, **fields: Any) -> TracApi:
    from airflow_provider_dataops.platforms.trac.api import TracApi

    given: dict[str, Any] = {"host": "http://trac:8080", "extra": {}, **fields}
    given["extra"] = {"tenant": "ACME_CORP", **given["extra"]}
    api = TracApi.from_fields(ConnectionFields(conn_id="tr", **given))
    api._clock = clock
    return api


def tailer(*, clock: Callable[[], float] = lambda: 0.0, **extra: Any) -> TailerApi:
    """Return the API of Tailer; without ``auth_type`` in ``extra``, it has a configured token."""
    from airflow_provider_dataops.platforms.tailer.api import TailerApi

    names = {"host", "login", "password"}
    given: dict[str, Any] = {
        "auth_type": "bearer",
        "api_token": "t0ken",
        "account": "000099",
        "environment": "DEV",
        **extra,
    }
    fields = {name: given.pop(name) for name in names & set(given)}
    api = TailerApi.from_fields(ConnectionFields(conn_id="tl", extra=given, **fields), now=lambda: 1.8e9)
    set_clock(api, clock)
    return api


@dataclass
class MemorySource:
    """A file to upload."""

    content: bytes
    name: str = "claims.csv"
    opened: list[BytesIO] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.content)

    def open(self) -> BytesIO:
        self.opened.append(BytesIO(self.content))
        return self.opened[-1]

    def has_changed(self) -> bool:
        return False


@dataclass
class MemorySink:
    """The destination of a download."""

    content: bytes = b""
    name: str = "claims.csv"
    begun: list[Mapping[str, str]] = field(default_factory=list)
    finished: bool = False

    def begin(self, headers: Mapping[str, str]) -> None:
        self.begun.append(headers)
        self.content = b""

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def finish(self) -> None:
        self.finished = True
