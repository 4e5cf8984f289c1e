"""Adds Mill to the package in tests: Python then also finds the modules below `package` and `sandbox`."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dataops_sandbox
from airflow_provider_dataops.provider_info import FORMS
from airflow_provider_dataops.registry import PLATFORMS, Modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import Sandbox

PACKAGE = "airflow_provider_dataops"
HERE = Path(__file__).parent
ROOT = HERE / "package" / PACKAGE

for _folder in ("platforms", "hooks", "links", "tasks", "operators", "sensors", "triggers", "assets"):
    import_module(f"{PACKAGE}.{_folder}").__path__.append(str(ROOT / _folder))
dataops_sandbox.__path__.append(str(HERE / "sandbox" / "dataops_sandbox"))


@contextmanager
def grafted(sandbox: Sandbox) -> Iterator[None]:
    """Register Mill with the package and with a sandbox until the block ends.

    It does not stay registered, because other tests check the lists of real platforms. A real platform has
    these three entries in ``registry.py``, ``provider_info.py`` and ``dataops_sandbox/registry.py``.
    """
    from airflow_provider_dataops.platforms.mill.form import FORM
    from dataops_sandbox.mill.wire import Mill

    world = next(iter(sandbox.platforms.values())).world
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PLATFORMS, "mill", Modules(f"{PACKAGE}.hooks.mill", f"{PACKAGE}.triggers.mill"))
        patch.setitem(FORMS, "mill", FORM)
        patch.setitem(sandbox.platforms, "mill", Mill(world))
        yield
