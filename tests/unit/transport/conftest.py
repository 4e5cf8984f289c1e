from __future__ import annotations

import pytest

from tests.unit.transport.worker import Worker
from tests.unit.wire import Wire


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return Worker(Wire.installed(monkeypatch))
