"""The Quantemplate API: datasets in, pipeline executions, outputs and datasets out.

Facts: the vendor's guide "Example: end-to-end pipeline processing" and its OpenAPI 0.0.1. There is no call to
read one execution and none to cancel one; a run is found in the pipeline's list.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import chosen
from airflow_provider_dataops.core.http import (
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
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    common_settings,
    credential,
    fill_template,
)
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
)
from airflow_provider_dataops.platforms.quantemplate.model import (
    Execution,
    _read_download,
    _read_executions,
    _read_some,
    _read_started,
    _read_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


BASE_URL = "https://fabric.prod.quantemplate.com/external/v1"
AUTH_URL = "https://accounts.prod.quantemplate.com/auth/realms/qt/protocol/openid-connect/token"
APP_URL = "https://app.quantemplate.com/"
#: A file may take long to be taken in by the server after its last byte was sent, in seconds.
UPLOAD_READ_TIMEOUT = 600.0


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


def _trace(trace_id: str) -> dict[str, str]:
    return {"X-QT-Trace-Id": trace_id} if trace_id else {}
