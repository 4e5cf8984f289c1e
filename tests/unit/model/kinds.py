"""The platforms of the model: their operators, and how the sandbox starts and ends their runs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.toucan import ToucanRunOperationsOperator
from airflow_provider_dataops.operators.trac.jobs import TracImportModelOperator
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionLaunch
from airflow_provider_dataops.platforms.tailer.runs import TailerJobLaunch
from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch
from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationLaunch
from airflow_provider_dataops.platforms.trac.runs import TracJobLaunch
from dataops_sandbox.quantemplate.wire import Quantemplate
from dataops_sandbox.tailer.wire import Tailer
from dataops_sandbox.tamr.wire import Tamr
from dataops_sandbox.toucan.wire import Toucan
from dataops_sandbox.trac.wire import Trac

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from airflow_provider_dataops.core.launch import Launch
    from airflow_provider_dataops.operators.base import RunOperator

#: Two values of the argument that says what a task works on.
PLACES = ("a", "b")


@dataclass(frozen=True)
class Kind:
    """One platform.

    :param store: the sandbox's class of the platform.
    :param operator: the class of the task.
    :param launch: the operator's launch.
    :param submit: the sandbox's name of the operation that starts a run.
    :param listing: its name of the operation that lists runs; empty if the platform lists none.
    :param arguments: returns the operator's arguments for a place.
    :param failed: the arguments of ``finish`` with which a run fails.
    :param begin: starts another user's run at a place. ``None`` if the provider cannot take it for its own.
    :param prepare: creates the places.
    :param connection: the arguments of the sandbox's ``connection``.
    :param script: what the sandbox's runs do.
    :param absence_proves: whether a run that is not listed within the listing delay was never started.
    :param stop: the name of the operation that stops a run; empty if the platform cannot stop runs.
    """

    store: type[Any]
    operator: type[RunOperator]
    launch: type[Launch]
    submit: str
    listing: str
    arguments: Callable[[str], dict[str, Any]]
    failed: tuple[Any, ...]
    begin: Callable[[Any, str], str] | None = None
    prepare: Callable[[Any], None] = lambda _: None
    connection: tuple[str, ...] = ()
    script: dict[str, Any] = field(default_factory=dict)
    absence_proves: bool = True
    stop: str = ""

    def make(self, world: Any) -> Any:
        """Return the platform with its places. Its runs end only when the model ends them."""
        platform = self.store(world)
        platform.script(hold=True, **self.script)
        self.prepare(platform)
        return platform

    @contextmanager
    def hiding(self, platform: Any, run_ids: Collection[str]) -> Iterator[None]:
        """Leave some runs out of the platform's responses."""
        there = platform.started
        platform.started = {name: run for name, run in there.items() if name not in run_ids}
        objects = platform.metadata._objects if isinstance(platform, Trac) else {}
        kept = {tenant: dict(records) for tenant, records in objects.items()}
        for records in objects.values():
            for run_id in run_ids:
                records.pop(run_id, None)
        try:
            yield
        finally:
            platform.started = {**there, **platform.started}
            for tenant, records in kept.items():
                objects[tenant] = {**records, **objects[tenant]}


def _tamr(platform: Tamr) -> None:
    platform.configure(slots=100)
    for place in PLACES:
        platform.add_source(place)


def _quantemplate(platform: Quantemplate) -> None:
    for place in PLACES:
        platform.add_pipeline(place, "d-claims")


def _tailer(platform: Tailer) -> None:
    for place in PLACES:
        platform.add_configuration(f"{place}_DEV")


def _import(place: str) -> dict[str, Any]:
    entry = "risk.var.VarModel"
    return {"repository": "acme_models", "path": "src", "entry_point": entry, "version": place}


#: By connection type.
KINDS = {
    "tamr": Kind(
        store=Tamr,
        operator=TamrLoadSourceOperator,
        launch=TamrJobLaunch,
        submit="create_job",
        listing="list_jobs",
        arguments=lambda place: {"source_id": place},
        begin=lambda platform, place: platform.start({"load": {"sourceId": place}}),
        failed=({"reason": "FAILED", "message": "m"},),
        prepare=_tamr,
        stop="stop_job",
    ),
    "quantemplate": Kind(
        store=Quantemplate,
        operator=QuantemplateExecutePipelineOperator,
        launch=QuantemplateExecutionLaunch,
        submit="execute_pipeline",
        listing="list_executions",
        arguments=lambda place: {"pipeline_id": place},
        begin=lambda platform, place: platform.start(place),
        failed=("Failed",),
        prepare=_quantemplate,
        script={"outputs": {"Cleansed": "id\n1\n"}},
    ),
    "tailer": Kind(
        store=Tailer,
        operator=TailerLaunchJobOperator,
        launch=TailerJobLaunch,
        submit="launch_job",
        listing="run_status",
        arguments=lambda place: {"configuration_id": f"{place}_DEV"},
        begin=lambda platform, place: platform.start(f"{place}_DEV"),
        failed=("FAILED",),
        prepare=_tailer,
        connection=("bearer",),
        script={"start_gap": 0.0},
        absence_proves=False,
    ),
    "toucan": Kind(
        store=Toucan,
        operator=ToucanRunOperationsOperator,
        launch=ToucanOperationLaunch,
        submit="run_operations",
        listing="",
        arguments=lambda place: {"output_domains": [place]},
        failed=("failed",),
        absence_proves=False,
    ),
    "trac": Kind(
        store=Trac,
        operator=TracImportModelOperator,
        launch=TracJobLaunch,
        submit="submit_job",
        listing="search",
        arguments=_import,
        failed=("FAILED", "m"),
        script={"duration": 1.0},
    ),
}
