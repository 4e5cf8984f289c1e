"""Runs TRAC's own job runtime without a platform: it really imports models and runs them.

    python = install("0.9.3")
    runtime = TracRuntime(python, "0.9.3", home=tmp / "trac", models=Path("models"))
    job = runtime.run({"job": {"jobType": "IMPORT_MODEL", "importModel": {...}}})
    assert job.status == "SUCCEEDED"

On a platform, the orchestrator passes each job to this runtime, with the definitions of all objects that the
job uses. Then the orchestrator writes the results to the metadata store. `TracRuntime` passes jobs to
the runtime in the same way, and keeps the results itself. It does not validate jobs as the platform does, and
it stores no tags.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.trac.inside import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODEL_REPOSITORY = "acme_models"
"""Name that jobs use for the model repository."""

_HERE = Path(__file__).resolve().parent
_INSIDE = _HERE / "inside.py"
_CACHE = _HERE.parent.parent / "build" / "trac"
_STORAGE = "trac_results"
_INSTALL_TIMEOUT = 600.0
_JOB_TIMEOUT = 120.0
# pip prints this if it cannot reach the package index, or if the index does not have the release.
_PIP_NOT_FOUND = "No matching distribution found"


class RuntimeUnavailableError(RuntimeError):
    """pip cannot reach the package index, or the index does not have this runtime."""


class RequestRefusedError(ValueError):
    """The job is not a message that TRAC declares; a gateway would respond with status code 400."""


def versions() -> list[str]:
    """Return the runtimes that can be installed, oldest first."""
    found = [path.stem.removeprefix("runtime-") for path in _HERE.glob("runtime-*.txt")]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def install(version: str, cache: Path = _CACHE) -> Path:
    """Return the Python of a runtime's virtual environment; install the runtime first if necessary.

    :param version: one of `versions()`.
    :raises RuntimeUnavailableError: pip cannot find the runtime.
    :raises subprocess.CalledProcessError: pip has failed for another reason.
    """
    requirements = _HERE / f"runtime-{version}.txt"
    home = cache / f"runtime-{version}"
    python = home / "bin" / "python"
    # This file is a copy of the requirements and is written last. If it is missing or differs, install again.
    ready = home / ".ready"
    if ready.exists() and ready.read_bytes() == requirements.read_bytes():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True, timeout=_INSTALL_TIMEOUT)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
    done = subprocess.run(
        [*pip, "install", "--retries", "1", "--only-binary", ":all:", "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_TIMEOUT,
    )
    if _PIP_NOT_FOUND in done.stderr:
        raise RuntimeUnavailableError(f"tracdap-runtime {version}: {done.stderr.strip().splitlines()[-1]}")
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, "pip install", done.stdout, done.stderr)
    shutil.copyfile(requirements, ready)
    return python


@dataclass(frozen=True, kw_only=True)
class FinishedJob:
    """The runtime's report about a finished job."""

    status: str
    """`SUCCEEDED` or `FAILED`."""
    message: str
    """Why the job failed; empty if it succeeded."""
    model: dict[str, Any] | None
    """Selector of the imported model; `None` if the job imported none."""
    outputs: dict[str, dict[str, Any]]
    """Selectors of the outputs, by name."""
    log: str
    """Everything that the runtime printed."""


class TracRuntime:
    """Runs jobs one after the other, and remembers the objects that they create.

    :param python: return value of `install`.
    :param home: a folder for all files of this object; it must be empty or not exist.
    :param models: folder with the models; it becomes the repository `MODEL_REPOSITORY`.
    """

    def __init__(self, python: Path, version: str, *, home: Path, models: Path) -> None:
        self.version = version
        self._python = python
        self._home = home.resolve()
        self._objects: dict[str, Any] = {}
        self._headers: dict[str, Any] = {}
        self._storage = self._home / "storage"
        self._storage.mkdir(parents=True)
        # Copy the models, because Python writes its compiled files next to them.
        repository = shutil.copytree(models, self._home / "models")
        self._system = self._home / "system.json"
        self._system.write_text(
            json.dumps(
                {
                    "properties": {"storage.default.location": _STORAGE, "storage.default.format": "CSV"},
                    "resources": {
                        MODEL_REPOSITORY: {
                            "resourceType": "MODEL_REPOSITORY",
                            "protocol": "local",
                            "properties": {"repoUrl": str(repository)},
                        },
                        _STORAGE: {
                            "resourceType": "INTERNAL_STORAGE",
                            "protocol": "LOCAL",
                            "properties": {"rootPath": str(self._storage)},
                        },
                    },
                }
            )
        )

    def run(self, request: Mapping[str, Any]) -> FinishedJob:
        """Run a job to its end.

        :param request: body of a submit-job call. Its `jobAttrs` do not reach the runtime: the orchestrator
            handles them. Selectors must select objects of earlier jobs or of `define`.
        :raises RequestRefusedError: the request is not a message that TRAC declares.
        :raises RuntimeError: the runtime has ended without a result.
        """
        job = _new_header("JOB")
        result_file = f"result-{job['objectId']}.json"
        job_config = self._home / f"job-{job['objectId']}.json"
        job_config.write_text(
            json.dumps(
                {
                    "jobId": job,
                    "resultId": _new_header("RESULT"),
                    "job": request["job"],
                    "objects": self._objects,
                    "objectMapping": self._headers,
                    "properties": {
                        "result.enabled": "true",
                        "result.logs.enabled": "true",
                        "result.storage.location": _STORAGE,
                        "result.storage.path": result_file,
                        "result.format": "JSON",
                    },
                }
            )
        )
        scratch = self._home / f"scratch-{job['objectId']}"
        scratch.mkdir()
        arguments = ["--sys-config", str(self._system), "--scratch-dir", str(scratch)]
        done = subprocess.run(
            [str(self._python), str(_INSIDE), "run", str(job_config), *arguments],
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
            timeout=_JOB_TIMEOUT,
        )
        if done.returncode == REFUSED:
            raise RequestRefusedError(done.stderr.strip())
        log = done.stdout + done.stderr
        result = self._storage / result_file
        if not result.exists():
            raise RuntimeError(
                f"TRAC's runtime {self.version} ended without a result (exit status {done.returncode}); "
                f"its log ends:\n{log[-3000:]}"
            )
        return self._finished(json.loads(result.read_text()), log)

    def errors(self, messages: Sequence[tuple[str, Any]]) -> list[str]:
        """Check messages against TRAC's declarations, and return what is wrong with each.

        :param messages: names and JSON of messages of `tracdap.metadata`, such as `SearchParameters`,
            `TagSelector`, `TagUpdate`, `ObjectDefinition`, `JobDefinition`, `Tag` and `TagHeader`.
        :return: one string for each message, in the same order; empty if the message is valid.
        """
        done = subprocess.run(
            [str(self._python), str(_INSIDE), "check"],
            input=json.dumps(messages),
            capture_output=True,
            text=True,
            check=True,
            timeout=_JOB_TIMEOUT,
        )
        found: list[str] = json.loads(done.stdout)
        return found

    def define(self, object_type: str, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Add an object as if a client had created it, and return its selector."""
        return self._add_object(_new_header(object_type), definition)

    def definition(self, selector: Mapping[str, Any]) -> dict[str, Any]:
        """Return the definition of an object as the runtime wrote it, with null for each missing field."""
        definition: dict[str, Any] = self._objects[_key(selector)]
        return definition

    def rows(self, selector: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the rows of a dataset from TRAC's storage; all values are text."""
        data = self.definition(selector)["data"]
        storage = self.definition(self._headers[_latest_key(data["storageId"])])["storage"]
        item = storage["dataItems"][data["parts"]["part-root"]["snap"]["deltas"][-1]["dataItem"]]
        # Since 0.10, the stored copy is one file. Before 0.10, it was a folder with a file for each chunk.
        copy = self._storage / item["incarnations"][-1]["copies"][0]["storagePath"]
        rows: list[dict[str, str]] = []
        for part in sorted(copy.iterdir()) if copy.is_dir() else [copy]:
            with part.open(newline="") as file:
                rows.extend(csv.DictReader(file))
        return rows

    def _finished(self, report: dict[str, Any], log: str) -> FinishedJob:
        selectors = [
            self._add_object(header, report["objects"][_key(header)])
            for header in report["objectIds"]
            if _key(header) in report["objects"]
        ]
        result = report["result"]
        return FinishedJob(
            status=result["statusCode"],
            message=result["statusMessage"],
            model=next((selector for selector in selectors if selector["objectType"] == "MODEL"), None),
            outputs={name: _selector(header) for name, header in result["outputs"].items()},
            log=log,
        )

    def _add_object(self, header: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
        self._objects[_key(header)] = definition
        self._headers[_latest_key(header)] = header
        return _selector(header)


def _new_header(object_type: str) -> dict[str, Any]:
    now = {"isoDatetime": datetime.now(tz=UTC).isoformat()}
    return {
        "objectType": object_type,
        "objectId": str(uuid.uuid4()),
        "objectVersion": 1,
        "objectTimestamp": now,
        "tagVersion": 1,
        "tagTimestamp": now,
    }


def _selector(header: Mapping[str, Any]) -> dict[str, Any]:
    fixed = {name: header[name] for name in ("objectType", "objectId", "objectVersion")}
    return {**fixed, "latestTag": True}


def _key(header: Mapping[str, Any]) -> str:
    return f"{header['objectType']}-{header['objectId']}-v{header['objectVersion']}"


def _latest_key(header: Mapping[str, Any]) -> str:
    return f"{header['objectType']}-{header['objectId']}-latest"
