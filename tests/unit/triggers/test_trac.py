"""How one search returns the states of many TRAC jobs."""

from __future__ import annotations

from uuid import UUID

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.triggers.trac import TracJobTrigger
from tests.unit.fakes import sweep
from tests.unit.operators.stage import Hook
from tests.unit.operators.trac.stage import Gateway
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import header, tag

JOBS = [str(UUID(int=n)) for n in (1, 2, 3)]


def trigger(job_id: str, token: str = "", tenant: str = "ACME_CORP") -> TracJobTrigger:
    return TracJobTrigger(
        conn_id="trac_default",
        tenant=tenant,
        run_id=job_id,
        submission_id=token,
        deadline=2e9,
        poll_interval=30.0,
    )


def test_one_search_returns_all_active_jobs_with_a_token() -> None:
    gateway = Gateway()
    for job_id, token in zip(JOBS, "abc", strict=True):
        attrs = {"trac_job_type": "RUN_MODEL", "trac_job_status": "RUNNING", "airflow_token": token}
        gateway.jobs[job_id] = tag(header("JOB", job_id), {}, **attrs)
    gateway.end(JOBS[1])
    triggers = [trigger(job_id, token) for job_id, token in zip(JOBS[:2], "ab", strict=True)]
    triggers.append(trigger(JOBS[2]))
    hook = Hook(gateway, lambda _: None, trac())
    active = hook.run(sweep(hook.api, *triggers))
    assert gateway.sent == ["search"]
    # A job that has ended needs a request for its outputs. No search finds a job without a token.
    assert {key: snapshot.run_id for key, snapshot in active.items()} == {triggers[0].key: JOBS[0]}
    assert hook.run(triggers[1].look(hook.api)).state is RunState.SUCCEEDED
    assert hook.run(triggers[2].look(hook.api)).state is RunState.RUNNING


def test_jobs_of_one_tenant_are_in_one_group() -> None:
    groups = {t.group for t in (trigger(JOBS[0]), trigger(JOBS[1], "b"))}
    assert len(groups) == 1
    assert trigger(JOBS[0], tenant="OTHER").group not in groups


def test_a_trigger_does_not_stop_its_job_but_links_to_it() -> None:
    api = trac(extra={"link_template": "https://ui/{tenant}/{job_id}"})
    assert not trigger(JOBS[0], "a").cancel_on_kill
    assert trigger(JOBS[0], "a").url(api) == f"https://ui/ACME_CORP/{JOBS[0]}"
