"""Who may read what over HTTP: with Airflow's own auth manager, its teams, and its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.app import _AuthManagerState
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.team import Team
from fastapi.testclient import TestClient
from jwt import InvalidTokenError
from sqlalchemy.orm import Session, sessionmaker

import airflow_provider_dataops
from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.lifecycle.published import PROGRESS_KEY, WATCH_KEY
from airflow_provider_dataops.ui import app as module
from airflow_provider_dataops.ui.app import create_app, patience
from tests.kept_tasks import KeptTasks
from tests.kept_values import NOW, progress, record, watch

if TYPE_CHECKING:
    import sqlalchemy as sa

STATIC = Path(module.__file__).parent / "static"
USERS = {
    name: SimpleAuthManagerUser(username=name, role=role, teams=teams)
    for name, role, teams in (
        ("ann", "admin", None),
        ("tim", "viewer", ["loaders"]),
        ("eve", "viewer", ["another team"]),
        ("no role", None, ["loaders"]),
        ("no tasks", "viewer", ["loaders"]),
        ("no logs", "viewer", ["loaders"]),
    )
}
#: What two of the users may not read, as with roles of Airflow's FAB auth manager.
FORBIDDEN = {"no tasks": DagAccessEntity.TASK_INSTANCE, "no logs": DagAccessEntity.TASK_LOGS}


class AuthManager(SimpleAuthManager):
    """Airflow's auth manager; the token of a user is the name."""

    async def get_user_from_token(self, token: str) -> SimpleAuthManagerUser:
        if token not in USERS:
            raise InvalidTokenError
        return USERS[token]

    def is_authorized_dag(self, *, user: SimpleAuthManagerUser, **request: Any) -> bool:
        entity = request.get("access_entity")
        if entity and FORBIDDEN.get(user.username) == entity:
            return False
        return super().is_authorized_dag(user=user, **request)


@pytest.fixture
def client(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Return a client of the app. Each of two teams has one DAG with one task."""
    monkeypatch.setattr(_AuthManagerState, "instance", AuthManager())  # type: ignore[no-untyped-call]
    sessions = sessionmaker(database, expire_on_commit=False)
    monkeypatch.setattr("airflow.settings.Session", sessions)
    monkeypatch.setattr("airflow.settings.NonScopedSession", sessions)
    with Session(database) as session:
        for dag_id, team in (("loads", "loaders"), ("reports", "reporters")):
            bundle = DagBundleModel(name=f"bundle of {dag_id}")
            bundle.teams = [Team(name=team)]
            session.add(bundle)
            session.flush()
            session.add(DagModel(dag_id=dag_id, bundle_name=bundle.name, fileloc="f.py"))
        session.commit()
    kept = KeptTasks()
    for dag_id in ("loads", "reports"):
        failing = progress(error="503 from the mill", failing_since=NOW.timestamp())
        kept.task(
            "work",
            dag_id=dag_id,
            stored={WATCH_KEY: watch(run_id=f"run of {dag_id}"), KEY: record()},
            xcoms={PROGRESS_KEY: failing},
        )
    with database.connect() as connection:
        kept.insert(connection)
    return TestClient(create_app())


def get(client: TestClient, user: str, **params: Any) -> Any:
    return client.get("/api/runs", params=params, headers={"Authorization": f"Bearer {user}"})


def dags(response: Any) -> set[str]:
    assert response.status_code == 200, response.text
    return {row["dag_id"] for row in response.json()["rows"]}


def test_nobody_reads_runs_without_a_login(client: TestClient) -> None:
    assert client.get("/api/runs").status_code == 401
    assert get(client, "a forged token").status_code == 403


def test_an_admin_reads_the_runs_of_all_dags(client: TestClient) -> None:
    assert dags(get(client, "ann")) == {"loads", "reports"}


def test_a_user_reads_only_the_runs_of_the_own_dags(client: TestClient) -> None:
    response = get(client, "tim")
    assert dags(response) == {"loads"}
    assert response.json()["total"] == 1
    # Not even the list of the filter names another DAG.
    assert "reports" not in response.text
    assert dags(get(client, "eve")) == set()


def test_asking_for_another_dag_does_not_help(client: TestClient) -> None:
    assert get(client, "tim", dag_id="reports").status_code == 403
    for way in ({"dag_id": "~"}, {"run_id": "monday"}, {"task_id": "work"}):
        assert "reports" not in get(client, "tim", **way).text


@pytest.mark.parametrize("user", ["no role", "no tasks"])
def test_a_role_that_may_not_read_task_instances_reads_nothing(client: TestClient, user: str) -> None:
    response = get(client, user)
    assert response.status_code == 403
    assert "loads" not in response.text


def test_only_a_role_that_may_read_logs_reads_the_texts_of_errors(client: TestClient) -> None:
    assert "503 from the mill" in get(client, "tim").text
    response = get(client, "no logs")
    assert dags(response) == {"loads"}
    assert "503" not in response.text


def test_the_response_contains_no_token_no_mark_and_no_fingerprint(client: TestClient) -> None:
    response = get(client, "ann")
    assert "run of loads" in response.text
    for secret in (
        "the-token",
        "the-mark",
        "the-fingerprint",
        "the-scope",
        "baseline",
        "fingerprint",
        "token",
    ):
        assert secret not in response.text


def test_no_cache_keeps_the_runs(client: TestClient) -> None:
    assert get(client, "ann").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 5000}, {"waiting": "perhaps"}, {"state": "x" * 1001}]
)
def test_a_wrong_parameter_is_an_error(client: TestClient, params: dict[str, Any]) -> None:
    assert get(client, "ann", **params).status_code == 422


def test_the_filters_reach_the_rows(client: TestClient) -> None:
    assert dags(get(client, "ann", dag_id="loads", run_id="monday", task_id="work")) == {"loads"}
    assert dags(get(client, "ann", platform="mill", state="running", mode="deferred", waiting=True)) != set()
    for other in ({"platform": "kiln"}, {"state": "none"}, {"mode": "worker"}, {"task_id": "other"}):
        assert dags(get(client, "ann", **other)) == set()
    assert len(get(client, "ann", limit=1).json()["rows"]) == 1


def test_the_page_and_its_files_need_no_login_and_name_the_version(client: TestClient) -> None:
    version = airflow_provider_dataops.__version__
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert f"static/page.js?v={version}" in page.text
    assert "{version}" not in page.text
    for file in STATIC.iterdir():
        assert client.get(f"/static/{file.name}?v={version}").content == file.read_bytes()


def test_nothing_but_the_page_is_served(client: TestClient) -> None:
    for path in ("/docs", "/openapi.json", "/static/../app.py", "/static/%2e%2e/app.py", "/api"):
        assert client.get(path).status_code == 404


def test_a_script_loads_the_files_of_its_own_version() -> None:
    """A browser may have another version of a file in its cache."""
    for script in STATIC.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert "import {" not in text
        assert text.count("import.meta.url") >= 1


def test_the_patience_is_the_one_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD", "77")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "88")
    assert (patience().triggerer, patience().worker) == (77.0, 88.0)
