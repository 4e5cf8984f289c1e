"""The triggerer survives values that PostgreSQL, msgpack or UTF-8 cannot represent.

PostgreSQL cannot store a NUL character, msgpack cannot encode 2^64, and UTF-8 cannot encode half a surrogate
pair.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.postgres.dags.nasty import VALUES

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from devtools.airflow_stack import AirflowStack

#: A job, an execution, an operation and a search result, with a nasty value in each member that may have one.
TAMR = """{{"jobId": "{run}", "configuration": {{"load": {{"sourceId": {value}}}}}, "status": {{
    "state": "DONE", "stateStartTime": {value}, "error": {{"reason": {value}, "message": {value}}}}}}}"""
QUANTEMPLATE = """[{{"id": "{run}", "runNumber": 1, "status": "Failed", "createdBy": {value},
    "version": {value}, "startedAt": {value}, "outputs": [{{"id": {value}, "name": {value}}}]}}]"""
TOUCAN = """{{"status": "failed", "traceback": {value}, "more": {{"deep": [{value}]}}}}"""
TRAC = """{{"searchResult": [{{"attrs": {{"x": {value}}}, "header": {{"objectType": "CUSTOM",
    "objectId": "{run}", "objectVersion": {value}, "tagVersion": 1, "objectTimestamp": {value}}}}}]}}"""
UUID = "00000000-0000-4000-8000-000000000000"


def arm(sandbox: Sandbox, **where: str) -> None:
    """Make the trigger's requests get a nasty response. The worker's request, the first, gets a good one."""
    sandbox.add_fault("malformed_json", skip=1, **where)


@pytest.fixture
def runs(sandbox: Sandbox) -> dict[str, str]:
    """Start a run for each task, with its nasty responses; return the run ids by task id."""
    for platform in (sandbox.tamr, sandbox.quantemplate, sandbox.toucan, sandbox.tailer):
        platform.script(hold=True)
    sandbox.add_fault("status", platform="tamr", operation="list_jobs", status=400)
    started: dict[str, str] = {}
    for name, value in VALUES.items():
        job = sandbox.tamr.start({"load": {"sourceId": "src_orders"}})
        arm(sandbox, operation="get_job", path=job, body=TAMR.format(run=job, value=value))
        sandbox.quantemplate.add_pipeline(f"p-{name}", "d-claims")
        execution = sandbox.quantemplate.start(f"p-{name}")
        body = QUANTEMPLATE.format(run=execution, value=value)
        arm(sandbox, operation="list_executions", path=f"p-{name}/", body=body)
        operation = sandbox.toucan.start("product-corporation")
        arm(sandbox, operation="get_operation", path=operation, body=TOUCAN.format(value=value))
        tenant = f"NASTY_{name}".upper()
        sandbox.trac.add_tenant(tenant)
        arm(sandbox, operation="search", path=f"{tenant}/", body=TRAC.format(run=UUID, value=value))
        started |= {f"tamr_{name}": job, f"quantemplate_{name}": execution, f"toucan_{name}": operation}
    started["tailer_binary"] = sandbox.tailer.start("000099_iowa_liquor_prepare_pda_DEV")
    sandbox.add_fault(
        "status", platform="tailer", operation="run_status", skip=1, status=403, body="no\x00\x01\x1b way"
    )
    return started


def _processes(stack: AirflowStack) -> set[int]:
    """Return the ids of the triggerer's process and of its child process, which runs the triggers."""
    service = psutil.Process(stack.pid("triggerer"))
    return {service.pid, *(child.pid for child in service.children(recursive=True))}


def test_each_task_ends_with_a_clear_message_and_the_triggerer_keeps_running(
    stack: AirflowStack, sandbox: Sandbox, runs: dict[str, str]
) -> None:
    stack.client.wait_for_dags(["nasty"])
    before = _processes(stack)

    run_id = stack.client.run("nasty", conf=runs)
    stack.client.wait_for_run("nasty", run_id, timeout=240)

    assert _processes(stack) == before
    assert stack.client.health()["triggerer"] == "healthy"
    tasks = stack.client.task_instances("nasty", run_id)
    assert len(tasks) >= 30
    ended = {task["task_id"]: task["state"] for task in tasks}
    logs = {name: stack.client.log("nasty", run_id, name) for name in ended}
    # A search may succeed: in its result, nasty values are ordinary data.
    assert {name for name, state in ended.items() if state != "failed"} <= {f"trac_{name}" for name in VALUES}
    for name in (name for name, state in ended.items() if state == "failed"):
        errors = re.findall(r"^\s*(?:Run|Outage|Permanent)\w*Error: .*$", logs[name], re.MULTILINE)
        assert errors, (name, logs[name])
        assert runs.get(name, "TRAC") in errors[-1], (name, errors)
