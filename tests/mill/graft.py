"""Puts Mill into the package, for tests alone: each folder here joins the package's folder of that name."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import dataops_sandbox
import pytest

from airflow_provider_dataops.provider_info import FORMS
from airflow_provider_dataops.registry import PLATFORMS, Modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import Sandbox

PACKAGE = "airflow_provider_dataops"
ROOT = Path(__file__).parent / PACKAGE

for _room in ("platforms", "hooks", "links", "tasks", "operators", "sensors", "triggers"):
    import_module(f"{PACKAGE}.{_room}").__path__.append(str(ROOT / _room))
dataops_sandbox.__path__.append(str(ROOT.parent / "sandbox" / "dataops_sandbox"))


@contextmanager
def grafted(sandbox: Sandbox) -> Iterator[None]:
    """Let the package and a sandbox know Mill for a while: other tests check what these really know.

    For a real platform the three lines stand in ``registry.py``, ``provider_info.py`` and
    ``dataops_sandbox/registry.py``.
    """
    from dataops_sandbox.mill.wire import Mill

    from airflow_provider_dataops.platforms.mill.form import FORM

    world = next(iter(sandbox.platforms.values())).world
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PLATFORMS, "mill", Modules(f"{PACKAGE}.hooks.mill", f"{PACKAGE}.triggers.mill"))
        patch.setitem(FORMS, "mill", FORM)
        patch.setitem(sandbox.platforms, "mill", Mill(world))
        yield
