"""Airflow's plugin with the page "Remote runs".

Every process of Airflow imports this module, each worker too. So it imports nothing that they do not have.
Only the API server reads the two lists of the plugin, and only then the modules of the page are imported.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowPlugin, conf

import airflow_provider_dataops

#: The name of the page. The script of the page defines a global of this name.
NAME = "Remote runs"
#: The path of the page, below the path of ``[api] base_url``.
PREFIX = "/dataops_runs"

log = logging.getLogger(__name__)


@cache
def lists() -> dict[str, list[dict[str, Any]]]:
    """Return the app of the page and its places in the UI, by the names of the plugin's lists.

    This raises no error, because Airflow's API server would not start then. If the page cannot be made, the
    lists are empty, and the log says why.
    """
    try:
        return _lists()
    except Exception:
        log.exception("Airflow's UI does not contain the page %r, because it could not be made", NAME)
        return {"fastapi_apps": [], "react_apps": []}


def _lists() -> dict[str, list[dict[str, Any]]]:
    from airflow_provider_dataops.adapters.configuration import has_remote_runs_page

    # Airflow before 3.3 has no task state store, which the page reads.
    if not (is_new_enough(airflow_version) and has_remote_runs_page()):
        return {"fastapi_apps": [], "react_apps": []}
    from airflow_provider_dataops.ui.app import create_app

    app = {"app": create_app(), "url_prefix": PREFIX, "name": NAME}
    return {"fastapi_apps": [app], "react_apps": places(conf.get("api", "base_url", fallback=""))}


def is_new_enough(version: str) -> bool:
    """Return whether this version of Airflow has the task state store."""
    return [int(number) for number in re.findall(r"\d+", version)[:2]] >= [3, 3]


def places(base_url: str) -> list[dict[str, Any]]:
    """Return where the UI shows the page: in the menu "Browse", and as a tab of each DAG run.

    :param base_url: Airflow's option ``[api] base_url``. The URLs of the page begin with its path.
    """
    static = f"{urlsplit(base_url).path.rstrip('/')}{PREFIX}/static"
    page = {
        "name": NAME,
        # Airflow sends no Cache-Control. Without the version, a browser may use the script of an old release.
        "bundle_url": f"{static}/remote-runs.js?v={airflow_provider_dataops.__version__}",
        "icon": f"{static}/icon.svg",
        "icon_dark_mode": f"{static}/icon-dark.svg",
    }
    # Airflow shows only one of two entries with the same route.
    return [
        {**page, "url_route": "remote-runs", "destination": "nav", "category": "browse"},
        {**page, "url_route": "remote-runs-run", "destination": "dag_run"},
    ]


class _Lazy:
    """A list of the plugin that is made when it is read. It works for the class and for its instances."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        return lists()[self.name]


class RemoteRunsPlugin(AirflowPlugin):
    """The page "Remote runs"."""

    name = "dataops_runs"
    fastapi_apps = _Lazy()
    react_apps = _Lazy()
