"""Run the tests with several Airflow versions, each in an environment of its own, and print a table.

    python -m devtools.versions          # the newest patches of Airflow 3.1, 3.2 and 3.3
    python -m devtools.versions 3.1.8    # one version

An environment is in ``build/versions``. Its packages have the versions in ``airflow-VERSION.txt`` beside
this file. If the file is missing, pip chooses them, and this program writes the file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOME = ROOT / "build" / "versions"
#: The newest patch of each minor version that the provider supports.
VERSIONS = ("3.1.8", "3.2.2", "3.3.2")
#: The arguments of pytest, by the name of the suite.
SUITES = {
    "unit": ("-n", "logical", "--dist", "loadfile", "tests/unit"),
    "integration": (
        "-n",
        "logical",
        "--dist",
        "loadfile",
        "tests/integration",
        "tests/mill",
        "--ignore",
        "tests/integration/trac_real",
    ),
    "examples": ("tests/system/test_examples.py",),
}
_SUMMARY = re.compile(r"^=*\s*(\d+ (?:passed|failed).*) in [\d.]+s", re.MULTILINE)
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)s?\b")


def pins(version: str) -> Path:
    """Return the constraints file of an Airflow version."""
    return ROOT / "constraints.txt" if version == VERSIONS[-1] else HERE / f"airflow-{version}.txt"


def python_of(version: str) -> Path:
    """Return the Python of the environment of a version. Build the environment if it is needed."""
    folder = HOME / version
    python, built = folder / "bin" / "python", folder / ".built"
    if not built.exists() or built.read_text() != needed_by(version):
        print(f"Airflow {version}: building {folder.relative_to(ROOT)} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        file = pins(version)
        constraints = ("-c", str(file)) if file.exists() else ()
        pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
        subprocess.run(
            [*pip, "install", *constraints, f"apache-airflow=={version}", "-e", "./sandbox", "-e", ".[dev]"],
            cwd=ROOT,
            check=True,
        )
        if not file.exists():
            write_pins(python, file)
        built.write_text(needed_by(version))
    return python


def needed_by(version: str) -> str:
    """Return the digest of the files that decide what an environment contains."""
    files = (ROOT / "pyproject.toml", ROOT / "sandbox" / "pyproject.toml", pins(version))
    return sha256(b"".join(file.read_bytes() for file in files if file.exists())).hexdigest()


def write_pins(python: Path, file: Path) -> None:
    """Write the versions of all packages of an environment, without the two of this project."""
    frozen = subprocess.run(
        [python, "-m", "pip", "freeze", "--exclude-editable"], check=True, capture_output=True, text=True
    ).stdout
    lines = sorted(re.findall(r"^[A-Za-z0-9._-]+==\S+$", frozen, re.MULTILINE), key=str.lower)
    file.write_text("\n".join(["# Made by `make versions`.", *lines, ""]), encoding="utf-8")


def result(python: Path, suite: str, log: Path) -> str:
    """Run a suite, and return its counts: ``812 passed, 3 skipped``."""
    with log.open("w", encoding="utf-8") as file:
        ended = subprocess.run(
            [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *SUITES[suite]],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    # Airflow 3.1 prints more lines after the summary.
    summaries = _SUMMARY.findall(log.read_text(encoding="utf-8"))
    counts = _COUNT.findall("".join(summaries[-1:]))
    words = ", ".join(f"{count} {what}" for count, what in counts)
    return (
        words if ended.returncode == 0 else f"{words or 'no test ran'} (failed, see {log.relative_to(ROOT)})"
    )


def main(versions: list[str]) -> int:
    """Run all suites with these versions, and print the table. Return 1 if a test failed."""
    HOME.mkdir(parents=True, exist_ok=True)
    rows = []
    for version in versions or VERSIONS:
        python = python_of(version)
        for suite in SUITES:
            words = result(python, suite, HOME / f"{version}-{suite}.log")
            rows.append((version, suite, words))
            print(f"Airflow {version}: {suite}: {words}", flush=True)
    print("\n| Airflow | suite | result |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return int(any("(failed" in words for _, _, words in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
