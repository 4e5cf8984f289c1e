"""How many examples a property test draws.

Few, and each time the same ones; or, with ``DATAOPS_EXAMPLES=20`` in the environment, twenty times as many,
each time others.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("DATAOPS_EXAMPLES", "1"))


def examples(number: int, **more: Any) -> settings:
    """Return the settings of a test that draws so many examples."""
    return settings(
        max_examples=number * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        # What explains a failure takes long, and seldom does.
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        **more,
    )
