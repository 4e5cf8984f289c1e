"""What the tasks of TRAC share."""

from __future__ import annotations

from airflow_provider_dataops.tasks.trac import TracTask


class Searching(TracTask):
    """A task with an additional argument."""

    object_type = "DATA"


def test_a_call_gets_the_tenant_and_the_named_arguments() -> None:
    assert Searching(task_id="t").call_arguments() == {"tenant": None}
    task = Searching(task_id="t", tenant="ACME_CORP")
    assert task.call_arguments("object_type") == {"object_type": "DATA", "tenant": "ACME_CORP"}
