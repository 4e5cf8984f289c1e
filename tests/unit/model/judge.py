"""What must hold whatever happens, judged by what nobody but the model knows."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException

from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.lifecycle.record import Phase
from tests.unit.model.task import ENDED, ApiServerError, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.model.process import Process
    from tests.unit.model.remote import RemoteRun
    from tests.unit.model.task import Task
    from tests.unit.model.world import World

#: A live try notes a neighbour's Clear within a minute, and so much more until the next step of its wait.
NOTICE = 60.0 + 16.0
#: So long a run that was never listed, or that was, must be away before another may be started.
NEVER_SEEN, SEEN = 60.0, 1_800.0
#: What is said where nothing shows whether there is a run.
IN_DOUBT = re.compile("[Mm]ay (still )?be running|is not known yet")
#: The clocks of lists and runs need not agree, and the header Date has whole seconds.
CLOCK_MARGIN = 60.0 + 1.0
#: A stop may follow so many steps after Airflow has shown that no newer try has taken over.
RACE = 2


class Judge:
    """Watches a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.remote = world.remote
        self.exact = world.kind.launch.exact
        self.lists = world.kind.launch.lists_runs
        self.verdict = ""

    # --- what it is told -------------------------------------------------------------------------------

    def started(self, process: Process) -> None:
        """A new try begins. A neighbour's Clear that the last one did not live to note starts afresh, too."""
        task = process.task
        had_time = task.awake > NOTICE
        was_away = task.airflow_away >= task.neighbour_cleared or task.dag_run.is_away
        if task.is_stale and (not had_time or was_away):
            task.generation += 1
        process.generation = task.generation

    def cleared(self, task: Task) -> None:
        """A person clears the task.

        Its record cannot show that while it says "deferred" and a process has begun that has written nothing
        yet: a crash of that process, and a neighbour's Clear before it, leave the same behind.
        """
        task.generation += 1
        task.is_stale = False
        record, worker = task.record, task.worker
        if record is not None and worker is not None and not worker.writes and record.phase is Phase.DEFERRED:
            task.unseen_clears.add(task.epoch + 1)

    def submitted(self, run: RemoteRun) -> None:
        """The platform has taken a submission: no run that stands may be there."""
        process = run.process
        assert process is not None
        if not process.is_superseded and process.task.record is not None:
            run.token = process.task.record.token
        if run.superseded:
            return
        for other in self.runs_of(process.task):
            if other is run or other.superseded or _generation(other) != process.generation:
                continue
            state = self.remote.state(other)
            if state in {"failed", "cancelled"}:
                continue
            if other.place != process.place and state != "active":
                continue
            self.demand(self.was_lost(other), f"{run.run_id} was started although {other.run_id} is {state}")

    def was_lost(self, run: RemoteRun) -> bool:
        """Return whether the task may take the run for lost: it was told so, and the log says it."""
        long_enough = run.longest_absence >= (SEEN if run.shown else NEVER_SEEN) - 1.0
        return long_enough and any("no longer known" in line.text for line in self.lines_about(run))

    def stopped(self, run: RemoteRun, process: Process) -> None:
        """The platform was asked to stop a run: by its own task, and by a try that Airflow held for the task's."""
        owner = run.process
        if owner is None or owner.task is not process.task:
            self.demand(False, f"{run.run_id} is not a run of this task and was stopped")
            return
        # A signal handler cannot ask Airflow while anything else of the process may be asking it something.
        is_free = process.is_superseded and not process.cannot_ask
        if is_free and _generation(run) == process.task.generation:
            late = process.stop_at - process.proved_at
            self.demand(
                late <= RACE, f"a superseded try stopped {run.run_id}, {late} steps after its last write"
            )

    def raised(self, process: Process, error: BaseException) -> None:
        if not isinstance(error, DataOpsError | AirflowException | ApiServerError):
            raise AssertionError(f"an error that is none of ours: {error!r}") from error
        process.task.note(process, logging.ERROR, str(error))

    def succeeded(self, process: Process) -> None:
        """A task has ended well: its run is its own and has succeeded, with the arguments of this try."""
        task = process.task
        run = self.remote.runs[task.result["run_id"]]
        if task.options.get("wait_for_completion", True):
            self.demand(run.outcome == "succeeded", f"{run.run_id} is {self.remote.state(run)}")
        if run.process is not None and run.process.task is task:
            later = range(run.process.epoch + 1, process.epoch + 1)
            if task.unseen_clears.issuperset(later) and run.place == process.place:
                return
        guesses = [line for line in self.lines_about(run, task) if "; a guess)" in line.text]
        what = f"{task.name}[{task.map_index}] succeeded with {run.run_id}"
        self.demand(guesses and not self.exact, f"{what}, which is not its own")
        record = task.record
        since = task.listed_at[record.token] if record else 0.0
        self.demand(run.began >= since - CLOCK_MARGIN, f"{what}, which began before the submission")

    def demand(self, holds: object, what: str) -> None:
        """Fail with the whole story where something does not hold."""
        if holds:
            return
        story = [f"{what}; at {self.remote.now:.1f}"]
        story += [f"  {run}" for run in self.remote.runs.values()]
        for task in self.world.tasks:
            story += [
                f"  {task.map_index} {task.state} try {task.try_number} of {task.max_tries + 1}: {task.stored}"
            ]
            story += [f"    {line}" for line in task.log]
        # The code that is judged may catch an error that is raised within it.
        self.verdict = self.verdict or "\n".join(story)

    def pronounce(self) -> None:
        """Raise what was found."""
        if self.verdict:
            raise AssertionError(self.verdict)

    # --- what it looks at ------------------------------------------------------------------------------

    def runs_of(self, task: Task) -> Iterator[RemoteRun]:
        for run in self.remote.runs.values():
            if run.process is not None and run.process.task is task:
                yield run

    def lines_about(self, run: RemoteRun, task: Task | None = None, level: int = 0) -> list[Line]:
        task = task or (run.process.task if run.process else None)
        assert task is not None
        return [line for line in task.log if line.level >= level and line.names(run.run_id)]

    def check(self) -> None:
        """Judge the world as it is now."""
        for task in self.world.tasks:
            active = [run for run in self.runs_of(task) if self.remote.state(run) == "active"]
            if not active:
                continue
            silent = [run for run in active if not self.is_named(run, logging.WARNING)]
            self.demand(
                len(silent) <= 1 or len(active) == 1, f"active in silence: {[r.run_id for r in silent]}"
            )
            if task.state in ENDED and all(process.is_over for process in self.world.processes_of(task)):
                for run in active:
                    self.demand(self.is_named(run, logging.INFO), f"{run.run_id} is left without a line")
        self.pronounce()

    def is_named(self, run: RemoteRun, level: int) -> bool:
        """Return whether the log names a run, or somebody will yet."""
        process = run.process
        assert process is not None
        if not process.is_over:
            return True
        if process.is_killed and run.superseded:
            # It submitted after the newer try had searched, and was killed before it could say so.
            level = min(level, logging.INFO)
        if self.lines_about(run, level=level):
            return True
        lines = [line for line in process.task.log if line.level >= level]
        is_last = self.world.processes_of(process.task)[-1] is process
        if level < logging.WARNING and process.is_killed and (is_last or not run.remembered):
            return any(line.process is process and "If this log ends here" in line.text for line in lines)
        if run.remembered:
            return False
        # No later try can know its id. The log says that there may be one.
        if level >= logging.WARNING and self.lists:
            return False
        return any(IN_DOUBT.search(line.text) for line in lines if line.level >= logging.WARNING)


def _generation(run: RemoteRun) -> int:
    assert run.process is not None
    return run.process.generation
