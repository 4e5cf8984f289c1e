"""A platform of the sandbox with the hook and the triggers that are tried on it."""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from airflow.sdk import Connection

from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.hooks.tailer import TailerHook
from airflow_provider_dataops.hooks.tamr import TamrHook
from airflow_provider_dataops.hooks.toucan import ToucanHook
from airflow_provider_dataops.hooks.trac import TracHook
from airflow_provider_dataops.lifecycle.outcome import Ending, RunEvent
from airflow_provider_dataops.platforms import trac
from airflow_provider_dataops.platforms.quantemplate.runs import ExecutionLaunch
from airflow_provider_dataops.platforms.tailer import runs as tailer_life
from airflow_provider_dataops.platforms.tamr.runs import JobLaunch
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.platforms.toucan.runs import OperationLaunch
from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionTrigger
from airflow_provider_dataops.triggers.tailer import TailerRunTrigger
from airflow_provider_dataops.triggers.tamr import TamrJobTrigger
from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger
from airflow_provider_dataops.triggers.trac import TracJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Launch
    from airflow_provider_dataops.hooks.base import DataOpsHook
    from airflow_provider_dataops.sandbox import Sandbox
    from airflow_provider_dataops.triggers.base import RunTrigger

ORGANISATION = "c-sandbox"
SMALL_APP = "product-corporation"


class Connections:
    """Airflow's connections, in memory."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    @classmethod
    def installed(cls, patch: Callable[..., None], hook: type[Any]) -> Self:
        """Return connections that are read instead of Airflow's.

        :param patch: sets an attribute, ``monkeypatch.setattr``.
        """
        connections = cls()

        async def aget(conn_id: str) -> Connection:
            return connections.get(conn_id)

        patch(hook, "get_connection", connections.get)
        patch(hook, "aget_connection", aget)
        return connections

    def set(self, conn_id: str, fields: dict[str, Any], **changes: Any) -> None:
        """Keep a connection; what is no field of one is put in its extra."""
        names = {"host", "port", "schema", "login", "password"}
        extra = fields.get("extra", {}) | {k: v for k, v in changes.items() if k not in names}
        self._known[conn_id] = {**fields, **{k: v for k, v in changes.items() if k in names}, "extra": extra}

    def fields(self, conn_id: str) -> dict[str, Any]:
        """Return what was set."""
        return self._known[conn_id]

    def get(self, conn_id: str) -> Connection:
        """Return a connection as Airflow would."""
        fields = dict(self._known[conn_id])
        return Connection(conn_id=conn_id, **{**fields, "extra": json.dumps(fields["extra"])})


class WorkerTime:
    """A clock on which the pauses of a hook pass at once."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def wall(self) -> float:
        return time.time() + self._skipped

    def random(self) -> float:
        return 0.99

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._skipped += seconds


class Bench(ABC):
    """One platform; connections, runs and what waits for them."""

    name: ClassVar[str]
    platform: ClassVar[str]
    #: The operations by which a trigger and a hook ask about a run, and their words for them.
    polled: ClassVar[str]
    looked: ClassVar[str]
    submitted: ClassVar[str]
    #: All by which a trigger can learn of a run.
    asking: ClassVar[tuple[str, ...]]
    #: What an error of a trigger says that it was doing; a pattern.
    listing: ClassVar[str]
    #: By which a run is asked about.
    method: ClassVar[str] = "GET"
    #: Whether runs can be listed, so that one whose answer was lost is found again.
    lists: ClassVar[bool] = True
    #: Whether the platform may lose sight of a run.
    forgets: ClassVar[bool] = True
    #: What a good test of the connection says.
    proved: ClassVar[str] = "accepted"
    #: Whether a run is found again beyond doubt.
    adopted: ClassVar[str] = "guessed"
    #: How a wait ends where the platform answers 404.
    not_found: ClassVar[Ending] = Ending.UNREACHABLE
    #: What the platform puts before its words of refusal.
    prefix: ClassVar[str] = ""
    #: How the sandbox ends a run without success.
    failing: ClassVar[dict[str, Any]]
    #: How a run behaves that the platform does not tell of at once, for half a second.
    late: ClassVar[dict[str, Any]] = {"hidden": 0.5}
    #: How the sandbox's runs behave, beside never ending by themselves.
    script: ClassVar[dict[str, Any]] = {}

    def __init__(self, sandbox: Sandbox, connections: Connections, conn_id: str = "") -> None:
        self.sandbox = sandbox
        self.connections = connections
        self.conn_id = conn_id or self.name
        self.worker_time = WorkerTime()
        self.connect()
        sandbox.platforms[self.name].script(hold=True, **self.script)

    @property
    def store(self) -> Any:
        """The platform inside the sandbox."""
        return self.sandbox.platforms[self.name]

    def connect(self, **changes: Any) -> None:
        """Set the connection, with some fields changed."""
        self.connections.set(self.conn_id, self.sandbox.connection(self.name), **changes)

    def add_to_connection(self, **changes: Any) -> None:
        """Change some fields of the connection as it is now."""
        self.connections.set(self.conn_id, self.connections.fields(self.conn_id), **changes)

    def hook(self) -> Any:
        """Return a hook whose pauses take no time."""
        hook = self._hook()
        hook.driver.clock = self.worker_time
        return hook

    def fault(self, kind: str, **options: Any) -> Any:
        """Arm a fault of this platform."""
        return self.sandbox.add_fault(kind, platform=self.name, **options)

    def words(self, error: object) -> str:
        """Return an error's text as if the platform put nothing before its own words."""
        return str(error).replace(self.prefix, "")

    def asked(self, operation: str | None = None) -> list[Any]:
        """Return the requests that reached the platform."""
        return self.sandbox.journal.entries(self.name, operation)

    def sweeps(self) -> list[Any]:
        """Return the requests that told of all runs of a group."""
        return self.asked(self.polled)

    @abstractmethod
    def use_secret(self, secret: str) -> None:
        """Have platform and connection agree on a credential."""

    @abstractmethod
    def misuse_secret(self, secret: str) -> None:
        """Put a credential into the connection that the platform does not know."""

    @abstractmethod
    def expire(self) -> None:
        """Make the tokens worthless that were given out, where there are any."""

    @abstractmethod
    def launch(self, hook: Any) -> Launch:
        """Return what an operator would start."""

    @abstractmethod
    def _hook(self) -> DataOpsHook[Any]: ...

    @abstractmethod
    def start(self, resource: str = "") -> str:
        """Start a run that goes on until it is finished, and return its id."""

    @abstractmethod
    def look(self, hook: Any, run_id: str) -> Any:
        """Ask for a run by the hook."""

    @abstractmethod
    def submit(self, hook: Any) -> str:
        """Start a run by the hook."""

    @abstractmethod
    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        """Return the trigger that waits for a run."""

    def finish(self, run_id: str) -> None:
        """End a run with success."""
        self.store.finish(run_id)

    async def ended(self, trigger: RunTrigger) -> RunEvent:
        """Run a trigger to its only event, as it comes back to a worker."""
        [payload] = [event.payload async for event in trigger.run()]
        return RunEvent.from_json(json.loads(json.dumps(payload)))


class TamrBench(Bench):
    name = "tamr"
    platform = "Tamr"
    polled = "list_jobs"
    looked = "get_job"
    submitted = "create_job"
    asking = ("list_jobs", "get_job")
    listing = "list jobs"
    failing: ClassVar[dict[str, Any]] = {"error": {"reason": "BROKEN", "message": "m"}}
    script: ClassVar[dict[str, Any]] = {"waiting": 0.0}

    def use_secret(self, secret: str) -> None:
        self.store.configure(api_key=secret)
        self.connect(password=secret)

    def misuse_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        """Do nothing: an API key is no token."""

    def launch(self, hook: TamrHook) -> JobLaunch:
        return JobLaunch(api=hook.api, configuration={"load": {"sourceId": "src_orders"}})

    def _hook(self) -> TamrHook:
        return TamrHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        job_id: str = self.store.start({"load": {"sourceId": resource or "src_orders"}})
        return job_id

    def look(self, hook: TamrHook, run_id: str) -> Any:
        return hook.get_job(run_id)

    def submit(self, hook: TamrHook) -> str:
        return hook.load_source("src_orders").job_id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return TamrJobTrigger(conn_id=self.conn_id, run_id=run_id, **arguments)


class QuantemplateBench(Bench):
    name = "quantemplate"
    platform = "Quantemplate"
    polled = "list_executions"
    looked = "list_executions"
    submitted = "execute_pipeline"
    asking = ("list_executions",)
    listing = "list executions of p-1"
    failing: ClassVar[dict[str, Any]] = {"status": "Failed"}

    def __init__(self, sandbox: Sandbox, connections: Connections, conn_id: str = "") -> None:
        super().__init__(sandbox, connections, conn_id)
        self.store.upload("d-claims", b"id,amount\n1,2\n")

    def use_secret(self, secret: str) -> None:
        self.store.configure(client_secret=secret)
        self.connect(password=secret)

    def misuse_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        self.store.revoke()

    def launch(self, hook: QuantemplateHook) -> ExecutionLaunch:
        return ExecutionLaunch(api=hook.api, organisation_id=ORGANISATION, pipeline_id="p-1")

    def _hook(self) -> QuantemplateHook:
        return QuantemplateHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        execution_id: str = self.store.start(resource or "p-1")
        return execution_id

    def look(self, hook: QuantemplateHook, run_id: str) -> Any:
        return hook.get_execution(pipeline_id="p-1", execution_id=run_id)

    def submit(self, hook: QuantemplateHook) -> str:
        return hook.execute_pipeline(pipeline_id="p-1").id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return QuantemplateExecutionTrigger(
            conn_id=self.conn_id,
            run_id=run_id,
            organisation_id=ORGANISATION,
            pipeline_id=resource or "p-1",
            **arguments,
        )


class ToucanBench(Bench):
    name = "toucan"
    platform = "Toucan"
    polled = "get_operation"
    looked = "get_operation"
    submitted = "run_operations"
    asking = ("get_operation",)
    listing = r"get operation op-\S+"
    lists = False
    not_found = Ending.LOST
    failing: ClassVar[dict[str, Any]] = {"status": "failed"}
    script: ClassVar[dict[str, Any]] = {"pending": 0.0}

    def use_secret(self, secret: str) -> None:
        self.store.configure(password=secret)
        self.connect(password=secret)

    def misuse_secret(self, secret: str) -> None:
        self.connect(password=secret)

    def expire(self) -> None:
        """Do nothing: a password is no token."""

    def launch(self, hook: ToucanHook) -> OperationLaunch:
        return OperationLaunch(api=hook.api, small_app=SMALL_APP, work=toucan_work.run_operations())

    def _hook(self) -> ToucanHook:
        return ToucanHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        operation_id: str = self.store.start(resource or SMALL_APP)
        return operation_id

    def look(self, hook: ToucanHook, run_id: str) -> Any:
        return hook.get_operation(run_id)

    def submit(self, hook: ToucanHook) -> str:
        return hook.run_operations().operation_id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return ToucanOperationTrigger(
            conn_id=self.conn_id, run_id=run_id, small_app=resource or SMALL_APP, **arguments
        )


class TailerBench(Bench):
    """It signs its tokens, until a secret is to be tried: then that is a given token."""

    name = "tailer"
    platform = "Tailer"
    polled = "run_status"
    looked = "run_status"
    submitted = "launch_job"
    asking = ("run_status",)
    listing = r"check run \S+"
    method = "POST"
    prefix = "ko: "
    failing: ClassVar[dict[str, Any]] = {"status": "FAILED"}
    late: ClassVar[dict[str, Any]] = {"start_gap": 0.5}
    script: ClassVar[dict[str, Any]] = {"start_gap": 0.0}

    #: A configuration of the vendor's guide.
    configuration_id = "000099_iowa_liquor_prepare_pda_DEV"

    def use_secret(self, secret: str) -> None:
        self.store.configure(api_token=secret)
        self.misuse_secret(secret)

    def misuse_secret(self, secret: str) -> None:
        self.connect(auth_type="bearer", api_token=secret)

    def use(self, auth_type: str, **options: Any) -> None:
        """Set the connection for another kind of credential."""
        self.connections.set(self.conn_id, self.store.connection(auth_type, **options))

    def expire(self) -> None:
        self.store.revoke()

    def launch(self, hook: TailerHook) -> tailer_life.JobLaunch:
        configuration = hook.api.configuration(self.configuration_id, "table-to-table")
        return tailer_life.JobLaunch(api=hook.api, configuration=configuration)

    def _hook(self) -> TailerHook:
        return TailerHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        if resource and resource not in {c["configuration_id"] for c in self.store.configurations()}:
            self.store.add_configuration(resource)
        run_id: str = self.store.start(resource or self.configuration_id)
        return run_id

    def look(self, hook: TailerHook, run_id: str) -> Any:
        return hook.check_run_status(self.configuration_id, run_id)

    def submit(self, hook: TailerHook) -> str:
        return hook.launch_job(self.configuration_id)

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {
            "deadline": time.time() + 60.0,
            "poll_interval": 1.0,
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
            "configuration_id": resource or self.configuration_id,
            "success_statuses": ["SUCCESS"],
            "failure_statuses": [],
        }
        return TailerRunTrigger(conn_id=self.conn_id, run_id=run_id, **arguments | changes)


class TracBench(Bench):
    """Imports of a model, asked about one by one; many are told of by one search in ``test_trac.py``."""

    name = "trac"
    platform = "TRAC"
    polled = "get_latest_tag"
    looked = "get_latest_tag"
    submitted = "submit_job"
    asking = ("get_latest_tag",)
    listing = r"get JOB-\S+"
    forgets = False
    adopted = "exact"
    failing: ClassVar[dict[str, Any]] = {"status": "FAILED", "message": "m"}
    late: ClassVar[dict[str, Any]] = {"duration": 0.5}
    script: ClassVar[dict[str, Any]] = {"duration": 0.02}
    proved = "the gateway answers"

    tenant = "ACME_CORP"
    job = trac.import_model(
        repository="acme_models", path="src", entry_point="risk.var.VarModel", version="v1.4.0"
    )

    def use_secret(self, secret: str) -> None:
        self.store.configure(auth="bearer", api_token=secret)
        self.connect()

    def misuse_secret(self, secret: str) -> None:
        self.store.configure(auth="bearer")
        self.connect(api_token=secret)

    def expire(self) -> None:
        """Do nothing: the token is the proxy's."""

    def launch(self, hook: TracHook) -> trac.JobLaunch:
        return trac.JobLaunch(api=hook.api, tenant=self.tenant, job=self.job)

    def _hook(self) -> TracHook:
        return TracHook(self.conn_id, sleep=self.worker_time.sleep)

    def start(self, resource: str = "") -> str:
        job_id: str = self.store.start(self.job.definition)
        while self.store.job(job_id).started_at is None:
            time.sleep(0.005)  # its steps come with the time, and nothing tells of them
        return job_id

    def look(self, hook: TracHook, run_id: str) -> Any:
        status = str(hook.get_latest_tag("JOB", run_id, 1).attrs["trac_job_status"])
        return SimpleNamespace(state=trac.state_of(status), status=status)

    def words(self, error: object) -> str:
        """Return an error's text as if the platform's words did not take the place of the reason phrase."""

        def named(found: re.Match[str]) -> str:
            phrase = HTTPStatus(int(found[1])).phrase
            return found[0] if found[2].startswith(phrase) else f"HTTP {found[1]} {phrase}: {found[2]}"

        return re.sub(r"HTTP (\d+) (.*)", named, str(error))

    def submit(self, hook: TracHook) -> str:
        status = hook.submit_job(self.job)
        assert status.job is not None
        return status.job.object_id

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        arguments = {"deadline": time.time() + 60.0, "poll_interval": 1.0} | changes
        return TracJobTrigger(conn_id=self.conn_id, run_id=run_id, tenant=self.tenant, **arguments)


class MarkedTracBench(TracBench):
    """Jobs that carry the token by which one search tells of all of them."""

    polled = "search"
    listing = "search JOB"

    def start(self, resource: str = "") -> str:
        token = f"token-{len(self.sandbox.runs())}"
        job_id: str = self.store.start(
            self.job.definition, [{"attrName": "airflow_token", "value": {"stringValue": token}}]
        )
        self.marks = {**getattr(self, "marks", {}), job_id: token}
        return job_id

    def sweeps(self) -> list[Any]:
        """Return the searches for many; those for the outputs of one that has ended are no sweeps."""
        return [entry for entry in self.asked(self.polled) if b'"operator":"IN"' in (entry.body or b"")]

    def trigger(self, run_id: str, resource: str = "", **changes: Any) -> RunTrigger:
        return super().trigger(run_id, resource, mark=self.marks[run_id], **changes)
