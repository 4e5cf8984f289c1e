"""The checks that TRAC's orchestrator makes before it starts a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values
from dataops_sandbox.trac.errors import Code, ServiceError, bad_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dataops_sandbox.trac.metadata import Found
    from dataops_sandbox.trac.validation import Check

    Find = Callable[[Mapping[str, Any]], Found]

DETAILS = {"IMPORT_MODEL": "importModel", "RUN_MODEL": "runModel", "RUN_FLOW": "runFlow"}
"""The job types that the orchestrator executes, each with the job's member that contains the details."""


def validate(check: Check) -> None:
    """Check a job request without reading stored objects.

    :raises ServiceError: if the request is invalid, or the real orchestrator fails on it
    """
    check.tag_updates(check.body, "jobAttrs")
    if not check.require(check.body, "job"):
        check.done()
    job = check.body["job"]
    if check.require(job, "jobType", "job.") and job["jobType"] not in DETAILS:
        # The real orchestrator does not execute this job type. Its error response has no message.
        raise ServiceError(Code.UNKNOWN, "")
    check.omit(job, "resultId", "job.")
    details = DETAILS.get(job.get("jobType", ""), "")
    if details and details not in job:
        check.add(f"A value is required for [{details}]", f"job.{details}")
    elif details:
        _details(check, job[details], f"job.{details}.", details)
    check.done()
    if job[details].get("outputs"):
        raise ServiceError(Code.UNKNOWN, "")


def _details(check: Check, details: Mapping[str, Any], path: str, kind: str) -> None:
    if kind == "importModel":
        for name in ("language", "repository", "entryPoint", "version"):
            check.require(details, name, path)
        if "priorModel" in details:
            check.selector(details["priorModel"], f"{path}priorModel", "MODEL")
        check.tag_updates(details, "modelAttrs", path)
        return
    target = kind.removeprefix("run").lower()
    if check.require(details, target, path):
        check.selector(details[target], f"{path}{target}", target.upper())
    for name, object_type in (("inputs", None), ("priorOutputs", None), ("models", "MODEL")):
        for key, selector in details.get(name, {}).items():
            check.fixed_selector(selector, f"{path}{name}[{key}]", object_type)
    check.tag_updates(details, "outputAttrs", path)


def check_consistency(check: Check, find: Find, repositories: Iterable[str]) -> None:
    """Check a job against the stored objects.

    :param find: returns the object that a selector selects
    :param repositories: names of the tenant's model repositories
    :raises ServiceError: if an object that the job needs does not exist, or does not fit the job
    """
    job = check.body["job"]
    name = DETAILS[job["jobType"]]
    details = job[name]
    if name == "importModel" and details["repository"] not in repositories:
        raise bad_state(f"Required resource [{details['repository']}] not available")

    def definitions(group: str) -> dict[str, Any]:
        return {key: find(selector).inner for key, selector in details.get(group, {}).items()}

    def compare(group: str, wanted: Iterable[str]) -> None:
        wanted, actual, what = set(wanted), details.get(group, {}).keys(), group.removesuffix("s")
        for key in sorted(wanted - actual):
            check.add(f"Required {what} [{key}] is missing", f"{name}.{group}[{key}]")
        for key in sorted(actual - wanted):
            check.add(f"Unexpected {what} [{key}]", f"{name}.{group}[{key}]")

    try:
        for group in ("inputs", "priorOutputs"):
            definitions(group)
        target = next((details[one] for one in ("model", "flow", "priorModel") if one in details), None)
        goal = find(target).inner if target else {}
        models = definitions("models") if name == "runFlow" else {"": goal}
    except ServiceError as error:
        raise bad_state("One or more items used in this job could not be found") from error
    if name == "importModel":
        return
    inputs = goal.get("inputs", {})
    if name == "runFlow":
        kinds = {key: node["nodeType"] for key, node in goal["nodes"].items()}
        compare("models", (key for key, kind in kinds.items() if kind == "MODEL_NODE"))
        inputs = [key for key, kind in kinds.items() if kind == "INPUT_NODE"]
    parameters = {key: one for model in models.values() for key, one in model.get("parameters", {}).items()}
    compare("parameters", parameters)
    for key, value in details.get("parameters", {}).items():
        kind = parameters.get(key, {}).get("paramType", {}).get("basicType")
        if kind and _type(value) not in (kind, None):
            check.add(f"Parameter [{key}] is not of type [{kind}]", f"{name}.parameters[{key}]")
    compare("inputs", inputs)
    check.done(bad_state)


def _type(value: dict[str, Any]) -> str | None:
    try:
        return values.basic_type(value)
    except values.BadValueError:
        return None
