"""TRAC's own job runtime, which really imports models and runs them, with no platform around it.

    python = install("0.9.3")
    runtime = TracRuntime(python, "0.9.3", home=tmp / "trac", models=Path("models"))
    job = runtime.run({"job": {"jobType": "IMPORT_MODEL", "importModel": {...}}})
    assert job.status == "SUCCEEDED"

On a platform the orchestrator hands each job to this runtime, with the definitions of all objects that the
job names, and writes to metadata what comes back. `TracRuntime` does this part of it and no more: it neither
validates jobs as the platform does nor keeps tags.
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
"""Name by which jobs find the models."""

_HERE = Path(__file__).resolve().parent
_INSIDE = _HERE / "inside.py"
_CACHE = _HERE.parent.parent / "build" / "trac"
_STORAGE = "trac_results"
_INSTALL_TIMEOUT = 600.0
_JOB_TIMEOUT = 120.0
# What pip says when an index cannot be reached, or does not have the release.
_NOT_TO_BE_HAD = "No matching distribution found"


class RuntimeUnavailableError(RuntimeError):
    """The package index cannot be reached, or has no such runtime."""


class RequestRefusedError(ValueError):
    """The job is not the message that TRAC declares; a gateway would have answered 400."""


def versions() -> list[str]:
    """Return the runtimes that can be installed, oldest first."""
    found = [path.stem.removeprefix("runtime-") for path in _HERE.glob("runtime-*.txt")]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def install(version: str, cache: Path = _CACHE) -> Path:
    """Install a runtime in a virtual environment of its own, if it is not there yet, and return its Python.

    :param version: one of `versions()`.
    :raises RuntimeUnavailableError: there is no way to it from here.
    :raises subprocess.CalledProcessError: installing it failed for another reason.
    """
    requirements = _HERE / f"runtime-{version}.txt"
    home = cache / f"runtime-{version}"
    python = home / "bin" / "python"
    # Written last, so that a broken installation is built anew, and one of other requirements, too.
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
    if _NOT_TO_BE_HAD in done.stderr:
        raise RuntimeUnavailableError(f"tracdap-runtime {version}: {done.stderr.strip().splitlines()[-1]}")
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, "pip install", done.stdout, done.stderr)
    shutil.copyfile(requirements, ready)
    return python


@dataclass(frozen=True, kw_only=True)
class FinishedJob:
    """What the runtime reports of a job."""

    status: str
    """`SUCCEEDED` or `FAILED`."""
    message: str
    """Why it failed; empty when it succeeded."""
    model: dict[str, Any] | None
    """Selector of the imported model."""
    outputs: dict[str, dict[str, Any]]
    """Selectors of the outputs of a run, by name."""
    log: str
    """Everything that the runtime printed."""


class TracRuntime:
    """Runs jobs one after the other, and remembers the objects that they make and name.

    :param python: what `install` returned.
    :param home: an empty folder, or one to be made, for everything that is written.
    :param models: folder with the models, which becomes the repository `MODEL_REPOSITORY`.
    """

    def __init__(self, python: Path, version: str, *, home: Path, models: Path) -> None:
        self.version = version
        self._python = python
        self._home = home.resolve()
        self._objects: dict[str, Any] = {}
        self._headers: dict[str, Any] = {}
        self._storage = self._home / "storage"
        self._storage.mkdir(parents=True)
        # A copy, since Python leaves its compiled files beside the models.
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

        :param request: body of a call of submit-job. Its `jobAttrs` are the orchestrator's business and do
            not reach the runtime. Selectors name objects that earlier jobs made or `define` was given.
        :raises RequestRefusedError: the request is not the message that TRAC declares.
        :raises RuntimeError: the runtime ended without a word about the job.
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
            raise RuntimeError(f"The runtime {self.version} ended with {done.returncode}:\n{log[-3000:]}")
        return self._finished(json.loads(result.read_text()), log)

    def errors(self, messages: Sequence[tuple[str, Any]]) -> list[str]:
        """Return what is wrong with each message, in the eyes of TRAC's own declaration of it.

        :param messages: names and JSON of messages of `tracdap.metadata`, such as `SearchParameters`,
            `TagSelector`, `TagUpdate`, `ObjectDefinition`, `JobDefinition`, `Tag` and `TagHeader`.
        :return: one string each, in the same order; an empty one where nothing is wrong.
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
        """Keep an object as if a client had created it, and return its selector."""
        return self._keep(_new_header(object_type), definition)

    def definition(self, selector: Mapping[str, Any]) -> dict[str, Any]:
        """Return the definition of an object, as the runtime wrote it: with null for what is absent."""
        kept: dict[str, Any] = self._objects[_key(selector)]
        return kept

    def rows(self, selector: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return a dataset as it stands in TRAC's storage: every value is text."""
        data = self.definition(selector)["data"]
        storage = self.definition(self._headers[_latest_key(data["storageId"])])["storage"]
        item = storage["dataItems"][data["parts"]["part-root"]["snap"]["deltas"][-1]["dataItem"]]
        # One file, or before 0.10 a folder with a file for each chunk.
        copy = self._storage / item["incarnations"][-1]["copies"][0]["storagePath"]
        rows: list[dict[str, str]] = []
        for part in sorted(copy.iterdir()) if copy.is_dir() else [copy]:
            with part.open(newline="") as file:
                rows.extend(csv.DictReader(file))
        return rows

    def _finished(self, report: dict[str, Any], log: str) -> FinishedJob:
        selectors = [
            self._keep(header, report["objects"][_key(header)])
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

    def _keep(self, header: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
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
