"""Transfers with the hooks of this package."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.files.peers import Transfer


def _connect(platform: str, host: str, **extra: str) -> None:
    connection = {"conn_type": platform, "host": host, "login": "user", "password": "password-1"}
    os.environ[f"AIRFLOW_CONN_{platform.upper()}_DEFAULT"] = json.dumps({**connection, "extra": extra})


def with_hook(kind: str, url: str, path: Path) -> Transfer:
    """Return a transfer with the Quantemplate hook, or of a form with the Toucan hook."""
    hook: Any
    if kind == "form":
        _connect("toucan", url, auth_type="basic", small_app="app")
        from airflow_provider_dataops.hooks.toucan import ToucanHook

        hook = ToucanHook()
        hook.driver  # noqa: B018 - the first use reads the connection
        return lambda: hook.upload_data_source(source=str(path))
    _connect("quantemplate", url, auth_url=f"{url}/auth/token", organisation_id="c-1")
    from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook

    hook = QuantemplateHook()
    hook.run(hook.api.login())
    if kind == "download":
        return lambda: hook.download_dataset(dataset_id="d-1", destination=str(path))
    return lambda: hook.upload_dataset(source=str(path), dataset_id="d-1")
