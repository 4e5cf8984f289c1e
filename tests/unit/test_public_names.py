"""The public names that users type. Before one of them is removed, it must be deprecated."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "airflow_provider_dataops"

HOOKS: dict[str, str] = {
    "toucan": "upload_data_source run_operations preprocess populate get_operation list_small_apps "
    "get_etl_config",
    "tailer": "launch_job check_run_status get_last_status get_by_status set_run_status reset_workflow "
    "set_configuration_status enable_configuration disable_configuration archive_configuration",
    "quantemplate": "upload_dataset download_dataset execute_pipeline list_executions get_execution "
    "download_output",
    "tamr": "create_job load_source update_data_product run_workflow publish get_job list_jobs stop_job",
    "trac": "platform_info list_tenants list_resources resource_info create_object update_object update_tag "
    "read_object read_batch get_object get_latest_object get_latest_tag search write_batch validate_job "
    "submit_job check_job create_small_file read_small_file create_small_dataset read_small_dataset "
    "download_file download_data",
}

#: Arguments; those with a star are rendered as templates.
OPERATORS: dict[str, dict[str, str]] = {
    "toucan": {
        "ToucanUploadDataSourceOperator": "source* filename* small_app* validation stage",
        "ToucanRunOperationsOperator": "operations* small_app* stage origin output_domains*",
        "ToucanPreprocessOperator": "input_domains* functions* output_domains* small_app* stage",
        "ToucanPopulateOperator": "input_domains* functions* output_domains* small_app* stage release",
    },
    "tailer": {
        "TailerLaunchJobOperator": "configuration_id* configuration_type* account* environment* "
        "logical_date* job_id append_environment",
        "TailerSetRunStatusOperator": "configuration_id* configuration_type* run_id* status* account* "
        "environment*",
        "TailerResetWorkflowOperator": "configuration_id* account* environment*",
        "TailerSetConfigurationStatusOperator": "configuration_id* configuration_type* status* account* "
        "environment*",
    },
    "quantemplate": {
        "QuantemplateUploadDatasetOperator": "source* dataset_id* organisation_id*",
        "QuantemplateExecutePipelineOperator": "pipeline_id* organisation_id*",
        "QuantemplateDownloadOutputOperator": "pipeline_id* execution_id* output_id* output_name* "
        "destination* organisation_id*",
        "QuantemplateDownloadDatasetOperator": "dataset_id* version* destination* organisation_id*",
    },
    "tamr": {
        "TamrLoadSourceOperator": "source_id*",
        "TamrUpdateDataProductOperator": "data_product_id*",
        "TamrRunWorkflowOperator": "workflow_id*",
        "TamrPublishOperator": "destination_id* data_product_id*",
        "TamrCreateJobOperator": "configuration*",
        "TamrStopJobOperator": "job_id*",
    },
    "trac": {
        "TracCreateObjectOperator": "object_type* definition* attrs* tenant*",
        "TracUpdateObjectOperator": "object_type* definition* attrs* prior_version* tenant*",
        "TracUpdateTagOperator": "selector* attrs* tag_updates* tenant*",
        "TracWriteBatchOperator": "create_objects* update_objects* update_tags* tenant*",
        "TracReadObjectOperator": "selector* tenant*",
        "TracSearchOperator": "object_type* search* tenant*",
        "TracImportModelOperator": "job_attrs* tenant*",
        "TracRunModelOperator": "job_attrs* tenant*",
        "TracRunFlowOperator": "job_attrs* tenant*",
        "TracSubmitJobOperator": "job* job_attrs* tenant*",
        "TracUploadFileOperator": "source* tenant*",
        "TracDownloadFileOperator": "selector* destination* tenant*",
        "TracUploadDatasetOperator": "source* tenant*",
        "TracDownloadDatasetOperator": "selector* destination* tenant*",
    },
}

SENSORS: dict[str, dict[str, str]] = {
    "toucan": {"ToucanOperationSensor": "operation_id* small_app*"},
    "tailer": {
        "TailerRunSensor": "run_id* job_id configuration_id* configuration_type* account* environment*",
        "TailerLastStatusSensor": "configuration_id* configuration_type* status* started_on* account* "
        "environment*",
    },
    "quantemplate": {
        "QuantemplateExecutionSensor": "pipeline_id* execution_id* after_run_number* organisation_id*"
    },
    "tamr": {
        "TamrJobSensor": "job_id*",
        "TamrResourceIdleSensor": "source_id* data_product_id*",
        "TamrJobSucceededSensor": "source_id* data_product_id* workflow_id* destination_id* since*",
    },
    "trac": {
        "TracJobSensor": "selector* job_id* tenant*",
        "TracSearchSensor": "object_type* search* min_results tenant*",
        "TracObjectSensor": "object_type* object_id* min_version attrs* tenant*",
    },
}

EVENTS: dict[str, dict[str, str]] = {
    "tailer": {
        "TailerRunEventTrigger": "configuration_id configuration_type account environment success_statuses "
        "failure_statuses states"
    },
    "quantemplate": {"QuantemplateExecutionEventTrigger": "pipeline_id organisation_id states"},
    "tamr": {"TamrJobEventTrigger": "source_id data_product_id workflow_id destination_id states"},
    "trac": {"TracObjectEventTrigger": "object_type search attrs tenant"},
}

#: The arguments of the function that returns the URI of an asset.
ASSETS: dict[str, str] = {
    "quantemplate": "organisation_id dataset_id pipeline_id output_name host",
    "tamr": "tenant source_id data_product_id destination_id",
    "toucan": "host small_app domain data_source stage",
    "tailer": "account environment configuration_id host",
    "trac": "host tenant object_id object_type",
}

RUN_ARGUMENTS = {"wait_for_completion", "deferrable", "poll_interval", "timeout", "durable"}


#: The functions of ``task_groups`` with their arguments. Further arguments go to the tasks.
TASK_GROUPS: dict[str, str] = {
    "tamr_refresh": "source_ids data_product_id workflow_id destination_ids realtime_destination_ids "
    "group_id",
    "quantemplate_straight_through": "source dataset_id pipeline_id destination output_id output_name "
    "group_id",
    "toucan_refresh": "source filename operations stage group_id",
}


def named(kind: str, platform: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.{kind}.{platform}"), name)


def accepted(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of the constructors of a class and of its bases."""
    return {
        name: parameter
        for base in reversed(cls.__mro__)
        if base.__module__.startswith(PACKAGE) and "__init__" in vars(base)
        for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items()
    }


@pytest.mark.parametrize(("platform", "methods"), HOOKS.items())
def test_a_hook_keeps_its_public_methods(platform: str, methods: str) -> None:
    hook = named("hooks", platform, f"{platform.capitalize()}Hook")
    assert set(methods.split()) <= {name for name, _ in inspect.getmembers(hook, callable)}


TASKS = [
    pytest.param(kind, platform, name, arguments, id=name)
    for kind, table in (("operators", OPERATORS), ("sensors", SENSORS))
    for platform, classes in table.items()
    for name, arguments in classes.items()
]


@pytest.mark.parametrize(("kind", "platform", "name", "arguments"), TASKS)
def test_an_operator_or_sensor_keeps_its_arguments(
    kind: str, platform: str, name: str, arguments: str
) -> None:
    cls = named(kind, platform, name)
    known = accepted(cls)
    expected = {argument.rstrip("*") for argument in arguments.split()} | {f"{platform}_conn_id"}
    assert expected <= set(known)
    assert all(known[argument].kind is inspect.Parameter.KEYWORD_ONLY for argument in expected)
    templated = {a.rstrip("*") for a in arguments.split() if a.endswith("*")} | {f"{platform}_conn_id"}
    assert templated <= set(cls.template_fields)
    assert not {a for a in arguments.split() if not a.endswith("*")} & set(cls.template_fields)
    assert known[f"{platform}_conn_id"].default == f"{platform}_default"


@pytest.mark.parametrize(
    ("platform", "name", "arguments"),
    [(platform, *item) for platform, classes in EVENTS.items() for item in classes.items()],
)
def test_an_event_trigger_keeps_its_arguments(platform: str, name: str, arguments: str) -> None:
    known = inspect.signature(named("triggers", platform, name)).parameters
    assert {*arguments.split(), f"{platform}_conn_id", "poll_interval"} == set(known)
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in known.values())


@pytest.mark.parametrize(("platform", "arguments"), ASSETS.items())
def test_the_function_for_a_uri_keeps_its_arguments(platform: str, arguments: str) -> None:
    parameters = inspect.signature(named("assets", platform, f"{platform}_uri")).parameters
    assert set(arguments.split()) <= set(parameters)
    assert {one.kind for one in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


STARTING = [
    pytest.param(platform, name, id=name)
    for platform, classes in OPERATORS.items()
    for name in classes
    if any(word in name for word in ("Run", "Preproc", "Populate", "Launch", "Execute", "Load", "Update"))
    and not any(word in name for word in ("SetRun", "UpdateObject", "UpdateTag"))
]


@pytest.mark.parametrize(("platform", "name"), STARTING)
def test_each_operator_that_starts_a_run_takes_the_common_arguments(platform: str, name: str) -> None:
    assert set(accepted(named("operators", platform, name))) >= RUN_ARGUMENTS


@pytest.mark.parametrize(("name", "arguments"), TASK_GROUPS.items())
def test_a_task_group_keeps_its_arguments(name: str, arguments: str) -> None:
    function = getattr(importlib.import_module(f"{PACKAGE}.task_groups"), name)
    known = inspect.signature(function).parameters
    assert set(arguments.split()) <= set(known)
    assert all(known[argument].kind is inspect.Parameter.KEYWORD_ONLY for argument in arguments.split())
    assert known["group_id"].default == name
    assert inspect.Parameter.VAR_KEYWORD in {parameter.kind for parameter in known.values()}


def types_in_the_docs() -> list[Any]:
    """Return the modules and the types that each platform's page names under "Types"."""
    found = []
    for platform in HOOKS:
        page = (Path(__file__).parents[2] / "docs" / "platforms" / f"{platform}.md").read_text(
            encoding="utf-8"
        )
        words = re.findall(r"`([^`]+)`", page.partition("## Types")[2])
        modules = [word for word in words if word.startswith(PACKAGE)]
        assert modules, platform
        found += [(module, word) for module in modules for word in words if word not in modules]
    return found


@pytest.mark.parametrize(("module", "name"), types_in_the_docs())
def test_a_type_can_be_imported_from_the_module_that_the_docs_name(module: str, name: str) -> None:
    assert isinstance(getattr(importlib.import_module(module), name), type)
