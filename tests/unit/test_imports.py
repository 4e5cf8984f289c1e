"""What is loaded by those who look at the package, read DAG files, or wait."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_provider_dataops.provider_info import get_provider_info
from airflow_provider_dataops.registry import PLATFORMS

HTTP_LIBRARIES = {"requests", "aiohttp", "urllib3"}
OURS = "airflow_provider_dataops"


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement loads in a fresh interpreter."""
    script = f"""
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(json.loads(told.splitlines()[-1]))


def modules(*kinds: str) -> str:
    info = get_provider_info()
    return ", ".join(module for kind in kinds for entry in info[kind] for module in entry["python-modules"])


def test_airflow_finds_the_package_by_a_literal() -> None:
    told = loaded_by(f"from {OURS}.provider_info import get_provider_info; get_provider_info()")
    forms = {f"{OURS}.platforms.{name}{part}" for name in PLATFORMS for part in ("", ".form")}
    # Airflow is half initialised when it asks, so that nothing of Airflow's may be loaded either.
    assert {m for m in told if m.partition(".")[0] not in sys.stdlib_module_names} == {
        OURS,
        f"{OURS}.platforms",
        f"{OURS}.provider_info",
        *forms,
    }


def test_dag_files_do_not_pay_for_what_runs_elsewhere() -> None:
    told = loaded_by(f"import airflow.sdk, {modules('operators', 'sensors')}")
    assert f"{OURS}.operators.tamr" in told
    assert not {m for m in told if m.partition(".")[0] in HTTP_LIBRARIES or m.startswith("airflow.triggers")}
    # Whatever speaks HTTP is loaded by a task, not by a file of them.
    assert not {m for m in told if m.startswith((f"{OURS}.transport", f"{OURS}.hooks", f"{OURS}.triggers"))}
    assert not told & {f"{OURS}.core.api", f"{OURS}.core.http"}
    assert not {m for m in told if m.endswith((".api", ".runs")) and m.startswith(f"{OURS}.platforms")}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_needs_the_standard_library_alone(platform: str) -> None:
    parts = ", ".join(f"{OURS}.platforms.{platform}.{part}" for part in ("api", "model", "runs"))
    told = {m.partition(".")[0] for m in loaded_by(f"import {parts}")}
    # msgspec comes with Airflow itself, and brings typing_extensions.
    assert told <= sys.stdlib_module_names | {OURS, "msgspec", "typing_extensions"}
