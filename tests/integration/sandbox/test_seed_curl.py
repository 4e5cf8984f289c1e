"""The curl commands of Toucan's and Tailer's guides work against the sandbox as the guides say."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox import seed_curl
from tests.integration.sandbox.clients import PATIENCE
from tests.integration.sandbox.tailer_client import STORAGE, TABLE, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dataops_sandbox import ManualClock, Sandbox

    Shell = Callable[..., str]

CURL, BASH = shutil.which("curl"), shutil.which("bash")

pytestmark = pytest.mark.skipif(not (CURL and BASH), reason="the guides' commands need curl and bash")


@pytest.fixture
def shell(sandbox: Sandbox, tmp_path: Path) -> Shell:
    """Return a function that runs commands in a shell with the guides' variables, and returns the output."""
    # The commands themselves are not changed. With these options, curl reports an error.
    (tmp_path / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    known = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "CURL_HOME": str(tmp_path),
        "LOGIN": "api@toucan.example",
        "PASSWORD": "sandbox-password",
        "API_URL": sandbox.toucan.base_url.removeprefix("http://"),
        "SMALL_APP": "product-corporation",
        "TAILER_URL": sandbox.tailer.base_url,
        "TAILER_API_JWT": "sandbox-token",
    }

    def run(lines: str, **variables: str) -> str:
        assert BASH
        done = subprocess.run(
            [BASH, "-c", lines],
            cwd=tmp_path,
            env={**known, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE * 4,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
        assert sandbox.journal.refusals() == []
        return done.stdout

    return run


class TestToucan:
    def test_a_file_is_uploaded(self, sandbox: Sandbox, shell: Shell, tmp_path: Path) -> None:
        (tmp_path / "local.csv").write_bytes(b"a\n1\n")

        shell(seed_curl.TOUCAN_UPLOAD, FILE_NAME="sales.xlsx", FILE_NAME_LOCAL_PATH="local.csv")

        [upload] = sandbox.toucan.uploads
        assert (upload.small_app, upload.filename) == ("product-corporation", "sales.xlsx")
        assert (upload.local_filename, upload.content.data) == ("local.csv", b"a\n1\n")
        assert (upload.validation, upload.stage) == (False, None)

    def test_the_files_of_a_folder_are_uploaded(self, sandbox: Sandbox, shell: Shell, tmp_path: Path) -> None:
        (tmp_path / "my_datasources").mkdir()
        for name in ("one.csv", "two.csv"):
            (tmp_path / "my_datasources" / name).write_text(name)

        assert "Problem" not in shell(seed_curl.TOUCAN_UPLOAD_FOLDER + "true")

        uploaded = {upload.filename: upload.content.data for upload in sandbox.toucan.uploads}
        assert uploaded == {"one.csv": b"one.csv", "two.csv": b"two.csv"}

    def test_all_operations_run(self, sandbox: Sandbox, shell: Shell, clock: ManualClock) -> None:
        answer = json.loads(shell(seed_curl.TOUCAN_OPERATIONS))
        clock.advance(20)

        [run] = sandbox.runs()
        assert answer == {"operation_id": run.run_id}
        assert (run.detail["origin"], run.detail["stage"]) == ("autofeed", "staging")
        assert run.detail["operations"] == [
            "preprocess_data_sources",
            "populate_basemaps",
            "populate_reports",
            "populate_dashboards",
            "release",
        ]
        assert sandbox.toucan.releases("product-corporation") == [run.run_id]

    @pytest.mark.parametrize(
        ("line", "kind", "released"),
        [
            (seed_curl.TOUCAN_PREPROCESS, "preprocess", False),
            (seed_curl.TOUCAN_POPULATE, "populate", False),
            (seed_curl.TOUCAN_POPULATE_AND_RELEASE, "populate", True),
        ],
        ids=["preprocess", "populate", "populate and release"],
    )
    def test_a_single_operation_runs(
        self, sandbox: Sandbox, shell: Shell, clock: ManualClock, line: str, kind: str, released: bool
    ) -> None:
        shell(line)
        clock.advance(20)

        [run] = sandbox.runs()
        assert (run.detail["kind"], run.detail["stage"]) == (kind, "staging")
        assert run.detail["selector"] == {"input_domains": ["referential"]}
        assert run.detail["released"] is released


class TestTailer:
    def test_a_job_is_launched(self, sandbox: Sandbox, shell: Shell) -> None:
        answer = json.loads(shell(seed_curl.TAILER_LAUNCH))

        [run] = sandbox.runs()
        assert answer == {"run_id": run.run_id}
        assert run.resource == TABLE["configuration_id"]

    def test_check_returns_the_run_that_was_launched(
        self, sandbox: Sandbox, shell: Shell, clock: ManualClock
    ) -> None:
        run_id = json.loads(shell(seed_curl.TAILER_LAUNCH))["run_id"]
        clock.advance(20)
        # The guide has the id of a run from 2020.
        line = seed_curl.TAILER_CHECK.replace("20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179", run_id)

        [item] = json.loads(shell(line))["results"]

        assert (item["run_id"], item["status"]) == (run_id, "SUCCESS")
        assert json.loads(shell(seed_curl.TAILER_CHECK)) == {"results": []}

    def test_last_status_returns_the_newest_runs(
        self, sandbox: Sandbox, shell: Shell, clock: ManualClock
    ) -> None:
        table = sandbox.tailer.start(TABLE["configuration_id"])
        storage = sandbox.tailer.start(STORAGE["configuration_id"])
        clock.advance(20)

        def asked(line: str) -> list[Any]:
            results = json.loads(shell(line))["results"]
            return [(item["run_id"], item["configuration_type"]) for item in results]

        assert asked(seed_curl.TAILER_LAST_OF_JOB) == [(table, "gbq-to-gbq")]
        assert asked(seed_curl.TAILER_LAST_OF_CONFIGURATION) == [(storage, "storage-to-storage")]
        # The guide's date is in 2020.
        assert asked(seed_curl.TAILER_LAST_FILTERED) == []
        today = f"{storage[:4]}-{storage[4:6]}-{storage[6:8]}"
        assert asked(seed_curl.TAILER_LAST_FILTERED.replace("2020-12-09", today)) == [
            (storage, "storage-to-storage")
        ]

    def test_a_workflow_is_reset(self, sandbox: Sandbox, shell: Shell) -> None:
        assert json.loads(shell(seed_curl.TAILER_RESET)) == {"code": 200, "data": {}, "message": "ok"}
        assert sandbox.tailer.configuration(WORKFLOW["configuration_id"]).triggered_jobs == []

    def test_a_configuration_is_disabled_enabled_and_archived(self, sandbox: Sandbox, shell: Shell) -> None:
        configuration = sandbox.tailer.configuration("000099_Load_PDA_f_traffic_ma_DEV")
        seen = []
        for line in (seed_curl.TAILER_DISABLE, seed_curl.TAILER_ENABLE, seed_curl.TAILER_ARCHIVE):
            assert json.loads(shell(line)) == {"message": "ok"}
            seen.append((configuration.activated, configuration.archived))

        assert seen == [(False, False), (True, False), (False, True)]
