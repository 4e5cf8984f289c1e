"""What TRAC's orchestrator finds wrong with a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values
from dataops_sandbox.trac.errors import Code, Item, ServiceError, bad_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dataops_sandbox.trac.metadata import Found
    from dataops_sandbox.trac.validation import Check

    Find = Callable[[Mapping[str, Any]], Found]

DETAILS = {"IMPORT_MODEL": "importModel", "RUN_MODEL": "runModel", "RUN_FLOW": "runFlow"}
"""The types of jobs that the orchestrator executes, and where each has its details."""


def validate(check: Check, request: Mapping[str, Any]) -> None:
    """Check a job request in itself.

    :raises ServiceError: for what the orchestrator falls over
    """
    check.tag_updates(request, "jobAttrs")
    if not check.require(request, "job"):
        check.done()
    job = request["job"]
    if check.require(job, "jobType", "job.") and job["jobType"] not in DETAILS:
        # It knows the type but not what to do with it, and has no words for that.
        raise ServiceError(Code.UNKNOWN, "")
    check.omit(job, "resultId", "job.")
    details = DETAILS.get(job.get("jobType", ""), "")
    if details and details not in job:
        check.add(f"A value is required for [{details}]", f"job.{details}")
    elif details:
        _details(check, job[details], f"job.{details}", job["jobType"])
    check.done()
    if job[details].get("outputs"):
        raise ServiceError(Code.UNKNOWN, "")


def _details(check: Check, details: Mapping[str, Any], path: str, job_type: str) -> None:
    if job_type == "IMPORT_MODEL":
        for name in ("language", "repository", "entryPoint", "version"):
            check.require(details, name, f"{path}.")
        if "priorModel" in details:
            check.selector(details["priorModel"], f"{path}.priorModel", "MODEL")
        check.tag_updates(details, "modelAttrs", f"{path}.")
        return
    target = "model" if job_type == "RUN_MODEL" else "flow"
    if check.require(details, target, f"{path}."):
        check.selector(details[target], f"{path}.{target}", target.upper())
    for name, object_type in (("inputs", None), ("priorOutputs", None), ("models", "MODEL")):
        for key, selector in details.get(name, {}).items():
            check.fixed_selector(selector, f"{path}.{name}[{key}]", object_type, key)
    check.tag_updates(details, "outputAttrs", f"{path}.")


def check_consistency(method: str, job: Mapping[str, Any], find: Find, repositories: Iterable[str]) -> None:
    """Check a job against what the platform holds.

    :param method: name of the service's method, for the message
    :param find: finds what a selector selects
    :raises ServiceError: if something that it needs is not there, or does not fit
    """
    name = DETAILS[job["jobType"]]
    details = job[name]
    if job["jobType"] == "IMPORT_MODEL":
        if details["repository"] not in repositories:
            raise bad_state(f"Required resource [{details['repository']}] not available")
        if "priorModel" in details:
            _found(find, details["priorModel"])
        return
    for group in ("inputs", "priorOutputs"):
        for selector in details.get(group, {}).values():
            _found(find, selector)
    items: list[Item] = []
    if job["jobType"] == "RUN_MODEL":
        model = _found(find, details["model"]).inner
        parameters, inputs = model.get("parameters", {}), model.get("inputs", {})
    else:
        flow = _found(find, details["flow"]).inner
        models = {key: _found(find, one) for key, one in details.get("models", {}).items()}
        nodes = [key for key, node in flow["nodes"].items() if node["nodeType"] == "MODEL_NODE"]
        items += _compare("models", nodes, models, name)
        parameters = {
            key: parameter
            for one in models.values()
            for key, parameter in one.inner.get("parameters", {}).items()
        }
        inputs = [key for key, node in flow["nodes"].items() if node["nodeType"] == "INPUT_NODE"]
    given = details.get("parameters", {})
    items += _compare("parameters", parameters, given, name)
    items += [
        Item(f"Parameter [{key}] is not of type [{kind}]", f"{name}.parameters[{key}]")
        for key, value in given.items()
        if key in parameters and _type(value) not in (kind := parameters[key]["paramType"]["basicType"], None)
    ]
    items += _compare("inputs", inputs, details.get("inputs", {}), name)
    if items:
        raise bad_state(f"Validation failed for [{method}()]", items)


def _found(find: Find, selector: Mapping[str, Any]) -> Found:
    try:
        return find(selector)
    except ServiceError as error:
        raise bad_state("One or more items used in this job could not be found") from error


def _type(value: dict[str, Any]) -> str | None:
    try:
        return values.basic_type(value)
    except values.BadValueError:
        return None


def _compare(what: str, wanted: Iterable[str], given: Iterable[str], path: str) -> list[Item]:
    singular = what.removesuffix("s")
    wanted, given = list(wanted), list(given)
    missing = [
        Item(f"Required {singular} [{key}] is missing", f"{path}.{what}[{key}]")
        for key in wanted
        if key not in given
    ]
    extra = [
        Item(f"Unexpected {singular} [{key}]", f"{path}.{what}[{key}]") for key in given if key not in wanted
    ]
    return missing + extra
