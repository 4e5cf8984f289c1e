"""Run two commands at the same time, and show the output of the first after that of the second.

    python -m devtools.side_by_side LOG COMMAND ... -- COMMAND ...

The exit code is 0 if both commands succeed. LOG is the file for the output of the first command.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(log: Path, first: list[str], second: list[str]) -> int:
    """Run both commands, and return the exit code.

    Ctrl-C reaches both, because both belong to the process group of this program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as output,
        subprocess.Popen(first, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        code = subprocess.run(second, check=False).returncode
    sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
    return code or process.returncode


if __name__ == "__main__":
    name, *words = sys.argv[1:]
    middle = words.index("--")
    sys.exit(main(Path(name), words[:middle], words[middle + 1 :]))
