"""How `make audit` reads pip-audit's output. Its exit code is the same for an outage and a vulnerability."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devtools.audit import CLEAN, NOT_CHECKED, VULNERABLE, verdict

GOOD = {"name": "attrs", "version": "26.1.0", "vulns": []}
BAD = {
    "name": "requests",
    "version": "2.0.0",
    "vulns": [{"id": "GHSA-1", "fix_versions": ["2.1", "3.0"]}, {"id": "GHSA-2", "fix_versions": []}],
}
SKIPPED = {"name": "local", "skip_reason": "no valid version"}


def output(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_a_report_without_vulnerabilities_is_clean() -> None:
    assert verdict(output(GOOD), "") == (CLEAN, "None of 1 dependencies has a known vulnerability.")


def test_a_vulnerability_is_reported_with_the_versions_that_fix_it() -> None:
    code, text = verdict(output(GOOD, BAD, SKIPPED), "Found 2 known vulnerabilities in 1 package")
    assert code == VULNERABLE
    assert "requests 2.0.0: GHSA-1 (fixed in 2.1, 3.0); GHSA-2 (fixed in no release)" in text


@pytest.mark.parametrize("dependencies", [[GOOD, SKIPPED], []])
def test_a_dependency_that_was_not_checked_is_no_success(dependencies: list[dict[str, Any]]) -> None:
    """pip-audit prints "No known vulnerabilities found" then, and returns 0."""
    code, text = verdict(output(*dependencies), "No known vulnerabilities found")
    assert code == NOT_CHECKED
    assert all(f"{d['name']}: {d['skip_reason']}" in text for d in dependencies if "skip_reason" in d)


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("Traceback (most recent call last):\n  ...\nServiceError: no answer\n", "ServiceError: no answer"),
        ("ERROR: Could not connect\nERROR: Tip: your network may be blocking it", "ERROR: Could not connect"),
        ("", "no reason was given"),
    ],
)
@pytest.mark.parametrize("stdout", ["", "<html>", "[]", "{}"])
def test_a_failed_audit_is_reported_in_one_line(stdout: str, stderr: str, words: str) -> None:
    code, text = verdict(stdout, stderr)
    assert code == NOT_CHECKED
    assert (
        text == f"Nothing was checked, because the advisory database OSV cannot be reached from here: {words}"
    )
