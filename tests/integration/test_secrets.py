"""No log, exception, trigger argument or event contains a credential, whatever happens."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset

from airflow_provider_dataops.adapters import xcom
from airflow_provider_dataops.adapters.connections import connection_fields
from airflow_provider_dataops.core import settings
from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.lifecycle import progress
from airflow_provider_dataops.polling import publisher
from airflow_provider_dataops.transport import body
from tests.integration.test_faults import PERMANENT, TEMPORARY
from tests.integration.test_lineage import RUNS, TRANSFERS, World, sent, world  # noqa: F401 - a fixture
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bench.base import Bench
    from tests.kept_metrics import KeptMetrics

KEY, HEADER, PROXY = "planted-key-7f3a", "planted-header-91bc", "planted-proxy-5d20"

#: A fault and its options, by the name of the scene; ``None`` if there is no fault.
SCENES: dict[str, tuple[str, dict[str, Any]] | None] = {
    "success": None,
    **{name: (fault, options) for name, (fault, options, _, _) in TEMPORARY.items()},
    **{name: ("status", {"status": status}) for name, (status, _) in PERMANENT.items()},
    "401": ("status", {"status": 401}),
    "redirect elsewhere": ("redirect", {"location": "http://127.0.0.1:1/elsewhere?signature=x"}),
    "redirect in a circle": ("redirect", {"location": "?again"}),
}


class Everything:
    """Collects all output of the provider, so that the test can search it for secrets."""

    def __init__(
        self,
        bench: Bench,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        kept_metrics: KeptMetrics,
    ) -> None:
        self._bench, self._caplog, self._capfd = bench, caplog, capfd
        self.metrics = kept_metrics
        self._texts: list[str] = []

    def add(self, *things: object) -> None:
        """Add the texts of objects: ``str``, ``repr``, and the traceback of an exception."""
        for thing in things:
            self._texts += [str(thing), repr(thing)]
            if isinstance(thing, BaseException):
                self._texts += traceback.format_exception(thing)
                self._texts.append(repr(vars(thing)))

    def check(self) -> None:
        """Fail if a text, a log record, a metric or the output contains a planted secret or a token."""
        self.add(*self.metrics.sent)
        secrets = [KEY, HEADER, PROXY]
        for entry in self._bench.requests():
            scheme, _, token = (entry.header("Authorization") or "").partition(" ")
            if scheme == "Bearer":
                secrets.append(token)
        logged = [
            record.getMessage() + repr(record.args) + str(record.exc_text) for record in self._caplog.records
        ]
        output = "\n".join([*self._texts, *logged, *self._capfd.readouterr()])
        assert len(output) > 50, "nothing was captured"
        for secret in secrets:
            assert secret not in output, output[max(0, output.index(secret) - 300) :][:600]


@pytest.fixture
def everything(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    kept_metrics: KeptMetrics,
) -> Everything:
    if request.node.name.endswith("-hang]"):
        monkeypatch.setattr(settings, "REQUEST_TIMEOUT", 0.12)
    monkeypatch.setattr(body, "MAX_REPLY_BYTES", 1_000_000)
    monkeypatch.setenv("AIRFLOW__DATAOPS__OUTAGE_BUDGET", "0.2")
    monkeypatch.setattr(progress, "ABSENT_SECONDS", 0.2)
    for name in ("", "urllib3", "requests", "aiohttp", "asyncio", "airflow_provider_dataops"):
        caplog.set_level(logging.DEBUG, name or None)
    bench.use_secret(KEY)
    bench.add_to_connection(auth_headers={"X-Gateway": HEADER})
    return Everything(bench, caplog, capfd, kept_metrics)


def arm(bench: Bench, scene: str, operations: tuple[str, ...]) -> None:
    if (fault_and_options := SCENES[scene]) is not None:
        fault, options = fault_and_options
        for operation in operations:
            bench.fault(fault, operation=operation, **options)


@pytest.mark.parametrize("scene", SCENES)
class TestNoSecretIsShown:
    def test_by_a_hook(self, bench: Bench, everything: Everything, scene: str) -> None:
        run_id, hook = bench.start(), bench.hook()
        arm(bench, scene, (*bench.trigger_operations, bench.submit_operation))
        for call in (lambda: bench.look(hook, run_id), lambda: bench.submit(hook)):
            try:
                everything.add(call())
            except DataOpsError as error:
                everything.add(error)
        everything.add(hook, hook.api, hook.api.settings, hook.driver, vars(hook), hook.test_connection())
        bench.sandbox.clear_faults()
        everything.check()

    @pytest.mark.usefixtures("quick", "task_ended")
    def test_by_a_trigger(
        self, bench: Bench, everything: Everything, scene: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = bench.start()
        arm(bench, scene, bench.trigger_operations)
        # If a response is too large, the trigger keeps waiting until its deadline.
        is_too_large = scene in {"endless", "huge"}
        changes: dict[str, Any] = {"deadline": time.time() + 1.0} if is_too_large else {}
        trigger = bench.trigger(run_id, **changes)
        instance: Any = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)
        trigger.task_instance = instance
        everything.add(trigger, trigger.serialize())
        published: list[object] = []

        async def store_xcom(ti: object, key: str, value: object) -> None:
            published.append(value)

        monkeypatch.setattr(publisher, "astore_xcom", store_xcom)

        async def main() -> None:
            waiting = asyncio.ensure_future(bench.event_of(trigger))
            if scene == "success":
                await asyncio.to_thread(
                    bench.sandbox.wait_for, lambda _: len(bench.requests(bench.poll_operation)) > 1
                )
                bench.finish(run_id)
            everything.add(await waiting)
            await trigger.on_kill()

        run(main())
        assert bool(published) is xcom.IS_ASYNC
        assert everything.metrics.of("dataops.poll")
        everything.add(*published)
        bench.sandbox.clear_faults()
        everything.check()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("scene", ["success", "401", "redirect elsewhere"])
def test_no_secret_is_in_an_event_or_in_the_log_of_an_event_trigger(
    bench: Bench, everything: Everything, scene: str
) -> None:
    trigger = bench.event_trigger(poll_interval=0.05)
    if trigger is None:
        return
    everything.add(trigger, trigger.serialize(), trigger.shared_stream_key())
    arm(bench, scene, (bench.event_operation or bench.poll_operation,))

    async def main() -> None:
        first = asyncio.ensure_future(anext(aiter(trigger.run())))
        for _ in range(2):
            # The first polls fail. The polls after that are good, so the trigger has started.
            polls = bench.event_polls() + 2
            await asyncio.to_thread(
                bench.sandbox.wait_for, lambda _, polls=polls: bench.event_polls() > polls
            )
            bench.sandbox.clear_faults()
        bench.finish(bench.start())
        everything.add(await first)

    run(main())
    everything.check()


def test_the_error_of_the_token_endpoint_shows_no_secret(quantemplate: Bench, everything: Everything) -> None:
    quantemplate.store.configure(client_secret="another")
    with pytest.raises(DataOpsError) as caught:
        quantemplate.look(quantemplate.hook(), "e-1")
    everything.add(caught.value)
    assert "Invalid client" in str(caught.value)
    everything.check()


@pytest.mark.usefixtures("quick")
class TestThePasswordOfAProxy:
    def test_is_not_shown_by_a_hook(self, bench: Bench, everything: Everything) -> None:
        bench.add_to_connection(proxy=f"http://user:{PROXY}@127.0.0.1:1")
        hook = bench.hook()
        with pytest.raises(DataOpsError) as caught:
            bench.look(hook, "x-1")
        everything.add(caught.value, hook.api.settings, hook.test_connection())
        everything.check()

    def test_is_not_shown_by_a_trigger(self, bench: Bench, everything: Everything) -> None:
        bench.add_to_connection(proxy=f"http://user:{PROXY}@127.0.0.1:1")
        trigger = bench.trigger("x-1")
        everything.add(trigger, run(bench.event_of(trigger)))
        everything.check()

    def test_is_not_shown_if_the_proxy_responds_with_an_error(
        self, bench: Bench, everything: Everything
    ) -> None:
        """The proxy is the sandbox, which responds to an absolute URL or to CONNECT with an error."""
        proxy = bench.sandbox.url.replace("http://", f"http://user:{PROXY}@")
        for host in ("http://platform.invalid", "https://platform.invalid"):
            bench.add_to_connection(proxy=proxy, host=host, auth_url=f"{host}/token")
            with pytest.raises(DataOpsError) as caught:
                bench.look(bench.hook(), "x-1")
            everything.add(caught.value, run(bench.event_of(bench.trigger("x-1"))))
        everything.check()


def test_settings_show_no_secret(bench: Bench, everything: Everything) -> None:
    connection = bench.connections.get(bench.conn_id)
    api = type(bench.hook()).api_from(connection)
    everything.add(connection_fields(connection), api.settings, api.settings.account_key, api)
    everything.check()


@pytest.mark.parametrize("make", [*TRANSFERS, *RUNS], ids=lambda make: make.__name__)
def test_openlineage_and_assets_get_no_secret(
    world: World,  # noqa: F811
    make: Callable[[World], Any],
) -> None:
    scene = make(world)
    outlet = Asset("declared", uri="s3://bucket/declared")
    scene.task.outlets = [outlet]
    result = world.run(scene.task)
    collected = world.collector.collected_assets
    assets = [one.asset for one in (*collected.inputs, *collected.outputs)]
    names = [Asset(uri=uri) for make_uris in (scene.inputs, scene.outputs) for uri in make_uris(result)]
    output = repr([sent(scene.task), world.events[outlet].extra, assets, names])
    settings = scene.task.make_hook().api.settings
    tokens = [entry.header("Authorization") for entry in world.sandbox.journal.entries()]
    secrets = [*settings.secrets, *(token.partition(" ")[2] for token in tokens if token)]
    assert settings.secrets or scene.task.conn_type == "trac"
    assert scene.task.conn_type in output
    assert [secret for secret in secrets if secret in output] == []
