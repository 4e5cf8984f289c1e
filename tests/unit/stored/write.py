"""Write the samples of the present version: ``python -m tests.unit.stored.write``, in the root of a checkout.

The version is ``__version__`` of the provider. Samples of a released version are never written again, because
Airflow's databases still contain these formats.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

from airflow_provider_dataops import __version__
from tests.unit.stored.folders import HERE, present

CHANGELOG = Path(__file__).parents[3] / "CHANGELOG.md"


def is_released(version: str, changelog: str) -> bool:
    """Return whether the changelog has a date for this version.

    :raises ValueError: if the changelog has no heading for this version.
    """
    heading = re.search(rf"^## \[{re.escape(version)}\] - (\S+)$", changelog, re.MULTILINE)
    if heading is None:
        raise ValueError(f"CHANGELOG.md has no heading '## [{version}] - unreleased'")
    return heading[1] != "unreleased"


def write(folder: Path) -> None:
    """Write what the present code stores to a folder, and remove what was in the folder."""
    written = present()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in written.items():
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def main() -> int:
    """Write the samples, unless the present version is released."""
    if is_released(__version__, CHANGELOG.read_text(encoding="utf-8")):
        sys.stderr.write(
            f"{__version__} is released, so its samples must not change. First set __version__ in "
            "airflow_provider_dataops/__init__.py to the next version, and add its heading to CHANGELOG.md.\n"
        )
        return 1
    write(HERE / __version__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
