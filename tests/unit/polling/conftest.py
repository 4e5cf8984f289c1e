from __future__ import annotations

from tests.watchdog import _event_loop_is_left_free  # noqa: F401 - watches every test here
