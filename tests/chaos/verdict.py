"""Compares tasks and remote runs after the storm, and counts the runs that may have a successor."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chaos.dags.storm.storm import SHARED, SHARES, resource_of
from tests.chaos.targets import TARGETS

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from dataops_sandbox.platform import RunRecord
    from tests.chaos.acts import Stage

SHARED_PIPELINE = "pipeline_shared"
#: A supervisor's line about its last failed heartbeat. After it, the supervisor sends a SIGTERM to its task.
_UNREACHED = re.compile(r"Failed to send heartbeat.* failed_heartbeats=(\d+) .*max_retries=\1 ")


@dataclass(frozen=True)
class Task:
    """One mapped task instance after its end.

    :param logs: the logs of all its tries and their triggers.
    :param result: the value that it returned.
    """

    task_id: str
    index: int
    state: str
    tries: int
    result: dict[str, Any] | None
    logs: str

    @property
    def label(self) -> str:
        return f"{self.task_id}[{self.index}]"

    @property
    def platform(self) -> str:
        return self.task_id.partition("_")[0]


@dataclass
class Verdict:
    """The figures of a storm.

    :ivar broken: one message for each broken invariant.
    :ivar stopped: the cause of the stop of each Tamr job that has a successor, by job id.
    :ivar runs: how many remote runs were started.
    :ivar ambiguous: how many of the tasks on the shared pipeline failed as ambiguous.
    :ivar guessed: how many of them adopted a run and logged that this was a guess.
    """

    broken: list[str] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)
    runs: int = 0
    ambiguous: int = 0
    guessed: int = 0

    @property
    def successors(self) -> str:
        """How many Tamr jobs have a successor, and why each of them was stopped."""
        causes = Counter(self.stopped.values())
        return "; ".join(f"{count} after {cause}" for cause, count in causes.items()) or "none"


def tasks_of(stage: Stage, dag_id: str) -> list[Task]:
    """Return the tasks of a DAG run. The id of the DAG run is that of its DAG."""
    airflow, found = stage.stack.client, []
    for instance in airflow.task_instances(dag_id, dag_id):
        task_id, index = instance["task_id"], instance["map_index"]
        folder = stage.stack.home / "logs" / f"dag_id={dag_id}" / f"run_id={dag_id}" / f"task_id={task_id}"
        files = sorted((folder / f"map_index={index}").glob("*.log*"))
        found.append(
            Task(
                task_id=task_id,
                index=index,
                state=str(instance["state"]),
                tries=instance["try_number"],
                result=airflow.xcom(dag_id, dag_id, task_id, map_index=index),
                logs="\n".join(path.read_text(errors="replace") for path in files),
            )
        )
    return found


def judge(stage: Stage, storm: list[Task], shared: list[Task]) -> Verdict:
    """Check all invariants of the storm, and return the figures."""
    verdict = Verdict()
    report = verdict.broken.append
    sandbox = stage.sandbox
    if len(storm) != sum(SHARES.values()) or len(shared) != SHARED:
        report(f"{len(storm)} and {len(shared)} tasks instead of {sum(SHARES.values())} and {SHARED}")
    for task in storm:
        _judge_own(task, stage, verdict)
    _judge_shared(shared, sandbox, verdict)
    runs = sandbox.runs()
    verdict.runs = len(runs)
    if active := [run.run_id for run in runs if not run.finished]:
        report(f"runs that are still active: {active}")
    strangers = {run.resource for run in runs} - {_resource(task) for task in storm} - {SHARED_PIPELINE}
    if strangers:
        report(f"runs of resources that no task has: {sorted(strangers)}")
    if refusals := sandbox.journal.refusals():
        report(f"{len(refusals)} requests broke a platform's rules, the first: {refusals[0]}")
    return verdict


def _resource(task: Task) -> str:
    return resource_of(task.task_id, task.index)


def _judge_own(task: Task, stage: Stage, verdict: Verdict) -> None:
    """Check a task with a resource of its own: one run, or the last one after Tamr jobs that were stopped."""
    if task.state != "success":
        verdict.broken.append(f"{task.label} is {task.state}: {_last_error(task)}")
        return
    runs = TARGETS[task.platform].runs(stage.sandbox, _resource(task))
    own = (task.result or {}).get("run_id")
    if not runs or own != runs[-1].run_id:
        verdict.broken.append(f"{task.label} returned {own}; its runs are {[run.run_id for run in runs]}")
    for run in runs[:-1]:
        cause = cause_of_stop(task, run, stage)
        if cause:
            verdict.stopped[run.run_id] = cause
        else:
            verdict.broken.append(f"{task.label} started {run.run_id} ({run.state}), and then another run")


def cause_of_stop(task: Task, run: RunRecord, stage: Stage) -> str:
    """Return why a Tamr job was stopped, by the logs; empty if the run may have no successor."""
    stopped = run.detail.get("error") or {}
    if run.platform != "tamr" or stopped.get("reason") != "STOPPED_BY_USER":
        return ""
    stoppers = _tries_that_stopped(run.run_id, task.logs)
    if stoppers & stage.terminated:
        return "a SIGTERM from an act"
    if any(_UNREACHED.search(line) for line in _lines_with(stoppers, stage.stack.logs("scheduler"))):
        return "a SIGTERM from Airflow after failed heartbeats"
    return ""


def _tries_that_stopped(run_id: str, logs: str) -> set[str]:
    """Return the ids of the tries that logged that they sent a request to stop a run."""
    # Airflow's API returns no ids of earlier tries. Each line of a log contains the id of its try.
    lines = [line for line in _lines_with({run_id}, logs) if " to stop" in line]
    return {str(json.loads(line)["ti_id"]) for line in lines}


def _lines_with(texts: set[str], log: str) -> list[str]:
    return [line for line in log.splitlines() if any(text in line for text in texts)]


def _judge_shared(tasks: list[Task], sandbox: Sandbox, verdict: Verdict) -> None:
    """Check the tasks on one pipeline: each has its own run, logs a guess, or fails as ambiguous."""
    holders: dict[str, list[Task]] = {}
    for task in tasks:
        if task.state == "success":
            holders.setdefault(str((task.result or {}).get("run_id")), []).append(task)
        elif "AmbiguousSubmitError" in task.logs:
            verdict.ambiguous += 1
        else:
            verdict.broken.append(f"{task.label} is {task.state}: {_last_error(task)}")
    known = {run.run_id for run in TARGETS["quantemplate"].runs(sandbox, SHARED_PIPELINE)}
    for run_id, sharing in holders.items():
        guesses = [task for task in sharing if f"Adopted execution {run_id}" in task.logs]
        verdict.guessed += len(guesses)
        if run_id not in known:
            verdict.broken.append(f"{sharing[0].label} returned {run_id}, which no task started")
        if len(sharing) - len(guesses) > 1:
            labels = [task.label for task in sharing]
            verdict.broken.append(f"{labels} returned {run_id}, and more than one of them logged no guess")


def _last_error(task: Task) -> str:
    lines = [line for line in task.logs.splitlines() if "Error" in line]
    return lines[-1][:500] if lines else "no error is logged"
