"""The two platforms as an ordinary connection gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.platforms.quantemplate import QuantemplateApi
from airflow_provider_dataops.platforms.settings import ConnectionFields
from airflow_provider_dataops.platforms.tamr import TamrApi

if TYPE_CHECKING:
    from collections.abc import Callable


def quantemplate(clock: Callable[[], float] = lambda: 0.0, **fields: Any) -> QuantemplateApi:
    given: dict[str, Any] = {"login": "client", "password": "s3cret-of-client", "extra": {}, **fields}
    given["extra"] = {"organisation_id": "c-1", **given["extra"]}
    api = QuantemplateApi.from_fields(ConnectionFields(conn_id="qt", **given))
    api._clock = clock
    return api


def tamr(**fields: Any) -> TamrApi:
    given: dict[str, Any] = {"host": "my-tenant", "password": "apk_s3cret", **fields}
    return TamrApi.from_fields(ConnectionFields(conn_id="tm", **given))
