"""The Mill hook."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.hooks.base import DataOpsHook, blocking
from airflow_provider_dataops.platforms.mill.api import MillApi


class MillHook(DataOpsHook[MillApi]):
    """Calls the Mill API. Each method waits for the response.

    :param mill_conn_id: the Airflow connection, of type ``mill``.
    """

    conn_name_attr = "mill_conn_id"
    default_conn_name = "mill_default"
    conn_type = "mill"
    hook_name = "Mill"

    api_class = MillApi

    def __init__(self, mill_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(mill_conn_id, **options)

    run_recipe = blocking(MillApi.run_recipe)
    get_batch = blocking(MillApi.get_batch)
    list_batches = blocking(MillApi.list_batches)
    cancel_batch = blocking(MillApi.cancel_batch)
