"""Behaviour that only TRAC has, over real sockets."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import BadRequestError, ConflictError
from airflow_provider_dataops.lifecycle.events import Ending
from tests.integration.bench.trac import MarkedTracBench
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox import Sandbox
    from tests.integration.bench.base import Connections
    from tests.integration.bench.trac import TracBench

CHECKPOINT = {
    "custom": {"customSchemaType": "acme_checkpoint", "customSchemaVersion": 1, "customData": "AQ=="}
}


def checkpoint(hook: Any, **attrs: Any) -> Any:
    return hook.create_object(object_type="CUSTOM", definition=CHECKPOINT, attrs=attrs)


class TestTags:
    def test_many_writers_at_once_lose_no_change(self, trac: TracBench) -> None:
        made = checkpoint(trac.hook(), rows=1)
        writers = {f"writer_{n}": n for n in range(4)}
        with ThreadPoolExecutor(len(writers)) as pool:
            headers = pool.map(
                lambda one: trac.hook().update_tag(made.key, attrs=dict([one])), writers.items()
            )
            assert sorted(header.tag_version for header in headers) == [2, 3, 4, 5]
        attrs = trac.hook().get_latest_tag("CUSTOM", made.object_id, 1).attrs
        assert {name: attrs[name] for name in writers} == writers

    def test_an_update_of_an_old_tag_version_raises_an_error(self, trac: TracBench) -> None:
        made = checkpoint(trac.hook(), rows=1)
        trac.hook().update_tag(made, attrs={"rows": 2})
        with pytest.raises(ConflictError, match="superseded"):
            trac.hook().update_tag(made, attrs={"rows": 3})

    def test_the_tag_of_a_running_job_is_not_changed(self, trac: TracBench) -> None:
        job_id = trac.start()
        with pytest.raises(ConflictError, match=r"is RUNNING\. A change of its tag would delete its results"):
            trac.hook().update_tag(f"JOB-{job_id}-v1", attrs={"approved": True})
        assert trac.requests("update_tag") == []

    def test_the_tag_of_a_job_that_has_ended_is_changed(self, trac: TracBench) -> None:
        job_id = trac.start()
        trac.finish(job_id)
        trac.hook().update_tag(f"JOB-{job_id}-v1", attrs={"approved": True})
        assert trac.hook().get_latest_tag("JOB", job_id, 1).attrs["approved"] is True


def test_a_batch_is_written_completely_or_not_at_all(trac: TracBench) -> None:
    hook = trac.hook()
    made = checkpoint(hook, run="one")
    hook.update_tag(made, attrs={"rows": 2})
    stale = {"selector": made.as_json(), "attrs": {"rows": 3}}
    new = {"object_type": "CUSTOM", "definition": CHECKPOINT, "attrs": {"run": "two"}}
    with pytest.raises(ConflictError):
        hook.write_batch(create_objects=[new], update_tags=[stale])
    assert len(hook.search("CUSTOM", ["run", "EQ", "two"])) == 0


def test_a_search_result_that_is_cut_off_has_possibly_more(trac: TracBench) -> None:
    hook = trac.hook()
    for _ in range(2):
        hook.write_batch(
            create_objects=[
                {"object_type": "CUSTOM", "definition": CHECKPOINT, "attrs": {"family": "many"}}
                for _ in range(55)
            ]
        )
    found = hook.search("CUSTOM", ["family", "EQ", "many"])
    assert (len(found), found.possibly_more) == (100, True)
    assert not hook.search("CUSTOM", ["family", "EQ", "none"]).possibly_more


@pytest.mark.usefixtures("quick")
def test_one_search_polls_many_jobs(dataops_sandbox: Sandbox, connections: Connections) -> None:
    bench = MarkedTracBench(dataops_sandbox, connections)
    job_ids = [bench.start() for _ in range(12)]

    async def main() -> None:
        waiting = [asyncio.ensure_future(bench.event_of(bench.trigger(job_id))) for job_id in job_ids]
        await asyncio.to_thread(bench.sandbox.wait_for, lambda _: len(bench.requests("search")) >= 3)
        assert bench.requests("get_latest_tag") == []
        for job_id in job_ids:
            bench.finish(job_id)
        assert {event.ending for event in await asyncio.gather(*waiting)} == {Ending.FINISHED}

    run(main())


@pytest.mark.usefixtures("quick")
def test_the_end_of_each_job_is_read_once(dataops_sandbox: Sandbox, connections: Connections) -> None:
    bench = MarkedTracBench(dataops_sandbox, connections)
    hook = bench.hook()
    triggers = [bench.trigger(bench.start()) for _ in range(12)]
    for trigger in triggers:
        # The operator reads each job before it defers.
        assert not hook.run(trigger.look(hook.api)).state.is_final
    first_reads = len(bench.requests("get_latest_tag"))

    async def main() -> None:
        waiting = [asyncio.ensure_future(bench.event_of(trigger)) for trigger in triggers]
        await asyncio.to_thread(bench.sandbox.wait_for, lambda _: len(bench.sweeps()) >= 3)
        for trigger in triggers:
            bench.finish(trigger.run_id)
        for event in await asyncio.gather(*waiting):
            assert event.snapshot is not None
            assert event.snapshot.details["model"]
            assert event.snapshot.details["log_file"]

    run(main())
    assert len(bench.requests("get_latest_tag")) == first_reads
    assert len(bench.requests("read_object")) == len(triggers)


class TestVersionsOfTrac:
    def test_up_to_0_8_the_hook_lists_resources(self, trac: TracBench) -> None:
        trac.store.configure(generation="0.8")
        [found] = trac.hook().list_resources("MODEL_REPOSITORY")
        assert found.resource_key == "acme_models"
        assert trac.hook().resource_info("MODEL_REPOSITORY", "acme_models") == found

    @pytest.mark.parametrize("generation", ["0.8", "0.10"])
    def test_the_error_for_an_unknown_type_has_its_name(self, trac: TracBench, generation: str) -> None:
        trac.store.configure(generation=generation)
        hook = trac.hook()
        with pytest.raises(BadRequestError, match="TRAC has no object_type NOPE"):
            hook.get_latest_object("NOPE", "01a1fb70-c0a1-7bb2-ae6a-f79c5720de08")
        words = "TRAC 0.8.0 has no resource_type NOPE" if generation == "0.8" else "list_config_entries"
        with pytest.raises(BadRequestError, match=words):
            hook.list_resources("NOPE")
        calls: tuple[Callable[[], object], ...] = (
            lambda: hook.search("NOPE"),
            lambda: hook.list_config_entries(resource_type="NOPE"),
            lambda: hook.create_object("SCHEMA", {"schema": {"schemaType": "NOPE"}}),
        )
        for call in calls:
            with pytest.raises(BadRequestError, match=r"HTTP 400 .*Invalid enum value: NOPE"):
                call()

    def test_after_0_8_resources_are_configuration_entries(self, trac: TracBench) -> None:
        with pytest.raises(BadRequestError, match="list_config_entries"):
            trac.hook().list_resources("MODEL_REPOSITORY")
        trac.store.add_resource("risk_models")
        [entry] = trac.hook().list_config_entries("trac_resources")
        assert entry.config_key == "risk_models"


def test_a_downloaded_file_equals_the_uploaded_one(trac: TracBench, tmp_path: Any) -> None:
    hook = trac.hook()
    made = hook.create_small_file(
        content=b"\x00\xffbytes", name="model.bin", mime_type="application/octet-stream"
    )
    assert hook.read_small_file(made).content == b"\x00\xffbytes"
    target = tmp_path / "back.bin"
    hook.download_file(made, destination=str(target))
    assert target.read_bytes() == b"\x00\xffbytes"
