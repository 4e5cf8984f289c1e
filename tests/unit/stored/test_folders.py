"""There is a sample of each stored format, and the present code writes what the newest samples contain."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_dataops
from airflow_provider_dataops.core.json import JsonDataclass
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.lifecycle.events import ConditionEvent, RunEvent
from airflow_provider_dataops.lifecycle.marks import IdMark, NumberMark
from airflow_provider_dataops.lifecycle.published import PublishedState, PublishedWait
from airflow_provider_dataops.lifecycle.record import Record
from airflow_provider_dataops.operators.base import RunOperator
from airflow_provider_dataops.registry import PLATFORMS
from airflow_provider_dataops.triggers.sensor import SensorTrigger
from tests.unit.stored import records, triggers
from tests.unit.stored.folders import COMMAND, differences, folders, present, samples
from tests.unit.stored.write import CHANGELOG
from tests.unit.task_classes import public_task_classes
from tests.unit.triggers.classes import EVENT_TRIGGERS, TRIGGERS, required

PACKAGE = Path(airflow_provider_dataops.__file__).parent
#: The classes of which samples exist, and the file with the samples.
SAMPLED: dict[type[Any], str] = {
    RunEvent: "run_events",
    RunSnapshot: "run_events",
    ConditionEvent: "condition_events",
    Record: "records",
    NumberMark: "marks",
    IdMark: "marks",
    PublishedWait: "published",
    PublishedState: "published",
}
#: The format has one value in a release. Only Tamr can cancel a run, and a wait there names one resource.
FIXED = {
    "watch_format",
    "cancel_on_kill",
    "source_id",
    "data_product_id",
    "workflow_id",
    "destination_id",
}
WHAT_TO_DO = f"""
The code now stores something other than release {{release}}. Airflow's databases contain the values of that
release, and for a while its workers and triggerers run beside the new ones. So:

1. The code must read the values of all earlier releases; the other tests of this folder check it.
2. An earlier release must work correctly with the new value, or reject it. If it would misread the value,
   increase the version of the format (watch_format, version or format).
3. If {{release}} is released, set __version__ to the next version, and add its heading to CHANGELOG.md.
4. Run `{COMMAND}`, look at the difference, and commit the new files.

These values differ: """


def leaves(cls: type[Any]) -> set[type[Any]]:
    """Return the classes of the package that have no further subclass there."""
    below = of_package(cls.__subclasses__())
    return set[type[Any]]().union(*map(leaves, below)) if below else {cls}


def of_package(classes: list[type[Any]]) -> set[type[Any]]:
    """Return the classes of the package.

    Tests define other classes. Those of tests/mill have modules whose names look like the package's.
    """
    named = [cls for cls in classes if cls.__module__.startswith(f"{PACKAGE.name}.")]
    return {cls for cls in named if Path(inspect.getfile(cls)).is_relative_to(PACKAGE)}


def test_the_present_code_writes_what_the_newest_samples_contain() -> None:
    newest = folders()[-1]
    found = differences(samples(newest), present())
    assert not found, WHAT_TO_DO.format(release=newest.name) + ", ".join(found)


def test_each_folder_is_a_version_of_the_changelog() -> None:
    versions = re.findall(r"^## \[(.+?)\]", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    unknown = [folder.name for folder in folders() if folder.name not in versions]
    assert not unknown, f"no such release: {unknown}; if it got another name, rename the folder with git mv"


def test_each_trigger_class_has_a_sample() -> None:
    assert set(triggers.ARGUMENTS) == {*of_package(TRIGGERS), SensorTrigger}
    assert set(triggers.EVENT_ARGUMENTS) == of_package(EVENT_TRIGGERS)


def test_each_class_that_airflow_stores_as_json_has_a_sample() -> None:
    assert leaves(JsonDataclass) == set(SAMPLED)
    assert set(SAMPLED.values()) < set(present())
    assert {cls.mark_class for cls in triggers.EVENT_ARGUMENTS} == {NumberMark, IdMark}


def test_each_platform_has_a_sample_of_its_record() -> None:
    assert set(records.OPERATORS) == set(PLATFORMS)
    assert {type(records.launch(operator)) for operator in records.OPERATORS.values()} == leaves(Launch)


def test_each_operator_that_starts_a_run_has_a_sample_of_its_fingerprint() -> None:
    starting = {cls for cls in public_task_classes().values() if issubclass(cls, RunOperator)}
    assert set(records.ARGUMENTS) == starting


@pytest.mark.parametrize("cls", [*triggers.ARGUMENTS, *triggers.EVENT_ARGUMENTS])
def test_the_sample_of_a_trigger_contains_no_defaults(cls: type[Any]) -> None:
    """If a release ignored a field, the trigger would have the default, and a test would see it."""
    given = (triggers.ARGUMENTS | triggers.EVENT_ARGUMENTS)[cls]
    needed = {name: given[name] for name in required(cls)}
    defaults = cls(**needed).arguments()
    same = {name for name, value in cls(**given).arguments().items() if value == defaults[name]}
    assert same - needed.keys() <= FIXED


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["/a/b"]),
        ({"a": {"b": 1}}, {"a": {"b": 1.0}}, ["/a/b"]),
        ({"a": {"b": 1}}, {"a": {}, "c": None}, ["/a/b", "/c"]),
        ({"a": [1, 2]}, {"a": [1]}, ["/a"]),
    ],
)
def test_a_difference_is_named_by_its_path(old: Any, new: Any, found: list[str]) -> None:
    assert differences(old, new) == found
