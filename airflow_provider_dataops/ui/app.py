"""The web app of the page: its files, and the data that its script requests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep  # noqa: TC002 - FastAPI reads it at run time
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.providers.common.compat.sdk import conf
from fastapi import Depends, FastAPI, Query
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

import airflow_provider_dataops
from airflow_provider_dataops.ui.query import MOST_ENDED, MOST_WAITING, kept_tasks
from airflow_provider_dataops.ui.view import Choice, Patience, Reading, answer

STATIC = Path(__file__).parent / "static"
#: The number of rows in a response unless the request asks for more.
ROWS = 200

_Text = Annotated[str | None, Query(max_length=1000)]


def create_app() -> FastAPI:
    """Return the app, which Airflow's API server mounts."""
    app = FastAPI(title="Remote runs", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_api_route("/", page, response_class=HTMLResponse)
    may_read_tasks = Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))
    app.add_api_route("/api/runs", runs, dependencies=[may_read_tasks])
    return app


def page() -> HTMLResponse:
    """Return the page without Airflow's menu. It contains no data, so everybody may read it."""
    html = (
        (STATIC / "index.html")
        .read_text(encoding="utf-8")
        .replace("{version}", airflow_provider_dataops.__version__)
    )
    return HTMLResponse(html, headers={"Cache-Control": "no-cache"})


def runs(
    session: SessionDep,
    user: GetUserDep,
    platform: _Text = None,
    dag_id: _Text = None,
    run_id: _Text = None,
    task_id: _Text = None,
    state: _Text = None,
    mode: _Text = None,
    waiting: bool = False,
    limit: Annotated[int, Query(ge=1, le=MOST_WAITING + MOST_ENDED)] = ROWS,
) -> JSONResponse:
    """Return the remote runs that tasks wait for or that have ended lately, in DAGs that the user may read.

    :param waiting: leave out the tasks that have ended.
    :param limit: the largest number of rows.
    """
    # Airflow's own dependencies for this work only in Airflow's app, and not in an app that it mounts.
    auth_manager, now = get_auth_manager(), datetime.now(tz=UTC)
    tasks, is_complete = kept_tasks(
        session,
        auth_manager.get_authorized_dag_ids(user=user, method="GET"),
        now,
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        waiting_only=waiting,
    )
    reading = Reading(tasks=tasks, now=now.timestamp(), is_complete=is_complete, patience=patience())
    # Logs contain the texts of errors, and Airflow has a permission of its own for logs.
    may_read_logs = auth_manager.is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.TASK_LOGS, user=user
    )
    choice = Choice(platform=platform, state=state, mode=mode)
    content = answer(reading, choice, limit=limit, shows_errors=may_read_logs)
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def patience() -> Patience:
    """Return for how many seconds without a heartbeat this Airflow treats a process as alive."""
    return Patience(
        triggerer=conf.getfloat("triggerer", "triggerer_health_check_threshold", fallback=Patience.triggerer),
        worker=conf.getfloat("scheduler", "task_instance_heartbeat_timeout", fallback=Patience.worker),
    )
