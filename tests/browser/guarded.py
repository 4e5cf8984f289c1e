"""A second api-server on the database of the first one: with a login, users of teams, and a path prefix."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from devtools.airflow_stack import AirflowStack

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATH = "/airflow"
#: The users with their roles and teams. The password of a user is the name.
USERS = {"ann": "admin", "tim": "viewer:loaders"}
#: The team of each bundle, that is, of each folder of DAGs. Everybody may read the DAGs of no team.
TEAMS = {"1-dags": "others", "2-example_dags": "others", "3-dags_of_a_team": "loaders"}


def guarded(stack: AirflowStack) -> AirflowStack:
    """Return the second server. It is not started yet."""
    passwords = stack.home / "passwords.json"
    passwords.write_text(json.dumps({name: name for name in USERS}))
    env = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{user}:{role}" for user, role in USERS.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__MULTI_TEAM": "True",
        "AIRFLOW__CORE__FERNET_KEY": stack.env["AIRFLOW__CORE__FERNET_KEY"],
    }
    return AirflowStack(stack.home, stack.dags, env=env, services=["api-server"], path=PATH)


def assign_teams(stack: AirflowStack) -> None:
    """Store the teams of the bundles, as the DAG processor of an Airflow with teams does."""
    with closing(sqlite3.connect(stack.home / "airflow.db", timeout=60)) as database, database:
        database.executemany("INSERT INTO team (name) VALUES (?)", [(team,) for team in {*TEAMS.values()}])
        database.executemany(
            "INSERT INTO dag_bundle_team (dag_bundle_name, team_name) VALUES (?, ?)", TEAMS.items()
        )


def log_in(page: Page, user: str) -> None:
    """Fill in and send the form of the login."""
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(user)
    page.locator("button[type=submit]").click()
