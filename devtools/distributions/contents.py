"""Which files the wheel and the sdist of a distribution contain, and which they should."""

from __future__ import annotations

import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A package contains only files with these endings, and ``py.typed``.
ENDINGS = frozenset({".css", ".html", ".js", ".json", ".py", ".svg"})
#: The files of a wheel about the wheel itself.
ABOUT = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution of this repository.

    :param folder: the folder with its ``pyproject.toml``, relative to the root of the repository.
    :param package: the name of its package.
    :param documents: the files of the folder that the sdist contains beside the package.
    """

    name: str
    folder: str
    package: str
    documents: tuple[str, ...] = (".gitignore", "LICENSE", "README.md", "pyproject.toml")

    @property
    def file_name(self) -> str:
        """The name as it begins the names of the archives."""
        return self.name.replace("-", "_")

    def package_files(self, tracked: Iterable[str]) -> set[str]:
        """Return the files of the package, relative to the distribution's folder.

        :param tracked: the files that git tracks, relative to the root of the repository.
        """
        prefix = "" if self.folder == "." else f"{self.folder}/"
        return {path.removeprefix(prefix) for path in tracked if path.startswith(f"{prefix}{self.package}/")}


PROVIDER = Distribution(
    name="airflow-provider-dataops",
    folder=".",
    package="airflow_provider_dataops",
    documents=(*Distribution.documents, "CHANGELOG.md"),
)
SANDBOX = Distribution(name="dataops-sandbox", folder="sandbox", package="dataops_sandbox")
DISTRIBUTIONS = (PROVIDER, SANDBOX)


def wheel_problems(
    distribution: Distribution, version: str, wheel: Path, tracked: Iterable[str]
) -> list[str]:
    """Return what is wrong with the files of a wheel, one line for each file."""
    with ZipFile(wheel) as archive:
        found = [name for name in archive.namelist() if not name.endswith("/")]
    about = f"{distribution.file_name}-{version}.dist-info"
    expected = distribution.package_files(tracked)
    return [
        f"{wheel.name}: {problem}"
        for problem in problems(found, expected | {f"{about}/{name}" for name in ABOUT})
    ]


def sdist_problems(
    distribution: Distribution, version: str, sdist: Path, tracked: Iterable[str]
) -> list[str]:
    """Return what is wrong with the files of an sdist, one line for each file."""
    top = f"{distribution.file_name}-{version}"
    with tarfile.open(sdist) as archive:
        found = [member.name for member in archive.getmembers() if not member.isdir()]
    expected = distribution.package_files(tracked) | {*distribution.documents, "PKG-INFO"}
    return [f"{sdist.name}: {problem}" for problem in problems(found, {f"{top}/{name}" for name in expected})]


def problems(found: Iterable[str], expected: set[str]) -> list[str]:
    """Compare the names of files. Return one line for each name that is missing, unknown, or there twice."""
    counts = Counter(found)
    return [
        *(f"{name} is missing" for name in sorted(expected - counts.keys())),
        *(
            f"{name} does not belong there; git does not track it"
            for name in sorted(counts.keys() - expected)
        ),
        *(f"{name} is there {count} times" for name, count in sorted(counts.items()) if count > 1),
    ]


def foreign_files(distribution: Distribution, tracked: Iterable[str]) -> list[str]:
    """Return a line for each tracked file that must not be in a package: tests, data, results of tools."""
    return [
        f"{path} does not belong in the package"
        for path in sorted(distribution.package_files(tracked))
        if not _belongs(PurePosixPath(path))
    ]


def _belongs(path: PurePosixPath) -> bool:
    is_test = path.name.startswith(("test_", "conftest")) or "tests" in path.parts
    return not is_test and (path.suffix in ENDINGS or path.name == "py.typed")
