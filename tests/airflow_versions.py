"""Which tests need a newer Airflow than the oldest that the provider supports, and what they need it for.

With an older Airflow, these tests are skipped. ``make versions`` runs the tests with several versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable


def minor(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(int(part) for part in version.split(".")[:2])


AMASK = "the function by which a triggerer masks a secret"
CLEARS = "the message that asks for the clear number of a DAG run"
# The dag.test() of Airflow 3.2.2 fails with KeyError: svcs_registry, also with a DAG of one Python task.
DAG_TEST = "a dag.test() that works"
DEFAULTS = "the defaults of a provider's options in each process"
DEFERRALS = "entries about deferrals in the log of events"
HASH = "one hash for a trigger with a dict in its arguments"
METRICS = "the module with Airflow's metrics"
SECRETS = "auth_header in the names of secrets"
SERDE = "the encoding of trigger arguments in which a worker sends them"
SHARED = "polls that event triggers share"
TEMPLATES = "templates that a triggerer renders"
XCOMS = "XComs that a triggerer stores without a thread"
STARTS_ON_A_WORKER = "tests/unit/sensors/test_start.py::TestASensorStartsOnAWorker"
#: The minor version of Airflow and what the tests need it for, by folder, file, class or test.
NEEDS = {
    "tests/integration/test_api_server_calls.py": ("3.3", "arguments of the supervisor in one process"),
    "tests/integration/test_docs_code.py::test_the_code_of_a_page_runs[docs/guides/errors.md]": (
        "3.3",
        "retry policies",
    ),
    "tests/integration/test_docs_code.py::test_the_files_of_a_page_run[docs/guides/testing.md]": (
        "3.3",
        DAG_TEST,
    ),
    "tests/integration/test_docs_code.py::test_the_files_of_a_page_run[docs/quick-start.md]": (
        "3.3",
        DAG_TEST,
    ),
    "tests/integration/test_json_files.py::test_a_dag_reads_its_definitions_from_files": ("3.3", DAG_TEST),
    "tests/integration/test_metrics.py": ("3.3", "functions that set up metrics"),
    "tests/integration/test_started_sensors.py": ("3.3", TEMPLATES),
    "tests/mill/test_house.py::TestProviderInfo": ("3.2", SECRETS),
    "tests/system/test_examples.py::test_only_the_tasks_that_wait_were_deferred": ("3.2", DEFERRALS),
    "tests/unit/adapters/test_asset_state.py": ("3.3", "the state store of assets"),
    "tests/unit/adapters/test_configuration.py::"
    "test_airflow_lists_each_option_with_the_default_that_applies": ("3.2", DEFAULTS),
    "tests/unit/adapters/test_configuration.py::test_the_defaults_of_the_delays_are_those_of_the_platforms": (
        "3.2",
        DEFAULTS,
    ),
    "tests/unit/adapters/test_metrics.py": ("3.2", METRICS),
    "tests/unit/adapters/test_secrets.py::test_a_triggerer_masks_a_secret": ("3.3", AMASK),
    "tests/unit/adapters/test_secrets.py::test_secrets_that_are_added_at_the_same_time_are_all_masked": (
        "3.3",
        AMASK,
    ),
    "tests/unit/adapters/test_secrets.py::test_the_masker_runs_outside_the_event_loop": ("3.3", AMASK),
    "tests/unit/adapters/test_xcom.py": ("3.3", XCOMS),
    "tests/unit/answers": ("3.3", "the messages by which a triggerer reports events"),
    "tests/unit/hooks/test_form_methods.py::test_a_newer_airflow_logs_no_deprecation_warning": (
        "3.2",
        "forms without a hook's methods",
    ),
    "tests/unit/operators/test_generations.py::TestPresentClearNumber::test_is_the_number_of_the_dag_run": (
        "3.2",
        CLEARS,
    ),
    "tests/unit/polling/test_publisher.py": ("3.3", XCOMS),
    "tests/unit/sensors/test_start.py": ("3.2", "the class that serializes DAGs"),
    "tests/unit/sensors/test_start.py::TestASensorStartsInTheTriggerer": ("3.3", TEMPLATES),
    f"{STARTS_ON_A_WORKER}::test_after_an_assignment": ("3.3", TEMPLATES),
    f"{STARTS_ON_A_WORKER}::test_and_its_log_says_why": ("3.3", TEMPLATES),
    f"{STARTS_ON_A_WORKER}::test_if_something_needs_it": ("3.3", TEMPLATES),
    f"{STARTS_ON_A_WORKER}::test_if_triggerers_have_queues": ("3.3", TEMPLATES),
    f"{STARTS_ON_A_WORKER}::test_in_a_mapped_task_group": ("3.3", TEMPLATES),
    "tests/unit/stored/test_triggers.py": ("3.2", SERDE),
    "tests/unit/test_imports.py::test_a_dag_file_loads_no_module_that_only_a_running_task_needs": (
        "3.2",
        "imports of triggers when needed",
    ),
    "tests/unit/test_provider_info.py::test_secret_fields_have_names_that_airflow_redacts": ("3.2", SECRETS),
    "tests/unit/triggers/test_class_rules.py::TestAnEventTrigger::"
    "test_has_the_same_identity_in_the_dag_and_in_the_database[TracObjectEventTrigger]": ("3.3", HASH),
    "tests/unit/triggers/test_events.py::TestTheSharedPoll::test_begins_with_the_arguments_of_one_trigger": (
        "3.3",
        SHARED,
    ),
    "tests/unit/triggers/test_published_states.py": ("3.3", XCOMS),
    "tests/unit/triggers/test_sensor.py": ("3.3", TEMPLATES),
    "tests/unit/triggers/test_serialization.py::test_a_trigger_is_unchanged_after_airflows_database": (
        "3.2",
        SERDE,
    ),
    "tests/unit/triggers/test_serialization.py::test_texts_of_any_language_are_unchanged": ("3.2", SERDE),
    "tests/unit/triggers/test_serialization.py::test_the_payload_of_a_pause_is_unchanged": ("3.2", SERDE),
    "tests/unit/triggers/test_streams.py": ("3.3", SHARED),
    "tests/unit/ui": ("3.3", "the task state store, which the page Remote runs reads"),
}


def reason(test_id: str) -> str | None:
    """Return why this Airflow is too old for a test or a module; ``None`` if it is not."""
    for name, (version, what) in NEEDS.items():
        is_named = test_id == name or test_id.startswith((f"{name}/", f"{name}::", f"{name}["))
        if is_named and minor(version) > minor(__version__):
            return f"Airflow {__version__} is too old: {what} came with Airflow {version}"
    return None


class SkippedModule(pytest.Module):
    """A module that is not imported, because it needs a newer Airflow."""

    def collect(self) -> Iterable[pytest.Item]:
        """Skip the whole module."""
        pytest.skip(reason(self.nodeid) or "", allow_module_level=True)
