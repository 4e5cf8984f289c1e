from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dataops_sandbox.content import KEPT_IN_MEMORY, Content, ContentWriter
from dataops_sandbox.pipeline import compute
from dataops_sandbox.platform import Settings, changing
from dataops_sandbox.quantemplate.runs import Ending, Execution, ExecutionScript, Names, Output
from dataops_sandbox.rules import Rules, validate_options
from dataops_sandbox.store import RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ORGANISATION = "c-sandbox"
API_USER = "u-api"
PERSON = "u-anna"

# Shared by all sandboxes: long inputs are computed one after the other.
_WORKERS = ThreadPoolExecutor(1, "sandbox-pipeline")


class QuantemplateSettings(Settings):
    """What can be changed of the organisation and of its token endpoint."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - opens nothing but the sandbox
    token_lifetime: float = Field(300.0, ge=0, allow_inf_nan=False)
    """Seconds, as told by ``expires_in``; the real figure is not published."""
    tell_token_lifetime: bool = True
    """Whether the token answer has ``expires_in`` at all."""


@dataclass
class Dataset:
    """A dataset of the Data tab."""

    dataset_id: str
    shared: bool
    """Whether it is shared with the API user, "can edit"."""
    versions: list[Content] = field(default_factory=list)
    """Every upload, the first one first."""


class Pipeline(Rules):
    """A pipeline of the Integrate tab."""

    pipeline_id: str
    input_id: str
    """The dataset that it reads."""
    outputs: Names = ("Cleansed",)
    """Names of its outputs."""
    shared: bool = True
    auto_run: bool = False
    """Whether a new version of its input starts a run by itself."""
    version: int = 1


class QuantemplateStore(RunStore[Execution, ExecutionScript]):
    """What Quantemplate holds, and how a test or a person in its UI changes it."""

    name = "quantemplate"
    noun = "execution"
    settings: QuantemplateSettings
    settings_class = QuantemplateSettings
    script_class = ExecutionScript
    controls = (*RunStore.controls, "add_dataset", "add_pipeline", "upload", "revoke")

    def populate(self) -> None:
        """Put the known ids there."""
        self.datasets: dict[str, Dataset] = {}
        self.pipelines: dict[str, Pipeline] = {}
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

    @changing
    def add_dataset(self, dataset_id: str, *, shared: bool = True) -> None:
        """Add a dataset without any version, or replace one by such."""
        self.datasets[dataset_id] = Dataset(dataset_id, shared)

    @changing
    def add_pipeline(self, pipeline_id: str, input_id: str, **more: Any) -> None:
        """Add a pipeline, or replace one; its executions stay.

        :param input_id: the dataset that it reads
        :param more: further fields of :class:`Pipeline`
        :raises ValueError: if there is no such dataset or field, or a field cannot have such a value
        """
        if input_id not in self.datasets:
            raise ValueError(f"no dataset {input_id!r}")
        fields = {"pipeline_id": pipeline_id, "input_id": input_id, **more}
        self.pipelines[pipeline_id] = validate_options(Pipeline, fields)

    @changing
    def upload(self, dataset_id: str, data: str | bytes | Content) -> int:
        """Make a new version of a dataset.

        :return: its number, from 1
        """
        versions = self.datasets[dataset_id].versions
        versions.append(data if isinstance(data, Content) else self._content(data))
        for pipeline in self.pipelines.values():
            if pipeline.auto_run and pipeline.input_id == dataset_id:
                self.start(pipeline.pipeline_id, created_by="u-auto-run")
        return len(versions)

    def _content(self, data: str | bytes) -> Content:
        writer = ContentWriter(self.world.directory)
        writer.write(data.encode() if isinstance(data, str) else data)
        return writer.finish()

    @changing
    def start(self, pipeline_id: str, *, created_by: str = PERSON) -> str:
        """Start a run, as somebody else would in the UI.

        :return: the execution's id
        """
        pipeline = self.pipelines[pipeline_id]
        dataset = self.datasets[pipeline.input_id]
        # An input that the running user may not see is hidden from the run.
        versions = dataset.versions if dataset.shared else []
        script = self.scripted(pipeline_id)
        outputs = pipeline.outputs if script.outputs is None else script.outputs
        return self.add(
            Execution(
                run_id=f"e-{next(self.numbers)}",
                resource=pipeline_id,
                run_number=1 + max((run.run_number for run in self.executions(pipeline_id)), default=0),
                version=pipeline.version,
                created_by=created_by,
                created_at=self.world.timeline.now(),
                script=script,
                outputs=[Output(f"o-{next(self.numbers)}", name, at) for at, name in enumerate(outputs)],
                work=self._make(outputs, versions[-1] if versions else None),
                duration=script.lasts(self.settings.run_seconds),
                input_version=len(versions) or None,
            )
        ).run_id

    def _make(self, outputs: Names | dict[str, str], source: Content | None) -> Future[list[Content]]:
        if isinstance(outputs, dict):
            return _at_once(lambda: [self._content(text) for text in outputs.values()])
        # Short inputs are computed at once, not behind a long one, so that with a clock that stands still a
        # run ends when it should.
        submit = _WORKERS.submit if source is not None and source.size > KEPT_IN_MEMORY else _at_once
        return submit(compute, source, len(outputs), self.world.directory, self.world.closed.is_set)

    def executions(self, pipeline_id: str) -> list[Execution]:
        """Return the executions of a pipeline, brought up to now, oldest first."""
        return [run for run in self.all() if run.resource == pipeline_id]

    def finish(self, run_id: str, status: str = "Succeeded", *, outputs: Sequence[str] | None = None) -> None:
        """End a run now.

        :param status: its final status, in whatever spelling
        :param outputs: names of those outputs that are there at the end; ``None``: as scripted
        :raises ValueError: if it has ended, or makes no such output
        """
        ending = validate_options(Ending, {"status": status, "outputs": outputs})
        # Its outputs may still be in the making; others go on meanwhile.
        self.run(run_id).work.exception()
        super().finish(run_id, ending.status, ending.outputs)


def _at_once(work: Callable[..., list[Content]], *arguments: Any) -> Future[list[Content]]:
    future: Future[list[Content]] = Future()
    try:
        future.set_result(work(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future
