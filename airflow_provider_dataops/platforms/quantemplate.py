"""The Quantemplate API: datasets in, pipeline executions, outputs and datasets out.

Facts: the vendor's guide "Example: end-to-end pipeline processing" and its OpenAPI 0.0.1. There is no call to
read one execution and none to cancel one; a run is found in the pipeline's list.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    MalformedReplyError,
)
from airflow_provider_dataops.platforms.api import Api
from airflow_provider_dataops.platforms.checks import chosen
from airflow_provider_dataops.platforms.http import (
    Exchange,
    FileBody,
    FileSource,
    Reply,
    Request,
    Sink,
    call,
    form_body,
    read_nothing,
    segment,
)
from airflow_provider_dataops.platforms.run import RunSnapshot, RunState
from airflow_provider_dataops.platforms.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    common_settings,
    credential,
    fill_template,
)
from airflow_provider_dataops.platforms.tokens import Token, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BASE_URL = "https://fabric.prod.quantemplate.com/external/v1"
AUTH_URL = "https://accounts.prod.quantemplate.com/auth/realms/qt/protocol/openid-connect/token"
APP_URL = "https://app.quantemplate.com/"

#: A token whose life the server does not tell is taken to live this long, in seconds.
UNTOLD_TOKEN_LIFE = 60.0
#: A new execution that is not listed yet counts as running for this long, in seconds.
SETTLE_SECONDS = 60.0
#: A file may take long to be taken in by the server after its last byte was sent, in seconds.
UPLOAD_READ_TIMEOUT = 600.0

# The OpenAPI file spells it "Cancelled", the vendor's own client "Canceled".
_STATES = {
    "started": RunState.RUNNING,
    "succeeded": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
    "cancelled": RunState.CANCELLED,
    "canceled": RunState.CANCELLED,
}


@dataclass(frozen=True)
class Output:
    """One file that an execution made."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of a pipeline.

    :param run_number: counts the pipeline's executions, from 1.
    :param status: the platform's word.
    :param created_at: when it was asked for; all times are ISO 8601 as the platform wrote them.
    :param version: the pipeline's version at that time.
    :param outputs: empty until the execution has ended, possibly after that, too.
    """

    id: str
    run_number: int
    status: str
    state: RunState
    created_at: str | None = None
    created_by: str | None = None
    version: int | None = None
    started_at: str | None = None
    finished_at: str | None = None
    outputs: tuple[Output, ...] = ()

    def snapshot(self, pipeline_id: str, organisation_id: str) -> RunSnapshot:
        """Return the execution in the vocabulary that all platforms share."""
        return RunSnapshot(
            run_id=self.id,
            state=self.state,
            raw_state=self.status,
            started_at=self.started_at or self.created_at,
            finished_at=self.finished_at,
            # The API tells no reason of a failure; it stands in the run log of the user interface.
            message="" if self.state in _QUIET else f"run number {self.run_number} ended {self.status!r}",
            details={
                "execution_id": self.id,
                "pipeline_id": pipeline_id,
                "organisation_id": organisation_id,
                "run_number": self.run_number,
                "version": self.version,
                "outputs": [{"id": o.id, "name": o.name} for o in self.outputs],
            },
        )


_QUIET = frozenset({RunState.PENDING, RunState.RUNNING, RunState.UNKNOWN, RunState.SUCCEEDED})


class QuantemplateApi(Api):
    """Quantemplate, reached with the client credentials of one API user.

    :param organisation_id: the default organisation, ``c-…``.
    :param clock: seconds on a clock that never goes back, for the token's life.
    """

    platform: ClassVar[str] = "Quantemplate"

    def __init__(
        self,
        settings: Settings,
        *,
        client_id: str,
        client_secret: str,
        auth_url: str = AUTH_URL,
        organisation_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings)
        self._client_id = client_id
        self._client_secret = client_secret
        self._auth_url = auth_url
        self.organisation_id = organisation_id
        self._token = TokenKeeper(clock=clock)

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> QuantemplateApi:
        """Read an Airflow connection of type ``quantemplate``.

        :raises ConnectionSettingsError: if it lacks the client id or secret, or holds an unusable URL.
        """
        client_id = credential(fields, "login (the client id)", fields.login)
        client_secret = credential(fields, "password (the client secret)", fields.password)
        auth_url = fields.text("auth_url") or AUTH_URL
        check_url(fields, "extra field 'auth_url'", auth_url)
        url = base_url(fields, BASE_URL)
        common = common_settings(fields, url, secrets=(client_secret,), account=(client_id, auth_url))
        return cls(
            Settings(**common),
            client_id=client_id,
            client_secret=client_secret,
            auth_url=auth_url,
            organisation_id=fields.text("organisation_id"),
        )

    # --- credentials -----------------------------------------------------------------------------------

    def needs_login(self) -> bool:
        """Tell whether there is no token, or one that ends soon."""
        return self._token.is_due()

    def login(self) -> Exchange[None]:
        """Ask for a token with the client credentials, as a form; a raw JSON body is wrong here."""
        return self._token.renew(
            call(
                Request(
                    operation="get token",
                    method="POST",
                    url=self._auth_url,
                    body=form_body(
                        {
                            "grant_type": "client_credentials",
                            "client_id": self._client_id,
                            "client_secret": self._client_secret,
                        }
                    ),
                    headers={"Accept": "application/json"},
                    parse=_read_token,
                    repeatable=True,
                    authenticated=False,
                )
            )
        )

    def forget_login(self) -> bool:
        """Drop a token that was refused before its time."""
        self._token.drop()
        return True

    def credentials(self) -> Mapping[str, str]:
        """Return the bearer token's header."""
        return self._token.header()

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error; the token endpoint answers 400 to unknown clients, too."""
        if not request.authenticated and reply.status == 400:
            return AuthenticationError
        return super().error_class(request, reply)

    # --- calls -----------------------------------------------------------------------------------------

    def organisation(self, organisation_id: str | None) -> str:
        """Return the organisation to use: the one given, or the connection's.

        :raises InvalidArgumentError: if there is neither.
        """
        return chosen("organisation_id", organisation_id, self.organisation_id)

    def _url(self, organisation_id: str, *path: str) -> str:
        parts = ("organisations", organisation_id, *path)
        return "/".join((self.settings.base_url, *(segment(part) for part in parts)))

    def upload_dataset(
        self, organisation_id: str, dataset_id: str, source: FileSource, *, trace_id: str = ""
    ) -> Exchange[None]:
        """Replace a dataset by a file: the bare bytes, no multipart. A repeat overwrites."""
        return call(
            Request(
                operation=f"upload dataset {dataset_id}",
                method="POST",
                url=self._url(organisation_id, "datasets", dataset_id),
                headers=_trace(trace_id),
                body=FileBody(source),
                parse=read_nothing,
                repeatable=True,
                read_timeout=UPLOAD_READ_TIMEOUT,
            )
        )

    def download_dataset(
        self, organisation_id: str, dataset_id: str, sink: Sink, *, version: int | None = None
    ) -> Exchange[None]:
        """Stream a dataset's latest or a certain version."""
        query = "" if version is None else f"?version={version}"
        return call(
            Request(
                operation=f"download dataset {dataset_id}",
                method="GET",
                url=self._url(organisation_id, "datasets", dataset_id) + query,
                parse=_read_download,
                sink=sink,
                repeatable=True,
            )
        )

    def download_output(
        self, organisation_id: str, pipeline_id: str, execution_id: str, output_id: str, sink: Sink
    ) -> Exchange[None]:
        """Stream one output of an execution."""
        path = ("pipelines", pipeline_id, "executions", execution_id, "outputs", output_id)
        return call(
            Request(
                operation=f"download output {output_id}",
                method="GET",
                url=self._url(organisation_id, *path),
                parse=_read_download,
                sink=sink,
                repeatable=True,
            )
        )

    def execute_pipeline(
        self, organisation_id: str, pipeline_id: str, *, trace_id: str = ""
    ) -> Exchange[Execution]:
        """Start an execution. Never repeated by itself: each call makes another run."""
        return call(
            Request(
                operation=f"execute pipeline {pipeline_id}",
                method="POST",
                url=self._url(organisation_id, "pipelines", pipeline_id, "executions"),
                headers={**_trace(trace_id), "Accept": "application/json"},
                parse=_read_started,
            )
        )

    def list_executions(self, organisation_id: str, pipeline_id: str) -> Exchange[list[Execution]]:
        """Return all executions of a pipeline; their order is not documented."""
        return call(self._list(organisation_id, pipeline_id, _read_executions))

    def get_execution(
        self, organisation_id: str, pipeline_id: str, execution_id: str
    ) -> Exchange[Execution | None]:
        """Return one execution, ``None`` if it is not listed."""
        read = partial(_read_some, wanted=frozenset({execution_id}))
        found: dict[str, Execution] = yield from call(self._list(organisation_id, pipeline_id, read))
        return found.get(execution_id)

    def next_execution(
        self, organisation_id: str, pipeline_id: str, after_run_number: int
    ) -> Exchange[Execution | None]:
        """Return the first execution with a higher run number, whoever started it, if there is one."""
        listed = yield from self.list_executions(organisation_id, pipeline_id)
        later = [e for e in listed if e.run_number > after_run_number]
        return min(later, key=lambda e: e.run_number) if later else None

    def _list(self, organisation_id: str, pipeline_id: str, parse: Callable[[Reply], Any]) -> Request[Any]:
        return Request(
            operation=f"list executions of {pipeline_id}",
            method="GET",
            url=self._url(organisation_id, "pipelines", pipeline_id, "executions"),
            headers={"Accept": "application/json"},
            parse=parse,
            repeatable=True,
        )

    def test(self) -> Exchange[str]:
        """Fetch a token. Whether datasets and pipelines are shared with this user cannot be asked."""
        yield from self.login()
        return "the client id and secret are accepted; sharing of datasets and pipelines was not checked"

    # --- links -----------------------------------------------------------------------------------------

    def execution_url(self, organisation_id: str, pipeline_id: str, execution_id: str) -> str:
        """Return the link to an execution; without a template the app's root, since no page is documented."""
        ids = {
            "organisation_id": organisation_id,
            "pipeline_id": pipeline_id,
            "execution_id": execution_id,
            "run_id": execution_id,
        }
        return fill_template(self.settings.link_template or APP_URL, self.settings.base_url, ids)

    def dataset_url(self, organisation_id: str, dataset_id: str) -> str:
        """Return the link to a dataset's preview page."""
        return f"{APP_URL}{segment(organisation_id)}/dataset/{segment(dataset_id)}/preview"


@dataclass(frozen=True, kw_only=True)
class ExecutionLaunch:
    """One execution to be started."""

    api: QuantemplateApi
    organisation_id: str
    pipeline_id: str
    trace_id: str = ""

    noun: ClassVar[str] = "execution"
    settle_seconds: ClassVar[float] = SETTLE_SECONDS
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = False
    waits_for_slot: ClassVar[bool] = False
    absence_proves: ClassVar[bool] = True

    @property
    def realm(self) -> str:
        """The host; run ids mean nothing elsewhere."""
        return self.api.settings.base_url

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            "organisation_id": self.organisation_id,
            "pipeline_id": self.pipeline_id,
        }

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell the pipeline's highest run number."""
        listed = yield from self.api.list_executions(self.organisation_id, self.pipeline_id)
        highest = max((e.run_number for e in listed), default=0)
        return {"pipeline": [self.organisation_id, self.pipeline_id], "highest": highest}

    def earlier(self, mark: Mapping[str, Any]) -> ExecutionLaunch:
        """Return the launch that made a mark: an execution is listed by its own pipeline alone."""
        organisation_id, pipeline_id = mark["pipeline"]
        return replace(self, organisation_id=organisation_id, pipeline_id=pipeline_id)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the execution; the API takes no token."""
        started = yield from self.api.execute_pipeline(
            self.organisation_id, self.pipeline_id, trace_id=self.trace_id
        )
        return started.snapshot(self.pipeline_id, self.organisation_id)

    def orphans(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Return the executions above the mark: run numbers grow, so no clock is needed."""
        organisation_id, pipeline_id = mark["pipeline"]
        listed = yield from self.api.list_executions(organisation_id, pipeline_id)
        return [
            e.snapshot(pipeline_id, organisation_id)
            for e in sorted(listed, key=lambda e: e.run_number)
            if e.run_number > mark["highest"]
        ]

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the execution as the pipeline's list tells it."""
        return ExecutionWatch(
            api=self.api, organisation_id=self.organisation_id, pipeline_id=self.pipeline_id
        ).look(run_id)

    def stop(self, run_id: str) -> Exchange[None]:
        """Refuse: the API has no such call."""
        raise NotImplementedError(f"Quantemplate cannot cancel execution {run_id}")

    def url(self, run_id: str) -> str:
        """Return the link to the execution."""
        return self.api.execution_url(self.organisation_id, self.pipeline_id, run_id)


@dataclass(frozen=True, kw_only=True)
class ExecutionWatch:
    """The executions of one pipeline: one list tells of all."""

    api: QuantemplateApi
    organisation_id: str
    pipeline_id: str

    sweeps: ClassVar[bool] = True

    @property
    def group(self) -> str:
        """The pipeline."""
        return f"{self.organisation_id}/{self.pipeline_id}"

    def sweep(self, run_ids: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of all these executions from one list."""
        read = partial(_read_some, wanted=run_ids)
        found = yield from call(self.api._list(self.organisation_id, self.pipeline_id, read))
        return {
            run_id: found[run_id].snapshot(self.pipeline_id, self.organisation_id)
            if run_id in found
            else RunSnapshot(run_id=run_id, state=RunState.ABSENT, raw_state="not listed")
            for run_id in run_ids
        }

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Tell of one execution."""
        told = yield from self.sweep(frozenset({run_id}))
        return told[run_id]


def _trace(trace_id: str) -> dict[str, str]:
    return {"X-QT-Trace-Id": trace_id} if trace_id else {}


def _read_token(reply: Reply) -> Token:
    told = reply.json()
    token = told.get("access_token") if isinstance(told, dict) else None
    if not isinstance(token, str) or not token:
        # The body is not repeated: it may hold a token under another name.
        raise MalformedReplyError("the token endpoint's answer holds no access_token", status=reply.status)
    life = told.get("expires_in")
    good = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return Token(token, float(life) if good else UNTOLD_TOKEN_LIFE)


def _read_started(reply: Reply) -> Execution:
    if reply.status == 204:
        raise MalformedReplyError("204: the platform took the request and gave no execution id", status=204)
    return _execution(reply.json(), reply)


def _read_entries(reply: Reply) -> list[Any]:
    told = reply.json()
    if not isinstance(told, list):
        raise MalformedReplyError(
            "the list of executions is no JSON array", status=reply.status, body=reply.text()
        )
    return told


def _read_executions(reply: Reply) -> list[Execution]:
    return [_execution(entry, reply) for entry in _read_entries(reply)]


def _read_some(reply: Reply, *, wanted: frozenset[str]) -> dict[str, Execution]:
    # A list may hold thousands of old runs: only the wanted ones become objects.
    entries = (e for e in _read_entries(reply) if isinstance(e, dict) and e.get("id") in wanted)
    return {e["id"]: _execution(e, reply) for e in entries}


def _read_download(reply: Reply) -> None:
    if reply.status != 200:
        raise MalformedReplyError(f"{reply.status}: there is no file in the answer", status=reply.status)


def _execution(told: object, reply: Reply) -> Execution:
    if not isinstance(told, dict):
        raise _not_an_execution(reply)
    run_id, number, status = told.get("id"), told.get("runNumber"), told.get("status")
    if (
        not isinstance(run_id, str)
        or not run_id
        or not isinstance(number, int)
        or not isinstance(status, str)
    ):
        raise _not_an_execution(reply)
    finished_at = _text(told.get("finishedAt"))
    state = _STATES.get(status.strip().lower())
    if state is None:
        state = RunState.FAILED if finished_at else RunState.UNKNOWN
    outputs = told.get("outputs") or []
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and "id" in o for o in outputs):
        raise _not_an_execution(reply)
    version = told.get("version")
    return Execution(
        id=run_id,
        run_number=number,
        status=status,
        state=state,
        created_at=_text(told.get("createdAt")),
        created_by=_text(told.get("createdBy")),
        version=version if isinstance(version, int) else None,
        started_at=_text(told.get("startedAt")),
        finished_at=finished_at,
        outputs=tuple(Output(str(o["id"]), str(o.get("name", ""))) for o in outputs),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _not_an_execution(reply: Reply) -> MalformedReplyError:
    return MalformedReplyError(
        "an execution without id, runNumber and status", status=reply.status, body=reply.text()
    )
