"""`make dist`: build the distributions, check them, and follow the quick start with them.

1. Build wheel and sdist of the provider and of the sandbox in `dist/`.
2. Check them: `twine check --strict`, their files, and that the sdist gives the same wheel.
3. Install both wheels and Airflow in a new virtual environment, `build/dist-venv`.
4. Follow the quick start there, in a folder that contains no source of the two packages.

The argument is the Airflow to install, such as `apache-airflow==3.3.2`.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from airflow_provider_dataops import __version__
from devtools.distributions.contents import (
    DISTRIBUTIONS,
    Distribution,
    foreign_files,
    sdist_problems,
    wheel_problems,
)

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
WORK = ROOT / "build" / "dist"
VENV = ROOT / "build" / "dist-venv"
#: What the quick start needs beside the installed packages, relative to the root of the checkout.
NEEDED = ("devtools", "example_dags", "docs/quick-start.md")


class DistError(RuntimeError):
    """A distribution is not as it should be."""


def main(airflow: str) -> int:
    """Do all steps, and return the exit code: 1 if a distribution is not as it should be."""
    for folder in (DIST, WORK, VENV):
        shutil.rmtree(folder, ignore_errors=True)
    if _output("git", "status", "--porcelain"):
        print("The distributions contain changes that are not committed. Commit before you release them.")
    try:
        archives = [build(distribution) for distribution in DISTRIBUTIONS]
        check(archives)
        install([wheel for wheel, _ in archives], airflow)
        follow_quick_start()
    except DistError as error:
        print(error)
        return 1
    names = "\n".join(f"  {path.relative_to(ROOT)}" for pair in archives for path in pair)
    print(f"\nThe distributions are complete, and they pass the quick start with {airflow}:\n{names}")
    return 0


def build(distribution: Distribution) -> tuple[Path, Path]:
    """Build a distribution, and return its wheel and its sdist."""
    _build(ROOT / distribution.folder, DIST, "--sdist", "--wheel")
    stem = f"{distribution.file_name}-{__version__}"
    return DIST / f"{stem}-py3-none-any.whl", DIST / f"{stem}.tar.gz"


def check(archives: list[tuple[Path, Path]]) -> None:
    """Check the metadata and the files of all distributions.

    :raises DistError: with one line for each problem.
    """
    _run(
        sys.executable, "-m", "twine", "check", "--strict", *(str(path) for pair in archives for path in pair)
    )
    tracked = _output("git", "ls-files").splitlines()
    found: list[str] = []
    for distribution, (wheel, sdist) in zip(DISTRIBUTIONS, archives, strict=True):
        found += foreign_files(distribution, tracked)
        found += wheel_problems(distribution, __version__, wheel, tracked)
        found += sdist_problems(distribution, __version__, sdist, tracked)
        if not filecmp.cmp(wheel, wheel_of(sdist), shallow=False):
            found.append(f"{sdist.name}: the wheel that is built from it is not {wheel.name}")
    if found:
        raise DistError("\n".join(found))
    print("Wheels and sdists contain the right files. Each sdist gives the same wheel.")


def wheel_of(sdist: Path) -> Path:
    """Unpack an sdist, build a wheel from it, and return the wheel."""
    with tarfile.open(sdist) as archive:
        archive.extractall(WORK / "unpacked", filter="data")
    wheels = WORK / "wheels" / sdist.name
    _build(WORK / "unpacked" / sdist.name.removesuffix(".tar.gz"), wheels, "--wheel")
    [wheel] = wheels.iterdir()
    return wheel


def install(wheels: list[Path], airflow: str) -> None:
    """Install the wheels and Airflow in a new virtual environment, with the versions of constraints.txt."""
    print(f"Installing the wheels and {airflow} in {VENV.relative_to(ROOT)} ...", flush=True)
    _run(sys.executable, "-m", "venv", str(VENV))
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
    _run(*pip, "install", "-c", str(ROOT / "constraints.txt"), airflow, *map(str, wheels))
    _run(*pip, "check")


def follow_quick_start() -> None:
    """Follow the quick start in the virtual environment.

    :raises DistError: if a step fails.
    """
    folder = WORK / "quick-start"
    for name in NEEDED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    # With PYTHONPATH, the packages could come from a checkout.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    _run(str(VENV / "bin" / "python"), "-m", "devtools.distributions.quick_start", cwd=folder, env=env)


def _build(source: Path, target: Path, *formats: str) -> None:
    # Without isolation, the build uses the hatchling of constraints.txt. The times in the archives are those
    # of the last commit, so each build of a commit gives the same archives.
    time = _output("git", "log", "-1", "--format=%ct")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        *formats,
        "--outdir",
        str(target),
        str(source),
    ]
    _run(*command, env={**os.environ, "SOURCE_DATE_EPOCH": time}, quiet=True)


def _run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=quiet, text=True, check=False)
    if done.returncode:
        output = f"{done.stdout}{done.stderr}" if quiet else ""
        raise DistError(f"{output}{' '.join(command)} failed with exit status {done.returncode}")


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
