"""The Quantemplate API: upload datasets, execute pipelines, download outputs and datasets.

Sources: the vendor's guide "Example: end-to-end pipeline processing" and its OpenAPI file 0.0.1. The API has
no request that reads or cancels one execution. So an execution is read from the list of all executions of its
pipeline.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.api import ACCEPT_JSON, Api
from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.http import Exchange, FileBody, form_body, read_nothing, segment
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    credential,
    read_settings,
)
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    ConnectionSettingsError,
    NotFoundError,
    PermissionDeniedError,
)
from airflow_provider_dataops.platforms.quantemplate.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.quantemplate.lineage import HOST, NAMES
from airflow_provider_dataops.platforms.quantemplate.model import (
    Execution,
    read_download,
    read_executions,
    read_run_numbers,
    read_started,
    read_token,
    read_wanted,
)
from airflow_provider_dataops.platforms.quantemplate.runs import (
    QuantemplateExecutionLaunch,
    QuantemplateExecutionWatch,
    QuantemplateNextExecutionWatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.http import FileSource, Reply, Request, Sink
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import EntryCache, Listed
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.tokens import Token

T = TypeVar("T")

BASE_URL = f"https://{HOST}/external/v1"
AUTH_URL = "https://accounts.prod.quantemplate.com/auth/realms/qt/protocol/openid-connect/token"
APP_URL = "https://app.quantemplate.com/"
#: The read timeout of an upload, in seconds. The server may need a long time to store the file.
UPLOAD_READ_TIMEOUT = 600.0


class QuantemplateApi(Api):
    """The calls to Quantemplate, with the client credentials of one API user.

    If ``organisation_id`` is ``None``, a call uses the organisation of the connection.

    :param client_id: the client id of the API user.
    :param client_secret: the client secret of the API user.
    :param auth_url: the URL of the token endpoint.
    :param organisation_id: the connection's organisation, ``c-…``; empty if the connection has no
        organisation.
    """

    platform = "Quantemplate"
    noun = "execution"
    names = NAMES

    def __init__(
        self,
        settings: Settings,
        *,
        client_id: str,
        client_secret: str,
        auth_url: str = AUTH_URL,
        organisation_id: str = "",
    ) -> None:
        super().__init__(settings)
        self._client_id = client_id
        self._client_secret = client_secret
        self._auth_url = auth_url
        self.organisation_id = organisation_id
        self.token = TokenKeeper()

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> QuantemplateApi:
        """Return the API for an Airflow connection of type ``quantemplate``.

        :raises ConnectionSettingsError: if the client id or secret is missing, or a URL is invalid.
        """
        client_id = credential(fields, "login (the client id)", fields.login)
        client_secret = credential(fields, "password (the client secret)", fields.password)
        auth_url = fields.text("auth_url") or AUTH_URL
        check_url(fields, "extra field 'auth_url'", auth_url)
        settings = read_settings(
            fields,
            base_url(fields, BASE_URL),
            secrets=(client_secret,),
            placeholders=PLACEHOLDERS,
            account=(client_id, auth_url),
        )
        return cls(
            settings,
            client_id=client_id,
            client_secret=client_secret,
            auth_url=auth_url,
            organisation_id=fields.text("organisation_id"),
        )

    # --- credentials -----------------------------------------------------------------------------------

    def fetch_token(self) -> Exchange[Token]:
        """Return a new token for the client credentials. The endpoint accepts a form, but not JSON."""
        body = form_body(
            {
                "grant_type": "client_credentials",
                "client_id": self._client_id,
                "client_secret": self._client_secret,
            }
        )
        return self.post("get token", self._auth_url, body, read_token, repeatable=True, authenticated=False)

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of the error. If the token endpoint responds 400, it rejects the credentials."""
        if not request.authenticated and reply.status == 400:
            return AuthenticationError
        return super().error_class(request, reply)

    # --- arguments -------------------------------------------------------------------------------------

    def organisation(self, organisation_id: str | None) -> str:
        """Return ``organisation_id``, or the connection's organisation if ``organisation_id`` is ``None``.

        :raises InvalidArgumentError: if ``organisation_id`` is empty, or if both ids are missing.
        """
        return self.text_or_default("organisation_id", organisation_id, self.organisation_id)

    def _url(self, organisation_id: str | None, *path: str) -> str:
        parts = ("organisations", self.organisation(organisation_id), *path)
        return "/".join((self.settings.base_url, *(segment(part) for part in parts)))

    # --- runs ------------------------------------------------------------------------------------------

    def launch(
        self, pipeline_id: str, organisation_id: str | None = None, *, trace_id: str = ""
    ) -> QuantemplateExecutionLaunch:
        """Return the launch, which can start a new execution. Nothing is sent yet.

        :param trace_id: the value of the header ``X-QT-Trace-Id``. If it is empty, this header is not sent.
        """
        return QuantemplateExecutionLaunch(
            api=self,
            organisation_id=self.organisation(organisation_id),
            pipeline_id=pipeline_id,
            trace_id=trace_id,
        )

    def watch_execution(
        self, pipeline_id: str, execution_id: str, organisation_id: str | None = None
    ) -> QuantemplateExecutionWatch:
        """Return the watch, which describes how to wait for an execution that was started already."""
        require_text(execution_id=execution_id)
        return QuantemplateExecutionWatch(
            run_id=execution_id,
            organisation_id=self.organisation(organisation_id),
            pipeline_id=pipeline_id,
        )

    def watch_next_execution(
        self, pipeline_id: str, after_run_number: int, organisation_id: str | None = None
    ) -> QuantemplateNextExecutionWatch:
        """Return a watch for the end of the first execution with a higher run number than the given one."""
        return QuantemplateNextExecutionWatch(
            after_run_number=after_run_number,
            organisation_id=self.organisation(organisation_id),
            pipeline_id=pipeline_id,
        )

    # --- calls -----------------------------------------------------------------------------------------

    def upload_dataset(
        self, organisation_id: str | None, dataset_id: str, source: FileSource, *, trace_id: str = ""
    ) -> Exchange[None]:
        """Replace the content of a dataset with a file. It is safe to send this request twice."""
        return self.post(
            f"upload dataset {dataset_id}",
            self._url(organisation_id, "datasets", dataset_id),
            FileBody(source),
            read_nothing,
            headers=_trace(trace_id),
            repeatable=True,
            read_timeout=UPLOAD_READ_TIMEOUT,
        )

    def download_dataset(
        self, organisation_id: str | None, dataset_id: str, sink: Sink, *, version: int | None = None
    ) -> Exchange[None]:
        """Download a dataset.

        :param sink: receives the file.
        :param version: the version to download; ``None`` downloads the latest.
        """
        query = "" if version is None else f"?version={version}"
        url = self._url(organisation_id, "datasets", dataset_id) + query
        return self.get(f"download dataset {dataset_id}", url, read_download, headers={}, sink=sink)

    def download_output(
        self, organisation_id: str | None, pipeline_id: str, execution_id: str, output_id: str, sink: Sink
    ) -> Exchange[None]:
        """Download one output of an execution.

        :param sink: receives the file.
        """
        path = ("pipelines", pipeline_id, "executions", execution_id, "outputs", output_id)
        url = self._url(organisation_id, *path)
        return self.get(f"download output {output_id}", url, read_download, headers={}, sink=sink)

    def execute_pipeline(
        self, organisation_id: str | None, pipeline_id: str, *, trace_id: str = ""
    ) -> Exchange[Execution]:
        """Start an execution and return it. The request is not idempotent, so it is not sent twice."""
        url = self._url(organisation_id, "pipelines", pipeline_id, "executions")
        headers = _trace(trace_id) | ACCEPT_JSON
        return self.post(f"execute pipeline {pipeline_id}", url, None, read_started, headers=headers)

    def list_executions(self, organisation_id: str | None, pipeline_id: str) -> Exchange[list[Execution]]:
        """Return all executions of a pipeline. Their order is not documented.

        :raises MalformedReplyError: if one of the executions cannot be read.
        """
        return self._list(organisation_id, pipeline_id, lambda reply: read_executions(reply).whole())

    def listed(
        self, organisation_id: str, pipeline_id: str, after: int | None = None
    ) -> Exchange[Listed[Execution]]:
        """Return the executions of a pipeline.

        :param after: return only the executions with a run number above this number.
        """
        return self._list(organisation_id, pipeline_id, partial(read_executions, after=after))

    def snapshots(
        self,
        organisation_id: str,
        pipeline_id: str,
        wanted: frozenset[str],
        cache: EntryCache[RunSnapshot] | None = None,
    ) -> Exchange[Listed[RunSnapshot]]:
        """Return some executions of a pipeline, in the format that all platforms share.

        :param wanted: the ids of the executions.
        :param cache: the snapshots from earlier lists of this pipeline. With a cache, the snapshots of active
            executions are :attr:`~.RunSnapshot.brief`.
        """

        def convert(execution: Execution) -> RunSnapshot:
            snapshot = execution.snapshot(pipeline_id, organisation_id)
            return snapshot if cache is None else snapshot.brief

        read = partial(read_wanted, wanted=wanted, convert=convert, cache=cache)
        return self._list(organisation_id, pipeline_id, read)

    def run_numbers(
        self, organisation_id: str, pipeline_id: str
    ) -> Exchange[tuple[Listed[int], float | None]]:
        """Return the run numbers of a pipeline, and the time of the response on the server's clock."""
        return self._list(organisation_id, pipeline_id, lambda reply: (read_run_numbers(reply), reply.date))

    def _list(
        self, organisation_id: str | None, pipeline_id: str, parse: Callable[[Reply], T]
    ) -> Exchange[T]:
        url = self._url(organisation_id, "pipelines", pipeline_id, "executions")
        return self.get(f"list executions of {pipeline_id}", url, parse)

    def get_execution(
        self, organisation_id: str | None, pipeline_id: str, execution_id: str
    ) -> Exchange[Execution | None]:
        """Return one execution; ``None`` if it is not in the list.

        :raises MalformedReplyError: if the execution is not found, but an entry of the list cannot be read.
        """
        parse = partial(read_wanted, wanted=frozenset({execution_id}), convert=lambda found: found)
        listed = yield from self._list(organisation_id, pipeline_id, parse)
        return listed.first(lambda execution: execution.id == execution_id)

    def next_execution(
        self, organisation_id: str, pipeline_id: str, after_run_number: int
    ) -> Exchange[Execution | None]:
        """Return the first execution after a run number; ``None`` if it does not exist yet.

        Any user may have started the execution.

        :raises MalformedReplyError: if an entry that may be this execution cannot be read.
        """
        listed = yield from self.listed(organisation_id, pipeline_id, after_run_number)
        first = min(listed.found, key=lambda e: e.run_number, default=None)

        def is_later(entry: JsonObject) -> bool:
            number = entry.get("runNumber")
            # An unreadable entry without a run number may be an old execution, so it raises no error.
            return not isinstance(number, int) or (first is not None and number > first.run_number)

        listed.check_unreadable(is_later)
        return first

    def test(self) -> Exchange[str]:
        """Fetch a token, and send it to the API's host.

        The API has no request that succeeds for every user. So the test requests a pipeline that does not
        exist. A 403 or 404 then shows that the platform accepts the token, but not whether the organisation
        exists.
        """
        organisation_id = self.organisation_id
        if organisation_id and not organisation_id.startswith("c-"):
            raise ConnectionSettingsError(
                f"connection {self.settings.conn_id!r}: extra field 'organisation_id': the id of an "
                f"organisation begins with c-; given: {organisation_id!r}"
            )
        yield from self.login()
        try:
            yield from self._list(organisation_id or "c-test", "p-connection-test", read_run_numbers)
        except (NotFoundError, PermissionDeniedError) as error:
            if error.is_web_page:
                raise
        return (
            "the client id and secret are accepted; the organisation, and permissions for datasets and "
            "pipelines were not tested"
        )

    # --- links -----------------------------------------------------------------------------------------

    def execution_url(self, organisation_id: str, pipeline_id: str, execution_id: str) -> str:
        """Return the link to an execution. Without ``link_template``, the link leads to the app's start page.

        The documentation shows no URL for the page of an execution.
        """
        return self.link(
            APP_URL,
            organisation_id=organisation_id,
            pipeline_id=pipeline_id,
            execution_id=execution_id,
            run_id=execution_id,
        )

    def dataset_url(self, organisation_id: str, dataset_id: str) -> str:
        """Return the link to the preview page of a dataset."""
        return f"{APP_URL}{segment(organisation_id)}/dataset/{segment(dataset_id)}/preview"


def _trace(trace_id: str) -> dict[str, str]:
    return {"X-QT-Trace-Id": trace_id} if trace_id else {}
