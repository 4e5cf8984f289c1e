from __future__ import annotations

import pytest

from tests.unit.hooks.worker import Worker


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker.set_up(monkeypatch)
