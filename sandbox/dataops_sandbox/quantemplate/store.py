from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from dataops_sandbox.content import KEPT_IN_MEMORY, Content, ContentWriter
from dataops_sandbox.legacy import Platform
from dataops_sandbox.pipeline import compute
from dataops_sandbox.platform import RunRecord
from dataops_sandbox.quantemplate.runs import Execution, ExecutionScript, Output
from dataops_sandbox.scripts import ScriptBook
from dataops_sandbox.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ORGANISATION = "c-sandbox"
API_USER = "u-api"
PERSON = "u-anna"

# Shared by all sandboxes: long inputs are computed one after the other.
_WORKERS = ThreadPoolExecutor(1, "sandbox-pipeline")


@dataclass
class Dataset:
    """A dataset of the Data tab: every upload is a version, numbered from 1."""

    dataset_id: str
    shared: bool = True
    """Whether it is shared with the API user, "can edit"."""
    versions: list[Content] = field(default_factory=list)


@dataclass
class Pipeline:
    """A pipeline of the Integrate tab."""

    pipeline_id: str
    input_id: str
    outputs: Sequence[str] = ("Cleansed",)
    shared: bool = True
    auto_run: bool = False
    """Whether a new version of its input starts a run by itself."""
    version: int = 1
    executions: list[Execution] = field(default_factory=list)


class QuantemplateStore(Platform):
    """What Quantemplate holds, and how a test or a person in its UI changes it."""

    name = "quantemplate"
    settings = ("client_id", "client_secret", "token_lifetime", "tell_token_lifetime")

    client_id: str
    client_secret: str
    token_lifetime: float
    """Seconds, as told by ``expires_in``; the real figure is not published."""
    tell_token_lifetime: bool
    """Whether the token answer has ``expires_in`` at all."""

    def reset(self) -> None:
        """Go back to the known ids, without versions, executions, scripts or tokens."""
        # Ids go on over a reset: a poller left over from one test must not meet a run of the next.
        self._ids = getattr(self, "_ids", None) or count(1)
        with self.world.changed:
            self.client_id = "sandbox-client"
            self.client_secret = "sandbox-secret"  # noqa: S105 - opens nothing but the sandbox
            self.token_lifetime = 300.0
            self.tell_token_lifetime = True
            self.run_seconds = self.world.run_seconds
            # A client that kept its token over the reset has one that has expired, not one that never was.
            self.tokens = getattr(self, "tokens", None) or Tokens()
            self.tokens.revoke()
            self.datasets: dict[str, Dataset] = {}
            self.pipelines: dict[str, Pipeline] = {}
            self._scripts: ScriptBook[ExecutionScript] = ScriptBook()
            for dataset in ("d-claims", "d-positions", "d-1", "d-2", "d-3"):
                self.add_dataset(dataset)
            self.add_dataset("d-unshared", shared=False)
            for pipeline in ("p-claims", *(f"p-{number}" for number in range(1, 21))):
                self.add_pipeline(pipeline, "d-claims")
            self.add_pipeline("p-positions", "d-positions")
            self.add_pipeline("p-two", "d-claims", outputs=("Cleansed", "Rejected: for review"))
            self.add_pipeline("p-none", "d-claims", outputs=())
            self.add_pipeline("p-auto", "d-3", auto_run=True)
            self.add_pipeline("p-unshared", "d-claims", shared=False)

    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give what other processes may call."""
        return {
            "add_dataset": self.add_dataset,
            "add_pipeline": self.add_pipeline,
            "script": self.script,
            "start": self.start,
            "finish": self.finish,
            "forget": self.forget,
            "revoke": self.revoke,
        }

    def revoke(self) -> None:
        """Make the access tokens that are out expire at once."""
        with self.world.changed:
            self.tokens.revoke()

    def add_dataset(self, dataset_id: str, *, shared: bool = True) -> None:
        """Add a dataset without any version, or replace one by such."""
        with self.world.changed:
            self.datasets[dataset_id] = Dataset(dataset_id, shared)

    def add_pipeline(
        self,
        pipeline_id: str,
        input_id: str,
        *,
        outputs: Sequence[str] = ("Cleansed",),
        shared: bool = True,
        auto_run: bool = False,
    ) -> None:
        """Add a pipeline without any execution, or replace one by such.

        :param input_id: the dataset that it reads
        :param outputs: names of its outputs
        :param auto_run: whether a new version of the dataset starts a run by itself
        """
        with self.world.changed:
            if input_id not in self.datasets:
                raise ValueError(f"no dataset {input_id!r}")
            if isinstance(outputs, str):
                raise ValueError(f"outputs is a list of names, not {outputs!r}")
            self.pipelines[pipeline_id] = Pipeline(pipeline_id, input_id, outputs, shared, auto_run)

    def upload(self, dataset_id: str, data: bytes | Content) -> int:
        """Make a new version of a dataset.

        :return: its number
        """
        if isinstance(data, bytes):
            writer = ContentWriter(self.world.directory)
            writer.write(data)
            data = writer.finish()
        with self.world.changed:
            versions = self.datasets[dataset_id].versions
            versions.append(data)
            for pipeline in self.pipelines.values():
                if pipeline.auto_run and pipeline.input_id == dataset_id:
                    self.start(pipeline.pipeline_id, created_by="u-auto-run")
            self.world.changed.notify_all()
            return len(versions)

    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how executions will behave.

        :param resource: the pipeline; ``None``: any
        :param times: the next so many executions; ``None``: all to come
        :param behaviour: fields of :class:`.quantemplate_runs.ExecutionScript`
        """
        script = ExecutionScript(**behaviour)
        with self.world.changed:
            self._scripts.arm(script, resource, times)

    def start(self, pipeline_id: str, *, created_by: str = PERSON) -> str:
        """Start a run, as somebody else would in the UI.

        :return: the execution's id
        """
        with self.world.changed:
            pipeline = self.pipelines[pipeline_id]
            script = self._scripts.take(pipeline_id) or ExecutionScript()
            names = pipeline.outputs if script.outputs is None else script.outputs
            dataset = self.datasets[pipeline.input_id]
            # An input that the running user may not see is hidden from the run.
            versions = dataset.versions if dataset.shared else []
            execution = Execution(
                execution_id=f"e-{next(self._ids)}",
                pipeline_id=pipeline_id,
                run_number=1 + max((run.run_number for run in pipeline.executions), default=0),
                version=pipeline.version,
                created_by=created_by,
                created_at=self.world.timeline.now(),
                script=script,
                outputs=[Output(f"o-{next(self._ids)}", name, at) for at, name in enumerate(names)],
                work=self._compute(versions[-1] if versions else None, len(names)),
                duration=self.run_seconds if script.duration is None else script.duration,
                input_version=len(versions) or None,
            )
            execution.advance(self.world.timeline.now())
            pipeline.executions.append(execution)
            self.world.changed.notify_all()
            return execution.execution_id

    def _compute(self, source: Content | None, outputs: int) -> Future[list[Content]]:
        closed = self.world.closed.is_set
        if source is not None and source.size > KEPT_IN_MEMORY:
            return _WORKERS.submit(compute, source, outputs, self.world.directory, closed)
        # Short inputs are computed at once, not behind a long one, so that with a clock that stands still a
        # run ends when it should.
        work: Future[list[Content]] = Future()
        try:
            work.set_result(compute(source, outputs, self.world.directory, closed))
        except Exception as error:
            work.set_exception(error)
        return work

    def finish(self, run_id: str, status: str = "Succeeded", *, outputs: Sequence[str] | None = None) -> None:
        """End a run now.

        :param status: its final status, in whatever spelling
        :param outputs: names of those outputs that are there at the end; ``None``: as scripted
        """
        # Its outputs may still be in the making; others go on meanwhile.
        self.execution(run_id).work.exception()
        with self.world.changed:
            execution = self.execution(run_id)
            if execution.finished_at is not None:
                raise ValueError(f"execution {run_id} has already ended")
            unknown = set(outputs or ()) - {output.name for output in execution.outputs}
            if unknown:
                raise ValueError(f"execution {run_id} makes no output {sorted(unknown)}")
            execution.end(self.world.timeline.now(), status, outputs)
            self.world.changed.notify_all()

    def forget(self, run_id: str) -> None:
        """Let a run vanish, as if it had never been."""
        with self.world.changed:
            execution = self.execution(run_id)
            self.pipelines[execution.pipeline_id].executions.remove(execution)
            self.world.changed.notify_all()

    def execution(self, run_id: str) -> Execution:
        """Give an execution, brought up to now.

        :raises KeyError: if there is none of that id
        """
        with self.world.changed:
            for pipeline in self.pipelines.values():
                for execution in pipeline.executions:
                    if execution.execution_id == run_id:
                        execution.advance(self.world.timeline.now())
                        return execution
        raise KeyError(run_id)

    def runs(self) -> list[RunRecord]:
        """Give every execution, oldest first."""
        with self.world.changed:
            executions = [run for pipeline in self.pipelines.values() for run in pipeline.executions]
            executions.sort(key=lambda run: run.created_at)
            return [self._record(run) for run in executions]

    def _record(self, run: Execution) -> RunRecord:
        run.advance(self.world.timeline.now())
        started, finished = (
            None if at is None else self.world.timeline.wall(at).timestamp()
            for at in (run.started_at, run.finished_at)
        )
        return RunRecord(
            platform=self.name,
            run_id=run.execution_id,
            resource=run.pipeline_id,
            state=run.status,
            finished=run.finished_at is not None,
            created_by=run.created_by,
            created_at=self.world.timeline.wall(run.created_at).timestamp(),
            started_at=started,
            finished_at=finished,
            detail={
                "run_number": run.run_number,
                "input_version": run.input_version,
                "outputs": {output.name: output.output_id for output in run.outputs},
                "reason": run.reason,
            },
        )
