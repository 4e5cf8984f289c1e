"""Which modules Airflow loads when it reads the provider info or a DAG file."""

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
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(json.loads(output.splitlines()[-1]))


def modules(*kinds: str) -> str:
    info = get_provider_info()
    return ", ".join(module for kind in kinds for entry in info[kind] for module in entry["python-modules"])


def test_the_provider_info_loads_only_the_forms_of_the_platforms() -> None:
    loaded = loaded_by(f"from {OURS}.provider_info import get_provider_info; get_provider_info()")
    forms = {f"{OURS}.platforms.{name}{part}" for name in PLATFORMS for part in ("", ".form")}
    # Airflow is not fully initialised at this moment. So no module of Airflow may be loaded either.
    assert {m for m in loaded if m.partition(".")[0] not in sys.stdlib_module_names} == {
        OURS,
        f"{OURS}.platforms",
        f"{OURS}.provider_info",
        *forms,
    }


def test_a_dag_file_loads_no_module_that_only_a_running_task_needs() -> None:
    loaded = loaded_by(f"import airflow.sdk, {modules('operators', 'sensors')}, {OURS}.task_groups")
    assert f"{OURS}.operators.tamr" in loaded
    assert not {
        m for m in loaded if m.partition(".")[0] in HTTP_LIBRARIES or m.startswith("airflow.triggers")
    }
    # Only a running task loads modules that send HTTP requests.
    assert not {m for m in loaded if m.startswith((f"{OURS}.transport", f"{OURS}.hooks", f"{OURS}.triggers"))}
    assert not loaded & {f"{OURS}.core.api", f"{OURS}.core.http"}
    parts = {m.split(".")[3] for m in loaded if m.startswith(f"{OURS}.platforms.") and m.count(".") > 2}
    assert not parts & {"api", "model", "runs"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_loads_only_the_standard_library_and_msgspec(platform: str) -> None:
    parts = ", ".join(f"{OURS}.platforms.{platform}.{part}" for part in ("api", "model", "runs"))
    loaded = {m.partition(".")[0] for m in loaded_by(f"import {parts}")}
    # msgspec comes with Airflow itself, and brings typing_extensions.
    assert loaded <= sys.stdlib_module_names | {OURS, "msgspec", "typing_extensions"}
