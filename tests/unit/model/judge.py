"""The rules that hold in any order of events. They are checked against facts that only the model knows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.lifecycle.record import Phase
from tests.generated import rules
from tests.unit.model.task import ENDED, ApiServerError, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.model.process import Process
    from tests.unit.model.remote import RemoteRun
    from tests.unit.model.task import Task
    from tests.unit.model.world import World

#: A live try stores the DAG run's number of Clears once a minute. Its next step may come this much later.
NOTICE = 60.0 + 16.0
#: A run must be absent for this long before a retry may start another one, in seconds. The first time is for
#: a run that no response has shown yet.
NEVER_SEEN, SEEN = 60.0, 1_800.0
#: A line with one of these texts says that there may be a run whose id is not known.
IN_DOUBT = (
    "may be running",
    "may still be running",
    "keeps running",
    "is not known yet",
    "may begin ",
    "a guess: ",
)
#: A line with one of these texts announces a stop. Another line must follow with its outcome.
ANNOUNCES_STOP = ("Stopping the ", "Asking Airflow whether ", "If the task has ended, ")
#: A line with this text takes a run for the task's own, without certainty.
GUESS = "a guess: "
#: A line with this text says that the platform does not know a run any more.
LOST = "is no longer known"
#: A line with this text comes before the submission. It remains if the process is killed after that.
BEFORE_SUBMISSION = "If this log ends here, the "
#: The clock of a list and that of a run may differ by a minute, and the header Date has whole seconds.
CLOCK_MARGIN = 60.0 + 1.0
#: A process may send a stop this many steps after Airflow has shown that no newer try has taken over.
RACE = 2


class Judge:
    """Checks the rules whenever the world changes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.remote = world.remote
        self.exact = world.kind.launch.exact
        self.lists = world.kind.launch.lists_runs
        self.verdict = ""

    # --- what the world reports ------------------------------------------------------------------------

    def started(self, process: Process) -> None:
        """A new try of a task begins.

        The provider may take a Clear of another task for one of this task. That happens if the last try died
        before it could store the new number of Clears. So a new generation is allowed then.
        """
        task = process.task
        had_time = task.awake > NOTICE
        was_away = task.airflow_away >= task.neighbour_cleared or task.dag_run.is_away
        if task.is_stale and (not had_time or was_away):
            task.generation += 1
        process.generation = task.generation

    def cleared(self, task: Task) -> None:
        """A person clears the task.

        The next try cannot see this Clear if the record says "deferred" while the task is on a worker. It is
        about to defer, or it has resumed in a process that has written nothing yet. A crash of a resumed
        process after a Clear of another task leaves the same record.
        """
        task.generation += 1
        task.is_stale = False
        record, worker = task.record, task.worker
        if record is not None and record.phase is Phase.DEFERRED and worker is not None and not worker.waits:
            task.unseen_clears.add(task.epoch + 1)

    def submitted(self, run: RemoteRun) -> None:
        """The platform has started a run. No other run of the task may be active or have succeeded."""
        process = run.process
        assert process is not None
        if run.superseded:
            return
        standing = [
            f"{other.run_id} is {self.remote.state(other)}"
            for other in self.runs_of(process.task)
            if other is not run and self.still_stands(other, process) and not self.was_lost(other)
        ]
        self.demand(not standing, "a second run", f"{run.run_id} was started although {standing}")

    def still_stands(self, run: RemoteRun, process: Process) -> bool:
        """Return whether an earlier run keeps a process from starting another one."""
        if run.superseded or _generation(run) != process.generation:
            return False
        state = self.remote.state(run)
        if state == "active":
            return True
        # A run at another place may have undone what this one did. So arguments that change back start a run.
        is_undone = any(
            other.place != run.place and other.began > run.began for other in self.runs_of(process.task)
        )
        return state in {"stopping", "succeeded"} and run.place == process.place and not is_undone

    def was_lost(self, run: RemoteRun) -> bool:
        """Return whether the task may take a run for lost: it was absent long enough, and the log says so."""
        if run.was_lost:
            return True
        if not self.world.kind.absence_proves:
            # A run that began too late for the search may have been taken for the one that was guessed.
            return (
                run.overdue
                and run.process is not None
                and any(GUESS in line.text for line in run.process.task.log)
            )
        long_enough = run.longest_absence >= (SEEN if run.shown else NEVER_SEEN) - 1.0
        run.was_lost = long_enough and any(LOST in line.text for line in self.lines_about(run))
        return run.was_lost

    def stopped(self, run: RemoteRun, process: Process) -> None:
        """The platform gets a request to stop a run. It must come from the run's own task and newest try."""
        owner = run.process
        is_own = owner is not None and owner.task is process.task
        self.demand(
            is_own, "a stop of a foreign run", f"{run.run_id} is not a run of this task and was stopped"
        )
        # A signal handler must not call Airflow while the code that it interrupted may be doing so.
        could_ask = process.is_superseded and not process.cannot_ask
        late = process.stop_at - process.proved_at
        is_wrong = is_own and could_ask and _generation(run) == process.task.generation and late > RACE
        what = f"a superseded try stopped {run.run_id}, {late} steps after its last call of the store"
        self.demand(not is_wrong, "a stop by an old try", what)

    def raised(self, process: Process, error: BaseException) -> None:
        """A process has ended with an error."""
        # A killed task ends with SystemExit.
        if not isinstance(error, DataOpsError | AirflowException | ApiServerError | SystemExit):
            raise AssertionError(
                f"an error that is neither the provider's nor Airflow's: {error!r}"
            ) from error
        process.task.note(process, logging.ERROR, str(error))

    def succeeded(self, process: Process) -> None:
        """A task has succeeded. So must its run have, and it is the task's own, or a logged guess."""
        task = process.task
        run = self.remote.runs[task.result["run_id"]]
        self.demand(
            run.outcome == "succeeded",
            "a success without a successful run",
            f"{run.run_id} is {self.remote.state(run)}",
        )
        what = f"{task.name}[{task.map_index}] succeeded with {run.run_id}"
        is_own = run.process is not None and run.process.task is task and run.place == process.place
        if is_own and run.process is not None:
            later = range(run.process.epoch + 1, process.epoch + 1)
            is_own = task.unseen_clears.issuperset(later)
        guesses = [line for line in self.lines_about(run, task) if GUESS in line.text]
        is_guess = bool(guesses) and not self.exact
        self.demand(is_own or is_guess, "a foreign run", f"{what}, which is not its own")
        if is_own:
            return
        record = task.record
        since, listed_ids = task.listed[record.token] if record else (0.0, frozenset())
        is_newer = run.began >= since - CLOCK_MARGIN and run.run_id not in listed_ids
        self.demand(is_newer, "an older run", f"{what}, which began before the submission")

    def demand(self, holds: object, rule: str, what: str) -> None:
        """Note a violation of a rule, with the whole story. The first one counts.

        It is raised by :meth:`pronounce`, because the code under test might catch it here.

        :param rule: the fault that the rule excludes, for the figures at the end.
        :param what: the fault in this case.
        """
        rules[rule] += 1
        if holds:
            return
        story = [f"{what}; at {self.remote.now:.1f}"]
        story += [f"  {run}" for run in self.remote.runs.values()]
        for task in self.world.tasks:
            tries = f"try {task.try_number} of {task.max_tries + 1}"
            story += [f"  {task.map_index} {task.state} {tries}: {task.stored}"]
            story += [f"    {line}" for line in task.log]
        self.verdict = self.verdict or "\n".join(story)

    def pronounce(self) -> None:
        """Raise the violation that was found, if there is one."""
        if self.verdict:
            raise AssertionError(self.verdict)

    # --- what the log says -----------------------------------------------------------------------------

    def runs_of(self, task: Task) -> Iterator[RemoteRun]:
        for run in self.remote.runs.values():
            if run.process is not None and run.process.task is task:
                yield run

    def lines_about(self, run: RemoteRun, task: Task | None = None, level: int = 0) -> list[Line]:
        task = task or (run.process.task if run.process else None)
        assert task is not None
        return [line for line in task.log if line.level >= level and line.names(run.run_id)]

    def check(self) -> None:
        """Check the rules about active runs."""
        for task in self.world.tasks:
            active = [run for run in self.runs_of(task) if self.remote.state(run) == "active"]
            if not active:
                continue
            if len(active) > 1:
                current = self.current_run(task)
                silent = [
                    r.run_id for r in active if r is not current and not self.is_named(r, logging.WARNING)
                ]
                self.demand(not silent, "two active runs in silence", f"active in silence: {silent}")
            if task.state in ENDED and all(process.is_over for process in self.world.processes_of(task)):
                for run in active:
                    self.demand(
                        self.is_named(run, logging.INFO),
                        "an active run without a log line",
                        f"{run.run_id} is left without a line",
                    )
        self.pronounce()

    def current_run(self, task: Task) -> RemoteRun | None:
        """Return the run that the task's record stands for."""
        record = task.record
        if record is None:
            return None
        runs = self.runs_of(task)
        return next((r for r in runs if r.run_id == record.run_id or r.token == record.token), None)

    def is_named(self, run: RemoteRun, level: int) -> bool:
        """Return whether the log names an active run at this level, or its process may still log it."""
        process = run.process
        assert process is not None
        if not process.is_over:
            return True
        if process.is_killed and run.superseded:
            # The newer try had searched before this submission. This process was killed before the response.
            level = min(level, logging.INFO)
        if any(self.is_last_word(line) for line in self.lines_about(run, level=level)):
            return True
        lines = [line for line in process.task.log if line.level >= level]
        is_last = self.world.processes_of(process.task)[-1] is process
        if level < logging.WARNING and process.is_killed and (is_last or not run.remembered):
            return any(line.process is process and BEFORE_SUBMISSION in line.text for line in lines)
        if run.remembered:
            return False
        # No later try can know its id. The log says that there may be a run.
        if level >= logging.WARNING and self.lists and not run.overdue:
            return False
        warnings = [line.text.lower() for line in lines if line.level >= logging.WARNING]
        return any(text in warning for warning in warnings for text in IN_DOUBT)

    @staticmethod
    def is_last_word(line: Line) -> bool:
        """Return whether no other line about a run has to follow, because its process lives or was killed."""
        announces = any(text in line.text for text in ANNOUNCES_STOP)
        return not announces or line.process.is_killed or not line.process.is_over


def _generation(run: RemoteRun) -> int:
    assert run.process is not None
    return run.process.generation
