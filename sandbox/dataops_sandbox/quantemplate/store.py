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

# All sandboxes share one thread, so that only one long computation runs at a time.
_WORKERS = ThreadPoolExecutor(1, "sandbox-pipeline")


class QuantemplateSettings(Settings):
    """Settings of the organisation and of its token endpoint."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - valid only in the sandbox
    token_lifetime: float = Field(300.0, ge=0, allow_inf_nan=False)
    """Seconds for which a token is valid; ``expires_in`` has this value. The real value is not published."""
    tell_token_lifetime: bool = True
    """Whether the token response contains ``expires_in``."""


@dataclass
class Dataset:
    """A dataset of the Data tab."""

    dataset_id: str
    shared: bool
    """Whether the dataset is shared with the API user. The API user then has the right "can edit"."""
    versions: list[Content] = field(default_factory=list)
    """All uploads, oldest first."""


class Pipeline(Rules):
    """A pipeline of the Integrate tab."""

    pipeline_id: str
    input_id: str
    """The dataset that the pipeline reads."""
    outputs: Names = ("Cleansed",)
    """Names of the outputs."""
    shared: bool = True
    """Whether the pipeline is shared with the API user."""
    auto_run: bool = False
    """Whether a new version of the input dataset starts an execution."""
    version: int = 1


class QuantemplateStore(RunStore[Execution, ExecutionScript]):
    """Quantemplate's datasets, pipelines and executions, with the methods by which a test changes them."""

    name = "quantemplate"
    noun = "execution"
    settings: QuantemplateSettings
    settings_class = QuantemplateSettings
    script_class = ExecutionScript
    controls = (*RunStore.controls, "add_dataset", "add_pipeline", "upload", "revoke")

    def populate(self) -> None:
        """Create the datasets and pipelines that exist at the start."""
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
        """Add a dataset without versions; replace it if it exists."""
        self.datasets[dataset_id] = Dataset(dataset_id, shared)

    @changing
    def add_pipeline(self, pipeline_id: str, input_id: str, **more: Any) -> None:
        """Add a pipeline; if it exists, replace it and keep its executions.

        :param input_id: the dataset that the pipeline reads
        :param more: other fields of :class:`Pipeline`
        :raises ValueError: if there is no such dataset or field, or a value is not valid
        """
        if input_id not in self.datasets:
            raise ValueError(f"there is no dataset {input_id!r}")
        fields = {"pipeline_id": pipeline_id, "input_id": input_id, **more}
        self.pipelines[pipeline_id] = validate_options(Pipeline, fields)

    @changing
    def upload(self, dataset_id: str, data: str | bytes | Content) -> int:
        """Add a version to a dataset.

        :return: the number of the new version, from 1
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
        """Start an execution, as another user does in the UI.

        :return: the execution's id
        """
        pipeline = self.pipelines[pipeline_id]
        dataset = self.datasets[pipeline.input_id]
        # If the dataset is not shared with the API user, the execution cannot read it.
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
                work=self._compute(outputs, versions[-1] if versions else None),
                duration=script.lasts(self.settings.run_seconds),
                input_version=len(versions) or None,
            )
        ).run_id

    def _compute(self, outputs: Names | dict[str, str], source: Content | None) -> Future[list[Content]]:
        if isinstance(outputs, dict):
            return _call_now(lambda: [self._content(text) for text in outputs.values()])
        # Compute a short input at once, because in the queue it could wait behind a long input. So the run
        # ends exactly at the time that its script sets, also with a ManualClock.
        submit = _WORKERS.submit if source is not None and source.size > KEPT_IN_MEMORY else _call_now
        return submit(compute, source, len(outputs), self.world.directory, self.world.closed.is_set)

    def executions(self, pipeline_id: str) -> list[Execution]:
        """Return the executions of a pipeline in their current state, oldest first."""
        return [run for run in self.all() if run.resource == pipeline_id]

    def finish(self, run_id: str, status: str = "Succeeded", *, outputs: Sequence[str] | None = None) -> None:
        """End an execution now.

        :param status: final status, which may be any text
        :param outputs: names of the outputs that exist at the end; ``None``: as set with ``script``
        :raises ValueError: if the execution has already ended, or has no such output
        """
        ending = validate_options(Ending, {"status": status, "outputs": outputs})
        # Wait without the sandbox's lock until the outputs are computed, so that other requests can proceed.
        self.run(run_id).work.exception()
        super().finish(run_id, ending.status, ending.outputs)


def _call_now(work: Callable[..., list[Content]], *arguments: Any) -> Future[list[Content]]:
    future: Future[list[Content]] = Future()
    try:
        future.set_result(work(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future
