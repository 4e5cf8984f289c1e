"""Runs that follow a script: what the stores of the platforms have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import Field

from dataops_sandbox.platform import Platform, RunRecord, changing
from dataops_sandbox.rules import Rules, Seconds, checked


class Script(Rules):
    """How a run behaves; a platform adds what its runs can do besides."""

    duration: Seconds | None = None
    """Seconds from the start to the end; ``None``: the usual time."""
    hold: bool = False
    """Never end by itself, only by ``finish``."""

    def lasts(self, usual: float) -> float:
        """Give the seconds that a run takes, where the usual time is ``usual``."""
        return usual if self.duration is None else self.duration

    def phase(self, seconds: float | None, usual: float) -> float:
        """Give the seconds of a short phase: as scripted, else a twentieth of the usual time.

        A run that takes no time has no such phase.
        """
        if seconds is not None:
            return seconds
        return 0.0 if self.duration == 0 else usual / 20


class _Uses(Rules):
    times: int | None = Field(None, ge=1)


ScriptT = TypeVar("ScriptT", bound=Script)


class ScriptBook(Generic[ScriptT]):
    """Which behaviour the next run of a resource gets.

    A script for the resource goes before one for any; one for the next few runs goes before a lasting
    one. Of several for the next runs the oldest is used up first; of several lasting ones the newest
    holds.
    """

    def __init__(self) -> None:
        self._next: dict[str | None, deque[ScriptT]] = {}
        self._lasting: dict[str | None, ScriptT] = {}

    def arm(self, script: ScriptT, resource: str | None, times: int | None) -> None:
        """Keep a script.

        :param resource: the pipeline, source, ... that it is for; ``None``: any
        :param times: runs that get it; ``None``: all
        """
        if times is None:
            self._lasting[resource] = script
        else:
            self._next.setdefault(resource, deque()).extend([script] * times)

    def take(self, resource: str) -> ScriptT | None:
        """Give the script for a new run of ``resource``, if there is one, and use it up if it is limited."""
        for key in (resource, None):
            if self._next.get(key):
                return self._next[key].popleft()
            if key in self._lasting:
                return self._lasting[key]
        return None


@dataclass(kw_only=True)
class Run(ABC, Generic[ScriptT]):
    """One run. Its state is looked up, not driven: :meth:`advance` brings it up to now."""

    run_id: str
    resource: str
    """What scripts go by: the pipeline, source, ... that it works on."""
    created_by: str
    created_at: float
    """Instant of the sandbox's timeline, as all times of a run."""
    script: ScriptT
    duration: float
    finished_at: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    """What only the sandbox can tell."""

    @abstractmethod
    def advance(self, now: float) -> None:
        """Enter the states that are due."""

    @abstractmethod
    def end(self, at: float) -> None:
        """Enter the end; a platform adds how it can end."""

    @abstractmethod
    def status(self, now: float) -> str:
        """Give the state as the API shows it."""

    @abstractmethod
    def began(self, now: float) -> float | None:
        """Give the instant at which it began to run, if it has by now."""

    def detail(self) -> dict[str, Any]:
        """Give what only the sandbox can tell."""
        return self.details


RunT = TypeVar("RunT", bound=Run[Any])


class RunStore(Platform, Generic[RunT, ScriptT]):
    """A platform whose runs follow scripts."""

    noun: ClassVar[str]
    """What the platform calls a run."""
    script_class: type[ScriptT]
    controls: ClassVar[tuple[str, ...]] = ("script", "start", "finish", "forget")

    @changing
    def reset(self) -> None:
        """Go back to how the sandbox starts; see :class:`.platform.Platform`."""
        self.started: dict[str, RunT] = {}
        self._scripts: ScriptBook[ScriptT] = ScriptBook()
        super().reset()

    @changing
    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how runs will behave.

        :param resource: what the runs work on; ``None``: anything
        :param times: the next so many runs; ``None``: all to come
        :param behaviour: fields of the platform's subclass of :class:`Script`
        :raises ValueError: if it has no such field, or a field cannot have such a value
        """
        checked(_Uses, {"times": times})
        self._scripts.arm(checked(self.script_class, behaviour), resource, times)

    def scripted(self, resource: str) -> ScriptT:
        """Give the behaviour of a new run, and use it up if it was for so many runs."""
        return self._scripts.take(resource) or self.script_class()

    @changing
    def add(self, run: RunT) -> RunT:
        """Keep a new run."""
        run.advance(self.world.timeline.now())
        self.started[run.run_id] = run
        return run

    @changing
    def run(self, run_id: str) -> RunT:
        """Give a run, brought up to now.

        :raises KeyError: if there is none of that id
        """
        run = self.started[run_id]
        run.advance(self.world.timeline.now())
        return run

    @changing
    def all(self) -> list[RunT]:
        """Give every run, brought up to now, oldest first."""
        return [self.run(run_id) for run_id in self.started]

    @changing
    def finish(self, run_id: str, *how: Any, **more: Any) -> None:
        """End a run now.

        :param how: how it ends, as the platform's subclass of :class:`Run` takes it; left out: well
        :raises ValueError: if it has ended
        """
        run = self.run(run_id)
        if run.finished_at is not None:
            raise ValueError(f"{self.noun} {run_id} has already ended")
        run.end(self.world.timeline.now(), *how, **more)

    @changing
    def forget(self, run_id: str) -> None:
        """Let a run vanish, as one that has aged out."""
        del self.started[run_id]

    @changing
    def runs(self) -> list[RunRecord]:
        """Give every run that was started, oldest first."""
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
