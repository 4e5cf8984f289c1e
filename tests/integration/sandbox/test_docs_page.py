"""The documentation of the sandbox describes what the sandbox does."""

from __future__ import annotations

import re
from pathlib import Path

from dataops_sandbox import Sandbox
from dataops_sandbox.faults import KINDS, Fault

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_the_table_of_faults_matches_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \| (.*) ?\|$", PAGE, re.MULTILINE)
    documented = {
        kind: (acts == "yes", set(re.findall(r"`(\w+)[`=]", options))) for kind, acts, options in rows
    }

    assert documented == {
        name: (kind.model_fields["processed"].default, kind.model_fields.keys() - Fault.model_fields.keys())
        for name, kind in KINDS.items()
    }


def test_the_table_of_operations_matches_the_code() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (`.*`.*) \|$", PAGE.partition("operations of each platform")[2], re.MULTILINE
    )
    with Sandbox() as sandbox:
        operations = {
            name: {str(operation.name).replace("_", " ") for operation in platform.operations}
            for name, platform in sandbox.platforms.items()
        }
    documented = {name: set(re.findall(r"`([a-z ]+)`", cell)) for name, cell in rows}
    assert {name: documented[name] for name in operations} == operations
