"""How many examples a property test generates.

By default there are few, and they are the same in each run. With ``DATAOPS_EXAMPLES=20`` in the environment
there are twenty times as many, and they differ from run to run.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("DATAOPS_EXAMPLES", "1"))


def examples(number: int, **more: Any) -> settings:
    """Return the settings of a test that generates this number of examples, or the multiple asked for."""
    return settings(
        max_examples=number * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        # Not Phase.explain: it takes long and seldom explains more than the shrunk example.
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        **more,
    )
