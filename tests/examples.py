"""How many examples a property test generates.

By default, a test draws few examples, and the same ones in each run. With ``DATAOPS_EXAMPLES=20`` in the
environment, it draws twenty times as many, different ones in each run, and shrinks a failing example.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("DATAOPS_EXAMPLES", "1"))


def examples(number: int, **more: Any) -> settings:
    """Return the settings of a property test that draws ``number`` examples, or a multiple of it."""
    return settings(
        max_examples=number * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        # Only the long profile shrinks failing examples, which takes up to five minutes for each test.
        # Phase.explain takes even longer, and its explanations seldom help.
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if TIMES > 1 else [])],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        **more,
    )
