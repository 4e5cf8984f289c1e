"""A DAG whose structured arguments are in JSON files runs on the sandbox. Other paths stay paths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dataops_sandbox import Sandbox

DAG = """
import sys
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow_provider_dataops.operators.tamr import TamrCreateJobOperator
from airflow_provider_dataops.operators.trac import (
    TracCreateObjectOperator, TracDownloadFileOperator, TracUploadFileOperator,
)

FOLDER = {folder!r}

with DAG("files") as dag:
    TamrCreateJobOperator(task_id="load", configuration="jobs/load.json", deferrable=True)
    TamrCreateJobOperator.partial(task_id="each").expand(configuration=["jobs/a.json", "jobs/b.json"])
    TracCreateObjectOperator(
        task_id="custom", object_type="CUSTOM", definition="checkpoint.json", attrs={{"file": "x.json"}}
    )
    stored = TracUploadFileOperator(task_id="store", source=f"{{FOLDER}}/claims.json", attrs="attrs.json")
    TracDownloadFileOperator(
        task_id="fetch", selector=stored.output["key"], destination=f"{{FOLDER}}/fetched.json"
    )

if __name__ == "__main__":
    bag = DagBag(FOLDER + "/dags")
    assert bag.import_errors == {{}}, bag.import_errors
    sys.exit(bag.dags["files"].test().state != "success")
"""
CHECKPOINT = {
    "custom": {"customSchemaType": "acme_checkpoint", "customSchemaVersion": 1, "customData": "e30="}
}


def job(source: str) -> str:
    return json.dumps({"load": {"sourceId": source}})


def test_a_dag_reads_its_definitions_from_files(tmp_path: Path, dataops_sandbox: Sandbox) -> None:
    dags = tmp_path / "dags"
    files = {
        "files.py": DAG.format(folder=str(tmp_path)),
        "jobs/load.json": job("{{ params.source if params.source is defined else 'src_orders' }}"),
        "jobs/a.json": job("src_customers"),
        "jobs/b.json": job("src_suppliers"),
        "checkpoint.json": json.dumps(CHECKPOINT),
        "attrs.json": '{"region": "UK"}',
        "claims.json": "the template of this name is not the file to upload",
    }
    for name, text in files.items():
        path = dags / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "claims.json").write_text('{"claims": 1}', encoding="utf-8")
    dataops_sandbox.tamr.script(duration=0)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        **{
            f"AIRFLOW_CONN_{name.upper()}_DEFAULT": json.dumps(dataops_sandbox.connection(name))
            for name in ("tamr", "trac")
        },
    }

    for command in (["-m", "airflow", "db", "migrate"], [str(dags / "files.py")]):
        done = subprocess.run(
            [sys.executable, *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr

    created = dataops_sandbox.journal.of("tamr", "create job")
    sources = [entry.json()["configuration"]["load"]["sourceId"] for entry in created]
    assert sorted(sources) == ["src_customers", "src_orders", "src_suppliers"]
    assert (tmp_path / "fetched.json").read_text(encoding="utf-8") == '{"claims": 1}'
