"""Repeats the steps recorded with the real TRAC against the sandbox, and compares their outcomes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_dataops.hooks.trac import TracHook
from dataops_sandbox import Sandbox
from tests.integration.bench.base import Connections, WorkerTime
from tests.integration.trac_replay import steps_files, steps_search, steps_values
from tests.integration.trac_replay.compare import Ids, difference
from tests.integration.trac_replay.expected import CHANGED, EXCEPTIONS
from tests.integration.trac_replay.recorder import Recorder
from tests.integration.trac_replay.steps_datasets import Datasets
from tests.integration.trac_replay.steps_objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDINGS = Path(__file__).parents[2] / "recordings" / "trac_real"
RUN_NAME = "r1700000000"
"""The name of this run, an attribute of its objects. The comparison ignores differences of such names."""


@dataclass(frozen=True)
class Comparison:
    """One recording compared with the sandbox."""

    name: str
    steps: int
    differences: dict[str, str]
    """How a step differs, by its name."""

    @property
    def alike(self) -> int:
        """The number of steps with the same outcome as on the real platform."""
        return self.steps - len(self.differences)

    @property
    def exceptions(self) -> dict[str, str]:
        """The steps that may differ, with the reason."""
        return EXCEPTIONS[self.name]


def metadata(recorder: Recorder, hook: TracHook, _: Path) -> None:
    """Run the steps of the recording ``meta``."""
    steps_values.run(recorder, hook, RUN_NAME)
    objects = Objects(recorder, hook, RUN_NAME)
    objects.run()
    steps_search.run(recorder, hook, RUN_NAME, objects.racing)


def data(recorder: Recorder, hook: TracHook, directory: Path) -> None:
    """Run the steps of the recording ``data``."""
    steps_files.run(recorder, hook, directory)
    Datasets(recorder, hook, directory).run()


STEPS = {"meta": metadata, "data": data}


def replay(name: str, patch: Callable[..., None]) -> Comparison:
    """Run the steps of a recording against a new sandbox, and compare their outcomes.

    :param patch: a function that sets an attribute, such as ``monkeypatch.setattr``
    """
    recorder = Recorder()
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as directory:
        # The same set-up as on the recorded platform.
        sandbox.trac.configure(environment="HELPER_TEST", region="LAB")
        sandbox.trac.add_tenant("ACME_CORP", "ACME Lab Inc.")
        sandbox.trac.add_tenant("EMPTY_CO", "Empty Company Ümläut")
        Connections.installed(patch, BaseHook).set("trac_default", sandbox.trac.connection())
        worker_time = WorkerTime()  # the hook pauses long between its attempts if a request fails with a 500
        hook = TracHook(sleep=worker_time.sleep)
        hook.driver.clock = worker_time
        STEPS[name](recorder, hook, Path(directory))
    return compare(name, recorder.outcomes)


def compare(name: str, outcomes: dict[str, dict[str, Any]]) -> Comparison:
    """Compare outcomes with a recording, step by step."""
    recording = {step["name"]: step for step in json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))}
    for step, (changes, _) in CHANGED[name].items():
        recorded = {key: value for key, value in recording[step].items() if key != "ok"}
        recording[step] = changes if "ok" in changes else {**recorded, **changes}
        if changes.get("err") == "InvalidArgumentError":
            # If the hook rejects the arguments, there is nothing to read back.
            recording.pop(f"{step} back", None)
    ids, differences = Ids(), {}
    for step, recorded in recording.items():
        found = difference(recorded, outcomes[step], ids) if step in outcomes else "the step was not run"
        if found:
            differences[step] = found
    # If a step differs, a following step may be missing: a refused object cannot be read back.
    differences |= {step: "the recording has no such step" for step in outcomes if step not in recording}
    return Comparison(name, len(recording), differences)
