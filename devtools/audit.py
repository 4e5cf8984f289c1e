"""Asks OSV, a database of advisories, whether a pinned dependency has a known vulnerability: `make audit`.

pip-audit asks OSV about each line of `constraints.txt`. This script installs pip-audit into a new virtual
environment below `build/` each time. It passes its arguments to pip-audit, e.g. `--ignore-vuln ID`.

Exit codes: 0 if all dependencies were checked and none is vulnerable; 1 if one is vulnerable; 75
(`EX_TEMPFAIL`) if OSV or the package index did not respond. So 0 always means that all dependencies were
checked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / "build" / "audit"
PIP_AUDIT = "pip-audit>=2.7,<3"
#: pip-audit does not have to resolve dependencies, because ``constraints.txt`` contains all versions.
COMMAND = ("-r", "constraints.txt", "--no-deps", "--disable-pip", "-s", "osv", "-f", "json")
CLEAN, VULNERABLE, NOT_CHECKED = 0, 1, os.EX_TEMPFAIL


def main(arguments: list[str]) -> int:
    """Install pip-audit, run it, print what it found, and return the exit code."""
    installed = _install()
    if installed.returncode:
        code, text = NOT_CHECKED, not_checked("pip-audit cannot be installed", installed.stderr)
    else:
        found = _run("pip_audit", *COMMAND, *arguments)
        code, text = verdict(found.stdout, found.stderr)
    print(text)
    return code


def verdict(stdout: str, stderr: str) -> tuple[int, str]:
    """Return our exit code, and the lines to print, from the output of pip-audit.

    The exit code of pip-audit is not enough: it is 1 for a vulnerability and also for an outage. It is 0 if
    pip-audit checked nothing.
    """
    try:
        dependencies: list[dict[str, Any]] = json.loads(stdout)["dependencies"]
    except (ValueError, LookupError, TypeError):
        return NOT_CHECKED, not_checked("the advisory database OSV cannot be reached", stderr)
    vulnerable = [_described(dependency) for dependency in dependencies if dependency.get("vulns")]
    skipped = [f"{d['name']}: {d['skip_reason']}" for d in dependencies if "skip_reason" in d]
    if vulnerable:
        heading = f"{len(vulnerable)} of {len(dependencies)} dependencies have known vulnerabilities:"
        return VULNERABLE, "\n".join([heading, *vulnerable])
    if skipped or not dependencies:
        heading = f"{len(skipped)} of {len(dependencies)} dependencies were not checked:"
        return NOT_CHECKED, "\n".join([heading, *skipped])
    return CLEAN, f"None of {len(dependencies)} dependencies has a known vulnerability."


def not_checked(why: str, stderr: str) -> str:
    """Return a line that says why nothing was checked, and that ends with the last line of ``stderr``."""
    # After a timeout, pip-audit's last line is only a tip to use another source.
    lines = [line for line in stderr.splitlines() if line.strip() and "Tip:" not in line]
    words = lines[-1].strip() if lines else "no reason was given"
    return f"Nothing was checked, because {why} from here: {words}"


def _described(dependency: dict[str, Any]) -> str:
    """Return a line about a vulnerable dependency: its version, its advisories, the corrected versions."""
    advisories = [
        f"{found['id']} (fixed in {', '.join(found['fix_versions']) or 'no release'})"
        for found in dependency["vulns"]
    ]
    return f"  {dependency['name']} {dependency['version']}: {'; '.join(advisories)}"


def _install() -> subprocess.CompletedProcess[str]:
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    venv.create(ENVIRONMENT, with_pip=True)
    return _run("pip", "--disable-pip-version-check", "--quiet", "--no-input", "install", PIP_AUDIT)


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = str(ENVIRONMENT / "bin" / "python")
    return subprocess.run(
        [python, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
