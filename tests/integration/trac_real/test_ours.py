"""TRAC's own runtime accepts the messages that our hook sends, and runs its jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.platforms import trac as platform
from devtools.trac.runtime import MODEL_REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devtools.trac.runtime import TracRuntime
    from tests.integration.bench.trac import TracBench

CHECKPOINT = {
    "custom": {"customSchemaType": "acme_checkpoint", "customSchemaVersion": 1, "customData": "AQ=="}
}
SCHEMA = {
    "schemaType": "TABLE_SCHEMA",
    "table": {"fields": [{"fieldName": "position_id", "fieldType": "INTEGER"}]},
}


def parts(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the messages of TRAC's metadata in the body of a request, with their names."""
    whole = {"search": "SearchParameters", "read_object": "TagSelector", "check_job": "TagSelector"}
    if operation in whole:
        yield whole[operation], body
    for write in ("createObjects", "updateObjects", "updateTags"):
        for item in body.get(write, ()):
            yield from parts(write, item)
    for name, message in (
        ("definition", "ObjectDefinition"),
        ("priorVersion", "TagSelector"),
        ("schema", "SchemaDefinition"),
        ("job", "JobDefinition"),
    ):
        if name in body:
            yield message, body[name]
    for name in ("tagUpdates", "jobAttrs"):
        yield from (("TagUpdate", update) for update in body.get(name, ()))


def sent(trac: TracBench) -> list[tuple[str, Any]]:
    bodies = [(entry.operation, json.loads(entry.body)) for entry in trac.requests() if entry.body]
    return [part for operation, body in bodies for part in parts(operation, body)]


def test_all_messages_match_the_declarations_of_trac(trac: TracBench, trac_runtime: TracRuntime) -> None:
    hook = trac.hook()
    attrs = {"one": 1, "half": 0.5, "name": "é", "days": ["a", "b"], "done": False}
    made = hook.create_object(object_type="CUSTOM", definition=CHECKPOINT, attrs=attrs)
    hook.update_object(object_type="CUSTOM", definition=CHECKPOINT, prior_version=made)
    hook.update_tag(made.key, attrs={"one": 2})
    new = {"object_type": "CUSTOM", "definition": CHECKPOINT, "attrs": attrs}
    hook.write_batch(create_objects=[new])
    hook.read_object(made.key)
    hook.search(
        "CUSTOM", {"all": [["one", ">=", 1], ["name", "IN", ["é", "x"]], {"not": ["gone", "EXISTS"]}]}
    )
    data = hook.create_small_dataset(content="position_id\n1\n", schema=SCHEMA, attrs={"family": "p"})
    job_id = trac.submit(hook)
    trac.finish(job_id)
    [model] = hook.search("MODEL", ["trac_create_job", "EQ", f"JOB-{job_id}-v1"])
    plan = hook.plan_model_run(
        model.header,
        parameters={"confidence": 0.99, "as_of": "2026-02-27"},
        inputs={"positions": data},
        output_attrs={"family": "p"},
    )
    hook.submit_job(plan, job_attrs={"airflow_run": "manual"})

    messages = sent(trac)
    assert {name for name, _ in messages} == {
        "SearchParameters",
        "TagSelector",
        "ObjectDefinition",
        "SchemaDefinition",
        "JobDefinition",
        "TagUpdate",
    }
    wrong = {
        message[0]: error
        for message, error in zip(messages, trac_runtime.errors(messages), strict=True)
        if error
    }
    assert wrong == {}


def test_trac_runs_the_jobs(trac: TracBench, trac_runtime: TracRuntime) -> None:
    trac.store.add_resource(MODEL_REPOSITORY)
    trac.store.add_model(
        "loans.LoanBook",
        repository=MODEL_REPOSITORY,
        parameters={"rows": "INTEGER"},
        outputs={"loans": "DATA"},
    )
    hook = trac.hook()
    job = platform.import_model(
        repository=MODEL_REPOSITORY, path="src", entry_point="loans.LoanBook", version="v1"
    )
    started = hook.submit_job(job)
    assert started.job is not None
    trac.finish(started.job.object_id)
    [found] = hook.search("MODEL", ["trac_create_job", "EQ", started.job.key])
    hook.submit_job(hook.plan_model_run(found.header, parameters={"rows": 3}))

    importing, running = (json.loads(entry.body) for entry in trac.requests("submit_job"))
    imported = trac_runtime.run(importing)
    # In the runtime, the model is another object. Everything else is what the hook has sent.
    running["job"]["runModel"]["model"] = imported.model
    done = trac_runtime.run(running)
    assert len(trac_runtime.rows(done.outputs["loans"])) == 3
