"""The Tailer Platform API, ``v1``: launch jobs, read runs, set statuses.

Sources of the facts: the vendor's page "API features", its configuration reference and its SDK. Every call is
a POST with JSON. The body contains the ``action``, the account and the environment. No call stops a run.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    read_settings,
)
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    PermissionDeniedError,
    UnroutedError,
)
from airflow_provider_dataops.platforms.tailer.arguments import (
    check_scope,
    day,
    require_outcomes,
    require_status,
)
from airflow_provider_dataops.platforms.tailer.calls import TailerCalls
from airflow_provider_dataops.platforms.tailer.credentials import TokenSource, token_source
from airflow_provider_dataops.platforms.tailer.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.tailer.lineage import HOST
from airflow_provider_dataops.platforms.tailer.model import (
    Configuration,
    google_error,
    is_json,
    read_any,
)
from airflow_provider_dataops.platforms.tailer.runs import (
    TailerJobLaunch,
    TailerLastStatusWatch,
    TailerRunWatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from airflow_provider_dataops.core.http import Exchange, Reply, Request
    from airflow_provider_dataops.core.tokens import Token

BASE_URL = f"https://{HOST}"
STUDIO_URL = "https://studio.tailer.ai"


class TailerApi(TailerCalls):
    """The calls to Tailer, with a bearer token.

    The token is signed on this machine, requested from Google, or part of the connection.

    :param source: the source of the tokens.
    :param account: the default account.
    :param environment: the default environment.
    :param studio_url: the URL of Tailer Studio, where links lead.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        source: TokenSource,
        account: str = "",
        environment: str = "",
        studio_url: str = STUDIO_URL,
    ) -> None:
        super().__init__(settings)
        self.account = account
        self.environment = environment
        self.studio_url = studio_url
        self.token = TokenKeeper()
        self._source = source

    @classmethod
    def from_fields(cls, fields: ConnectionFields, *, now: Callable[[], float] = time.time) -> TailerApi:
        """Return the API for an Airflow connection of type ``tailer``.

        :param now: returns seconds since the epoch, for tokens that are signed on this machine.
        :raises ConnectionSettingsError: if a credential is missing, or a field is not valid.
        """
        url = base_url(fields, BASE_URL)
        source = token_source(fields, url, now=now)
        account, environment = fields.text("account"), fields.text("environment")
        try:
            check_scope(account or None, environment or None)
        except InvalidArgumentError as error:
            raise fields.error(f"extra field {error}") from None
        studio_url = fields.text("studio_url") or STUDIO_URL
        check_url(fields, "extra field 'studio_url'", studio_url)
        settings = read_settings(
            fields, url, secrets=source.secrets, account=source.account, placeholders=PLACEHOLDERS
        )
        return cls(settings, source=source, account=account, environment=environment, studio_url=studio_url)

    # --- credentials -----------------------------------------------------------------------------------

    def fetch_token(self) -> Exchange[Token]:
        """Return a token. It is signed on this machine, requested from Google, or part of the connection."""
        return self._source.fetch()

    def forget_login(self) -> bool:
        """Drop a token that the API rejected. Return ``False`` if there is no way to get another token."""
        return self._source.renewable and super().forget_login()

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of the error.

        Google responds 400 to a wrong password, so a 400 to a login counts as rejected credentials. A 404
        that is not JSON comes from a proxy, not from the API.
        """
        if not request.authenticated and reply.status == 400:
            return AuthenticationError
        if reply.status == 404 and not is_json(reply):
            return UnroutedError
        return super().error_class(request, reply)

    def error_text(self, reply: Reply) -> str:
        """Return the server's message. After rejected credentials, add what to check in the connection."""
        google = google_error(reply)
        text = google or super().error_text(reply)
        refused = reply.status == 401 or (google and reply.status == 400)
        return f"{text} ({self._source.blame})" if refused else text

    # --- runs ------------------------------------------------------------------------------------------

    def launch(self, configuration: Configuration, **options: Any) -> TailerJobLaunch:
        """Return the launch, which can start a job. The options are fields of :class:`TailerJobLaunch`."""
        return TailerJobLaunch(api=self, configuration=configuration, **options)

    def watch_run(
        self, configuration: Configuration, run_id: str, job_id: str | None, **outcomes: object
    ) -> TailerRunWatch:
        """Return the watch, which describes how to wait for the run.

        :param outcomes: ``success_statuses`` and ``failure_statuses``.
        :raises InvalidArgumentError: if a status is invalid, or counts both as success and as failure.
        """
        statuses: dict[str, Any] = require_outcomes(**outcomes)
        return TailerRunWatch(run_id=run_id, **asdict(configuration), **statuses, job_id=job_id)

    def watch_last_status(
        self, configuration: Configuration, status: str, started_on: date | str | None
    ) -> TailerLastStatusWatch:
        """Return the watch that waits until the configuration has a run with this status.

        :param started_on: the day on which the run started; any day if ``None``.
        """
        return TailerLastStatusWatch(
            **asdict(configuration), status=require_status(status), started_on=day("started_on", started_on)
        )

    def test(self) -> Exchange[str]:
        """Request one run of the connection's account.

        If account or environment is not set, the request contains account 000000 or environment DEV, and
        Tailer may refuse it. Then the test shows only that Tailer responds.
        """
        is_complete = bool(self.account and self.environment)
        scope = {"account": self.account or "000000", "environment": self.environment or "DEV"}
        try:
            # Any JSON without KO, Tailer's word for a failure, is enough, because the format of this response
            # is not documented.
            yield from self.get_by_status(
                "table-to-table", status="RUNNING", limit=1, parse=read_any, **scope
            )
        except (BadRequestError, PermissionDeniedError) as error:
            if is_complete or error.is_web_page:
                raise
        if is_complete:
            return f"the credentials are accepted for account {self.account}, {self.environment}"
        return "the host responds; fill in account and environment to test the credentials for an account"

    # --- links -----------------------------------------------------------------------------------------

    def run_url(self, configuration: Configuration, run_id: str) -> str:
        """Return the link to a run. Without ``link_template``, the link leads to Tailer Studio's start page.

        The documentation shows no URL for the page of a run.
        """
        return self.link(self.studio_url, **asdict(configuration), run_id=run_id)
