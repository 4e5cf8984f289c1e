"""Base classes of the platforms' stores: runs, and the scripts that define how the runs behave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import Field

from dataops_sandbox.platform import Platform, RunRecord, changing
from dataops_sandbox.rules import Rules, Seconds, validate_options


class Script(Rules):
    """How a run behaves. A platform's subclass adds its own options."""

    duration: Seconds | None = None
    """Seconds from start to end; ``None``: the platform's ``run_seconds``."""
    hold: bool = False
    """Whether the run ends only when a test calls ``finish``."""

    def lasts(self, usual: float) -> float:
        """Return the duration of a run in seconds, or ``usual`` if the script sets no duration."""
        return usual if self.duration is None else self.duration

    def phase(self, seconds: float | None, usual: float) -> float:
        """Return the duration of a short phase, such as waiting for a slot.

        :param seconds: the duration in the script; ``None``: 0 if ``duration`` is 0, otherwise a twentieth
            of ``usual``
        :param usual: duration of a run in seconds if the script sets no duration
        """
        if seconds is not None:
            return seconds
        return 0.0 if self.duration == 0 else usual / 20


class _Uses(Rules):
    times: int | None = Field(None, ge=1)


ScriptT = TypeVar("ScriptT", bound=Script)


class ScriptBook(Generic[ScriptT]):
    """Chooses the script for each new run.

    - A script for the resource wins over a script for any resource.
    - A script with a limited number of runs wins over a script without a limit.
    - If there are several limited scripts, the oldest is used up first.
    - If there are several scripts without a limit, the newest replaces the others.
    """

    def __init__(self) -> None:
        self._next: dict[str | None, deque[ScriptT]] = {}
        self._lasting: dict[str | None, ScriptT] = {}

    def arm(self, script: ScriptT, resource: str | None, times: int | None) -> None:
        """Add a script.

        :param resource: the pipeline, source, ... of the runs; ``None``: any resource
        :param times: how many runs get the script; ``None``: all runs
        """
        if times is None:
            self._lasting[resource] = script
        else:
            self._next.setdefault(resource, deque()).extend([script] * times)

    def take(self, resource: str) -> ScriptT | None:
        """Return the script for a new run, or ``None``. If the script has a limit, count this use."""
        for key in (resource, None):
            if self._next.get(key):
                return self._next[key].popleft()
            if key in self._lasting:
                return self._lasting[key]
        return None


@dataclass(kw_only=True)
class Run(ABC, Generic[ScriptT]):
    """One run. No timer changes the state of a run: call :meth:`advance` before you read the state."""

    run_id: str
    resource: str
    """The pipeline, source, ... that the run works on. The resource decides which script the run gets."""
    created_by: str
    created_at: float
    """Creation time. All times of a run are instants of the sandbox's timeline, in seconds."""
    script: ScriptT
    duration: float
    finished_at: float | None = None

    @abstractmethod
    def advance(self, now: float) -> None:
        """Let the run enter all states that are due by ``now``."""

    @abstractmethod
    def end(self, at: float) -> None:
        """End the run. A platform's subclass adds arguments, e.g. the final status."""

    @abstractmethod
    def status(self, now: float) -> str:
        """Return the state as the API shows it."""

    @abstractmethod
    def began(self, now: float) -> float | None:
        """Return the instant at which the run began to work; ``None`` if it has not begun by ``now``."""

    def detail(self) -> dict[str, Any]:
        """Return facts about the run that the platform's API does not show."""
        return {}


RunT = TypeVar("RunT", bound=Run[Any])


class RunStore(Platform, Generic[RunT, ScriptT]):
    """A platform whose runs behave as a test has defined with :meth:`script`."""

    noun: ClassVar[str]
    """The platform's word for a run, e.g. ``job``."""
    script_class: type[ScriptT]
    controls: ClassVar[tuple[str, ...]] = ("script", "start", "finish", "forget")

    @changing
    def reset(self) -> None:
        """Restore the initial state; see :meth:`.platform.Platform.reset`."""
        self.started: dict[str, RunT] = {}
        self._scripts: ScriptBook[ScriptT] = ScriptBook()
        super().reset()

    @changing
    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Set how future runs behave.

        :param resource: the pipeline, source, ... that the runs work on; ``None``: any resource
        :param times: how many runs get the script; ``None``: all runs
        :param behaviour: fields of the platform's subclass of :class:`Script`
        :raises ValueError: if there is no such field, or a value is not valid
        """
        validate_options(_Uses, {"times": times})
        self._scripts.arm(validate_options(self.script_class, behaviour), resource, times)

    def scripted(self, resource: str) -> ScriptT:
        """Return the script for a new run. If the script has a limit, count this use."""
        return self._scripts.take(resource) or self.script_class()

    @changing
    def add(self, run: RunT) -> RunT:
        """Add a new run, and return it."""
        run.advance(self.world.timeline.now())
        self.started[run.run_id] = run
        return run

    @changing
    def run(self, run_id: str) -> RunT:
        """Return a run in its current state.

        :raises KeyError: if there is no run with that id
        """
        run = self.started[run_id]
        run.advance(self.world.timeline.now())
        return run

    @changing
    def all(self) -> list[RunT]:
        """Return all runs in their current state, oldest first."""
        return [self.run(run_id) for run_id in self.started]

    @changing
    def finish(self, run_id: str, *how: Any, **more: Any) -> None:
        """End a run now.

        :param how: arguments of ``end`` in the platform's subclass of :class:`Run`; without arguments, the
            run succeeds
        :raises ValueError: if the run has already ended
        """
        run = self.run(run_id)
        if run.finished_at is not None:
            raise ValueError(f"{self.noun} {run_id} has already ended")
        run.end(self.world.timeline.now(), *how, **more)

    @changing
    def forget(self, run_id: str) -> None:
        """Remove a run, as a platform does with old runs."""
        del self.started[run_id]

    @changing
    def runs(self) -> list[RunRecord]:
        """Return every run that was started, oldest first."""
        return [self._record(run) for run in self.all()]

    def _record(self, run: RunT) -> RunRecord:
        now, wall = self.world.timeline.now(), self.world.timeline.wall
        began = run.began(now)
        return RunRecord(
            platform=self.name,
            run_id=run.run_id,
            resource=run.resource,
            state=run.status(now),
            finished=run.finished_at is not None,
            created_by=run.created_by,
            created_at=wall(run.created_at).timestamp(),
            started_at=None if began is None else wall(began).timestamp(),
            finished_at=None if run.finished_at is None else wall(run.finished_at).timestamp(),
            detail=run.detail(),
        )
