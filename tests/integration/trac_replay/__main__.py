"""Print how many steps recorded with the real TRAC have the same outcome in the sandbox, and list the others.

``python -m tests.integration.trac_replay [--verbose]``
"""

from __future__ import annotations

import os
import sys
import tempfile


def main(verbose: bool) -> int:
    """Replay both recordings. Return 1 if a step has an unexpected difference, or an exception is stale."""
    from tests.integration.trac_replay.expected import CHANGED
    from tests.integration.trac_replay.replay import STEPS, replay

    wrong = False
    for name in STEPS:
        compared = replay(name, setattr)
        sys.stdout.write(f"{name}: {compared.alike} of {compared.steps} steps have the same outcome\n")
        for step, what in compared.differences.items():
            reason = compared.exceptions.get(step)
            sys.stdout.write(f"  {step}: {reason or 'DIFFERS, and is not a named exception'}\n")
            if verbose or reason is None:
                sys.stdout.write(f"  {what}\n")
        for step, (_, reason) in CHANGED[name].items():
            sys.stdout.write(f"  {step}: compared with the hook's new behaviour: {reason}\n")
        for step in compared.exceptions.keys() - compared.differences.keys():
            sys.stdout.write(f"  {step}: STALE, the outcome is the same\n")
        wrong |= compared.differences.keys() != compared.exceptions.keys()
    return int(wrong)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        # Airflow writes its configuration there on import.
        os.environ["AIRFLOW_HOME"] = home
        sys.exit(main("--verbose" in sys.argv))
