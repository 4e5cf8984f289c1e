"""Random kills: 200 tasks with resources of their own, and 20 tasks that share one."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from devtools.postgres import Postgres
from tests.chaos import evidence, plan, verdict
from tests.chaos.acts import Stage
from tests.chaos.dags.storm.storm import SHARES, name
from tests.chaos.proxy import Proxy
from tests.chaos.settings import LOSES_SCHEDULERS, environment
from tests.chaos.storm import Storm
from tests.chaos.targets import TARGETS, connections

if TYPE_CHECKING:
    from collections.abc import Iterator

DAGS = Path(__file__).parent / "dags" / "storm"
#: The shortest and the longest run, in seconds.
RUN_SECONDS = (4.0, 40.0)


@pytest.fixture
def sandbox(seed: str) -> Iterator[Sandbox]:
    """Serve the platforms. The seed decides how long each run takes."""
    random = Random(f"{seed}-runs")  # noqa: S311
    with Sandbox() as server:
        server.tamr.configure(slots=1000)
        server.quantemplate.upload("d-claims", b"claim_id,paid\nCL-1,1\n")
        for platform in {platform for platform, _ in SHARES}:
            for index in range(SHARES[platform, True] + SHARES[platform, False]):
                TARGETS[platform].add(server, name(index), duration=random.uniform(*RUN_SECONDS))
        server.quantemplate.add_pipeline(verdict.SHARED_PIPELINE, "d-claims")
        server.quantemplate.script(verdict.SHARED_PIPELINE, duration=5.0)
        yield server


def test_under_random_kills_each_task_has_one_run_and_each_run_one_task(
    sandbox: Sandbox, seed: str, kept: Path, figures: list[str]
) -> None:
    figures.append(f"seed {seed}: SEED={seed} make chaos repeats its acts")
    began = time.monotonic()
    lines = (kept / "acts.log").open("w", buffering=1)

    def note(line: str) -> None:
        lines.write(f"{time.monotonic() - began:7.1f} {line}\n")

    with lines, Postgres() as database, Proxy(sandbox.url) as platforms:
        env = environment(DATABASE__SQL_ALCHEMY_CONN=database.url, **LOSES_SCHEDULERS)
        fields = connections(sandbox, platforms.url)
        with AirflowStack(kept / "storm", DAGS, fields, env, parallelism=16, triggerers=2) as stack:
            stage = Stage(stack, database, sandbox, platforms, note)
            storm = Storm(stage, plan.draw(seed), ("storm", "shared"))
            try:
                storm.run()
                tasks, shared = (verdict.tasks_of(stage, dag_id) for dag_id in ("storm", "shared"))
                found = verdict.judge(stage, tasks, shared)
                for job, cause in found.stopped.items():
                    note(f"Tamr job {job} was stopped by {cause}; another job took its place")
            finally:
                figures.append(_acts(stage, storm))
                evidence.keep(sandbox, kept / "storm")
    tries = sum(task.tries for task in tasks)
    results = sum(task.state == "success" for task in tasks)
    own = sum(task.state == "success" for task in shared)
    figures.append(
        f"random kills: {len(tasks)} tasks with resources of their own, {tries} tries, {results} results"
    )
    figures.append(
        f"beside them: {len(shared)} tasks on one pipeline, {own} results, "
        f"{found.guessed} of them logged as a guess, {found.ambiguous} ambiguous"
    )
    figures.append(f"{found.runs} remote runs")
    figures.append(f"Tamr jobs with a successor: {found.successors}")
    figures.append(f"{time.monotonic() - began:.0f} s")
    assert not found.broken, "\n".join([f"see {kept}", *found.broken])


def _acts(stage: Stage, storm: Storm) -> str:
    tried = [f"{count} {kind}" for kind, count in sorted(stage.done.items())]
    return (
        f"acts: {stage.done.total()} ({', '.join(tried)}); {storm.missed} found no victim; "
        f"{storm.restarts} services ended by themselves and were restarted"
    )
