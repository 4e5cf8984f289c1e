"""A dataset has one name: in the facets of an operator, in the hook lineage, and in the URI of an asset."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset, BaseHook
from airflow.sdk.execution_time.context import OutletEventAccessors
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from airflow_provider_dataops.assets.quantemplate import quantemplate_uri
from airflow_provider_dataops.assets.tailer import tailer_uri
from airflow_provider_dataops.assets.tamr import tamr_uri
from airflow_provider_dataops.assets.toucan import toucan_uri
from airflow_provider_dataops.assets.trac import trac_uri
from airflow_provider_dataops.operators import quantemplate, tailer, tamr, toucan, trac
from airflow_provider_dataops.registry import PLATFORMS
from tests.airflow_names import HookLineageCollector
from tests.integration.bench.base import Connections
from tests.lineage.events import faults, named
from tests.unit.operators.stage import Attempt, catch_links

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mock import MockerFixture

    from airflow_provider_dataops.operators.base import DataOpsOperator
    from dataops_sandbox import Sandbox

CSV = b"position_id,amount\n1,2.5\n"
SCHEMA = {
    "schemaType": "TABLE_SCHEMA",
    "table": {
        "fields": [
            {"fieldName": "position_id", "fieldOrder": 0, "fieldType": "INTEGER"},
            {"fieldName": "amount", "fieldOrder": 1, "fieldType": "DECIMAL"},
        ]
    },
}


@dataclass
class World:
    """The sandbox with a folder of files, and the lineage that the hooks report to Airflow.

    :param events: the events of the outlets of the last task.
    """

    sandbox: Sandbox
    folder: Path
    collector: HookLineageCollector = field(default_factory=HookLineageCollector)
    events: OutletEventAccessors = field(default_factory=OutletEventAccessors)

    @property
    def host(self) -> str:
        return self.sandbox.url

    @property
    def file(self) -> str:
        path = self.folder / "positions 1.csv"
        path.write_bytes(CSV)
        return str(path)

    @property
    def target(self) -> str:
        return str(self.folder / "result.csv")

    def run(self, task: DataOpsOperator) -> Any:
        context: Any = {**Attempt().context(), "outlet_events": self.events}
        return task.execute(context)

    def stored(self) -> str:
        """Store a dataset in TRAC, and return its key."""
        upload = trac.TracUploadDatasetOperator(task_id="stored", source=self.file, schema=SCHEMA)
        return str(self.run(upload)["key"])


@pytest.fixture
def world(
    dataops_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> World:
    catch_links(mocker)
    world = World(dataops_sandbox, tmp_path)
    connections = Connections.installed(monkeypatch.setattr, BaseHook)
    for platform in PLATFORMS:
        connections.set(f"{platform}_default", dataops_sandbox.connection(platform))
        store: Any = dataops_sandbox.platforms[platform]
        store.script(duration=0.02)
    dataops_sandbox.quantemplate.upload("d-claims", CSV)
    mocker.patch(
        "airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector",
        side_effect=lambda: world.collector,
    )
    return world


def sent(task: DataOpsOperator) -> dict[str, Any]:
    """Return the event that OpenLineage sends for a task that has ended."""
    reported = task.get_openlineage_facets_on_complete(None)
    event = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime="2026-11-28T10:00:00.000Z",
        run=Run("0193754e-0000-7000-8000-000000000000", facets=reported.run_facets),
        job=Job("default", task.task_id),
        inputs=reported.inputs,
        outputs=reported.outputs,
    )
    payload: dict[str, Any] = json.loads(Serde.to_json(event))
    return payload


def of_assets(*uris: str) -> set[tuple[str, str]]:
    """Return the namespaces and names of assets, as OpenLineage reads them."""
    datasets = [translate_airflow_asset(Asset("name", uri=uri), None) for uri in uris]
    return {(dataset.namespace, dataset.name) for dataset in datasets if dataset is not None}


@dataclass
class Scene:
    """A task, and the URIs of what it reads and writes, made by the public functions."""

    task: DataOpsOperator
    inputs: Callable[[Any], list[str]] = lambda _: []
    outputs: Callable[[Any], list[str]] = lambda _: []


DEFAULTS: dict[str, Any] = {"task_id": "task", "poll_interval": 0.1}


def upload_dataset(world: World) -> Scene:
    task = quantemplate.QuantemplateUploadDatasetOperator(
        task_id="task", source=world.file, dataset_id="d-claims"
    )
    uri = quantemplate_uri(host=world.host, organisation_id="c-sandbox", dataset_id="d-claims")
    return Scene(task, lambda _: [f"file://{world.file}"], lambda _: [uri])


def download_dataset(world: World) -> Scene:
    task = quantemplate.QuantemplateDownloadDatasetOperator(
        task_id="task", destination=world.target, dataset_id="d-claims"
    )
    uri = quantemplate_uri(host=world.host, organisation_id="c-sandbox", dataset_id="d-claims")
    return Scene(task, lambda _: [uri], lambda _: [f"file://{world.target}"])


def output_uris(world: World, result: dict[str, Any]) -> list[str]:
    return [
        quantemplate_uri(
            host=world.host,
            organisation_id="c-sandbox",
            pipeline_id="p-claims",
            output_name=output["name"],
        )
        for output in result["outputs"]
    ]


def execute_pipeline(world: World) -> Scene:
    task = quantemplate.QuantemplateExecutePipelineOperator(pipeline_id="p-claims", **DEFAULTS)
    return Scene(task, outputs=lambda result: output_uris(world, result))


def download_output(world: World) -> Scene:
    executed = world.run(quantemplate.QuantemplateExecutePipelineOperator(pipeline_id="p-claims", **DEFAULTS))
    task = quantemplate.QuantemplateDownloadOutputOperator(
        task_id="task",
        pipeline_id="p-claims",
        execution_id=executed["execution_id"],
        destination=world.target,
    )
    return Scene(task, lambda _: output_uris(world, executed)[:1], lambda _: [f"file://{world.target}"])


def load_source(world: World) -> Scene:
    task = tamr.TamrLoadSourceOperator(source_id="src_customers", **DEFAULTS)
    return Scene(task, outputs=lambda _: [tamr_uri(tenant=world.host, source_id="src_customers")])


def update_product(world: World) -> Scene:
    task = tamr.TamrUpdateDataProductOperator(data_product_id="dp_customers", **DEFAULTS)
    return Scene(task, outputs=lambda _: [tamr_uri(tenant=world.host, data_product_id="dp_customers")])


def publish(world: World) -> Scene:
    task = tamr.TamrPublishOperator(destination_id="dest_golden", data_product_id="dp_customers", **DEFAULTS)
    return Scene(
        task,
        lambda _: [tamr_uri(tenant=world.host, data_product_id="dp_customers")],
        lambda _: [tamr_uri(tenant=world.host, destination_id="dest_golden")],
    )


def upload_files(world: World) -> Scene:
    task = toucan.ToucanUploadDataSourceOperator(task_id="task", source=world.file, filename="sales.csv")
    uri = toucan_uri(host=world.host, small_app="product-corporation", data_source="sales.csv", stage=None)
    return Scene(task, lambda _: [f"file://{world.file}"], lambda _: [uri])


def populate(world: World) -> Scene:
    task = toucan.ToucanPopulateOperator(input_domains=["sales"], output_domains=["a map"], **DEFAULTS)

    def uri(domain: str) -> list[str]:
        return [toucan_uri(host=world.host, small_app="product-corporation", domain=domain)]

    return Scene(task, lambda _: uri("sales"), lambda _: uri("a map"))


def launch_job(world: World) -> Scene:
    configuration_id = "000099_iowa_liquor_prepare_pda_DEV"
    task = tailer.TailerLaunchJobOperator(configuration_id=configuration_id, **DEFAULTS)
    uri = tailer_uri(host=world.host, account="000099", environment="DEV", configuration_id=configuration_id)
    return Scene(task, outputs=lambda _: [uri])


def object_uri(world: World, key: str) -> str:
    object_type, _, rest = key.partition("-")
    object_id = rest.rpartition("-v")[0]
    return trac_uri(host=world.host, tenant="ACME_CORP", object_id=object_id, object_type=object_type)


def store_dataset(world: World) -> Scene:
    task = trac.TracUploadDatasetOperator(task_id="task", source=world.file, schema=SCHEMA)
    return Scene(
        task,
        lambda _: [f"file://{world.file}"],
        lambda result: [object_uri(world, result["key"])],
    )


def fetch_dataset(world: World) -> Scene:
    key = world.stored()
    task = trac.TracDownloadDatasetOperator(task_id="task", selector=key, destination=world.target)
    return Scene(task, lambda _: [object_uri(world, key)], lambda _: [f"file://{world.target}"])


def import_model(world: World, **arguments: Any) -> trac.TracImportModelOperator:
    return trac.TracImportModelOperator(
        repository="acme_models",
        path="src",
        entry_point="risk.var.VarModel",
        version="v1.4.0",
        **{**DEFAULTS, **arguments},
    )


def imported(world: World) -> Scene:
    return Scene(import_model(world), outputs=lambda result: [object_uri(world, result["model"])])


def run_model(world: World) -> Scene:
    model, key = world.run(import_model(world)), world.stored()
    task = trac.TracRunModelOperator(
        model=model,
        inputs={"positions": key},
        parameters={"confidence": 0.99, "as_of": "2026-11-28"},
        **DEFAULTS,
    )
    return Scene(
        task,
        lambda _: [object_uri(world, key)],
        lambda result: [object_uri(world, key) for key in result["outputs"].values()],
    )


def create_object(world: World) -> Scene:
    definition = {"custom": {"customSchemaType": "x", "customSchemaVersion": 1, "customData": "AQ=="}}
    task = trac.TracCreateObjectOperator(task_id="task", object_type="CUSTOM", definition=definition)
    return Scene(task, outputs=lambda result: [object_uri(world, result["key"])])


UPLOADS = (upload_dataset, upload_files, store_dataset)
TRANSFERS = (*UPLOADS, download_dataset, download_output, fetch_dataset)
RUNS = (
    execute_pipeline,
    load_source,
    update_product,
    publish,
    populate,
    launch_job,
    imported,
    run_model,
)


#: The kind and the id of the output, where the id is known before.
EXPECTED: dict[Any, tuple[str, str]] = {
    upload_dataset: ("dataset", "d-claims"),
    load_source: ("source", "src_customers"),
    update_product: ("data-product", "dp_customers"),
    publish: ("destination", "dest_golden"),
    upload_files: ("data-source", "sales.csv"),
    populate: ("domain", "a map"),
    launch_job: ("configuration", "000099_iowa_liquor_prepare_pda_DEV"),
}


@pytest.mark.parametrize("make", [*TRANSFERS, *RUNS, create_object], ids=lambda make: make.__name__)
def test_a_task_reports_each_dataset_under_the_name_of_its_asset(
    world: World, make: Callable[[World], Scene]
) -> None:
    scene = make(world)
    world.collector = HookLineageCollector()
    result = world.run(scene.task)
    inputs, outputs = of_assets(*scene.inputs(result)), of_assets(*scene.outputs(result))
    assert inputs | outputs
    event = sent(scene.task)
    assert faults(event) == []
    assert (named(event.get("inputs", [])), named(event.get("outputs", []))) == (inputs, outputs)
    assert set(event["run"]["facets"]) == ({"externalQuery", "dataops_run"} if make in RUNS else set())
    collected = world.collector.collected_assets
    if make in TRANSFERS:
        assert of_assets(*(one.asset.uri for one in collected.inputs)) == inputs
        assert of_assets(*(one.asset.uri for one in collected.outputs)) == outputs
    else:
        assert (collected.inputs, collected.outputs) == ([], [])


@pytest.mark.parametrize("make", [*TRANSFERS, *RUNS, create_object], ids=lambda make: make.__name__)
def test_a_declared_outlet_gets_the_facts_about_its_dataset(
    world: World, make: Callable[[World], Scene]
) -> None:
    scene = make(world)
    # The outlet cannot have the URI of an object that the task creates, so it stands for the only output.
    outlet = Asset("declared", uri="s3://bucket/declared")
    scene.task.outlets = [outlet]
    result = world.run(scene.task)
    facts = world.events[outlet].extra
    assert facts["platform"] == scene.task.platform
    assert (facts["kind"], facts["id"]) == EXPECTED.get(make, (facts["kind"], facts["id"]))
    assert facts["id"]
    if make in RUNS:
        assert (facts["run_id"], facts["state"], facts["url"]) == (
            result["run_id"],
            "succeeded",
            result["url"],
        )
    if make in UPLOADS:
        assert facts["size"] == len(CSV)
    if make is upload_dataset:
        assert facts["url"] == result["url"]
    assert len(json.dumps(facts)) < 2000


def test_the_number_of_an_execution_and_the_version_of_an_object_are_facts(world: World) -> None:
    outlet = Asset("declared", uri="s3://bucket/declared")
    execution = execute_pipeline(world)
    execution.task.outlets = [outlet]
    result = world.run(execution.task)
    facts = world.events[outlet].extra
    assert (facts["run_number"], facts["version"]) == (result["run_number"], result["version"])
    world.events = OutletEventAccessors()
    upload = store_dataset(world)
    upload.task.outlets = [outlet]
    assert world.run(upload.task)["object_version"] == world.events[outlet].extra["version"] == 1
