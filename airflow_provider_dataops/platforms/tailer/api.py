"""The Tailer Platform API, ``v1``: launch jobs, ask for runs, set statuses.

Facts: the vendor's page "API features", its configuration reference and its SDK. Every call is a POST with
JSON, in which ``action`` tells what is meant; account and environment stand in the body. No call stops a run.
Runs, their states and how they are waited for: :mod:`airflow_provider_dataops.platforms.tailer_runs`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.http import Exchange, Reply, Request, call, json_body, read_json
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    check_url,
    common_settings,
    fill_template,
)
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    InvalidArgumentError,
    MalformedReplyError,
)
from airflow_provider_dataops.platforms.tailer.credentials import TokenSource, token_source
from airflow_provider_dataops.platforms.tailer.model import (
    Configuration,
    Run,
    canonical_type,
    check_account,
    check_configuration_status,
    check_environment,
    check_launchable,
    check_limit,
    check_settable,
    read_runs,
    refuse_ko,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


T = TypeVar("T")
log = logging.getLogger(__name__)
BASE_URL = "https://tailer-api-nqonovswsq-ew.a.run.app"
STUDIO_URL = "https://studio.tailer.ai"
API_PATH = "/v1"
#: How many runs a listing asks for: the largest number that the vendor's pages show. The default is unknown.
LIST_LIMIT = 100


class TailerApi(Api):
    """Tailer, reached with one bearer token that is signed, fetched or given.

    :param source: where tokens come from.
    :param account: the default account.
    :param environment: the default environment.
    :param studio_url: where people look at runs.
    :param clock: seconds on a clock that never goes back, for the token's life.
    """

    platform: ClassVar[str] = "Tailer"

    def __init__(
        self,
        settings: Settings,
        *,
        source: TokenSource,
        account: str = "",
        environment: str = "",
        studio_url: str = STUDIO_URL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings)
        self.account = account
        self.environment = environment
        self.studio_url = studio_url
        self._source = source
        self._token = TokenKeeper(clock=clock)

    @classmethod
    def from_fields(cls, fields: ConnectionFields, *, now: Callable[[], float] = time.time) -> TailerApi:
        """Read an Airflow connection of type ``tailer``.

        :param now: seconds since the epoch, for tokens that are signed here.
        :raises ConnectionSettingsError: if it lacks a credential, or holds what cannot be used.
        """
        url = base_url(fields, BASE_URL)
        source = token_source(fields, url, now=now)
        account, environment = fields.text("account"), fields.text("environment")
        try:
            if account:
                check_account(account)
            if environment:
                check_environment(environment)
        except InvalidArgumentError as error:
            raise fields.error(f"extra field {error}") from None
        studio_url = fields.text("studio_url") or STUDIO_URL
        check_url(fields, "extra field 'studio_url'", studio_url)
        common = common_settings(fields, url, secrets=source.secrets, account=source.account)
        return cls(
            Settings(**common),
            source=source,
            account=account,
            environment=environment,
            studio_url=studio_url,
        )

    # --- credentials -----------------------------------------------------------------------------------

    def needs_login(self) -> bool:
        """Tell whether there is no token, or one that ends soon."""
        return self._token.is_due()

    def login(self) -> Exchange[None]:
        """Get a token."""
        return self._token.renew(self._source.fetch())

    def forget_login(self) -> bool:
        """Drop a token that was refused before its time; False where no other can be had."""
        if not self._source.renewable:
            return False
        self._token.drop()
        return True

    def credentials(self) -> Mapping[str, str]:
        """Return the bearer token's header."""
        return self._token.header()

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error; where people sign in, a wrong password is a 400."""
        if not request.authenticated and reply.status == 400:
            return AuthenticationError
        return super().error_class(request, reply)

    def error_text(self, reply: Reply) -> str:
        """Return the server's own words about an error, and which credential a refusal speaks of."""
        words, googles = _googles_words(reply), True
        if not words:
            words, googles = super().error_text(reply), False
        refused = reply.status == 401 or (googles and reply.status == 400)
        return f"{words} ({self._source.blame})" if refused else words

    # --- arguments -------------------------------------------------------------------------------------

    def configuration(
        self,
        configuration_id: str,
        configuration_type: str,
        *,
        account: str | None = None,
        environment: str | None = None,
        append_environment: bool = False,
    ) -> Configuration:
        """Return a data operation; account and environment are the connection's, unless they are given.

        :param append_environment: end the id in ``_`` and the environment, if it does not yet.
        :raises InvalidArgumentError: naming the argument, what was given and what is allowed.
        """
        where = self.scope(account, environment)
        require_text(configuration_id=configuration_id)
        ending = f"_{where[1]}"
        if append_environment and not configuration_id.endswith(ending):
            configuration_id += ending
        return Configuration(
            account=where[0],
            environment=where[1],
            configuration_type=configuration_type,
            configuration_id=configuration_id,
        )

    def scope(self, account: str | None, environment: str | None) -> tuple[str, str]:
        """Return account and environment: those given, or the connection's.

        :raises InvalidArgumentError: if there is neither, or they cannot be what they should.
        """
        chosen = {
            "account": self.account if account is None else account,
            "environment": self.environment if environment is None else environment,
        }
        for name, value in chosen.items():
            if value == "":
                raise InvalidArgumentError(f"{name} is empty: give it, or set the connection's {name}")
        check_account(chosen["account"])
        check_environment(chosen["environment"])
        return chosen["account"], chosen["environment"]

    # --- calls -----------------------------------------------------------------------------------------

    def launch_job(
        self, configuration: Configuration, *, execution_date: str | None = None, job_id: str | None = None
    ) -> Exchange[str]:
        """Launch a job and return the run's id. Never repeated by itself: each call makes another run.

        :param execution_date: the logical date that the job works for, ``YYYY-MM-DD``; without it, today in
            UTC.
        """
        check_launchable(configuration.configuration_type)
        if configuration.configuration_type == "table-to-table" and not configuration.names_environment:
            log.warning(
                "The id %r does not end in _%s. Tables to Tables configurations are deployed under such an "
                "id, unless they have a context; append_environment=True appends it",
                configuration.configuration_id,
                configuration.environment,
            )
        return self._on(
            configuration,
            "dag/launch",
            "launch_job",
            f"launch job {configuration.configuration_id}",
            {"job_id": job_id, "execution_date": execution_date},
            parse=_read_launched,
        )

    def check_run_status(
        self, configuration: Configuration, *, job_id: str, run_id: str
    ) -> Exchange[Run | None]:
        """Return one run; ``None`` where there is no record of it, as in the first seconds after a launch."""
        require_text(job_id=job_id, run_id=run_id)
        runs = yield from self._on(
            configuration,
            "dag/status",
            "check_run_status",
            f"check run {run_id}",
            {"job_id": job_id, "run_id": run_id},
            parse=read_runs,
            repeatable=True,
        )
        return next((run for run in runs if run.run_id == run_id and configuration.owns(run)), None)

    def get_last_status(
        self,
        configuration: Configuration,
        *,
        job_id: str | None = None,
        started_on: str | None = None,
        status: str | None = None,
        limit: int = LIST_LIMIT,
    ) -> Exchange[list[Run]]:
        """Return the last runs of a configuration, newest first.

        :param started_on: runs that started on this day alone, ``YYYY-MM-DD``. The API calls it
            ``execution_date``, as it does another thing when a job is launched.
        """
        runs, _ = yield from self.listed(
            configuration, job_id=job_id, started_on=started_on, status=status, limit=limit
        )
        return runs

    def listed(
        self,
        configuration: Configuration,
        *,
        job_id: str | None = None,
        started_on: str | None = None,
        status: str | None = None,
        limit: int = LIST_LIMIT,
    ) -> Exchange[tuple[list[Run], float | None]]:
        """Return the last runs of a configuration, and the time at the server."""
        check_limit(limit)
        return self._on(
            configuration,
            "dag/status",
            "get_last_status",
            f"get last status of {configuration.configuration_id}",
            {"job_id": job_id, "execution_date": started_on, "status": status, "limit": limit},
            parse=lambda reply: (read_runs(reply), reply.date),
            repeatable=True,
        )

    def get_by_status(
        self,
        configuration_type: str,
        status: str | None = None,
        *,
        account: str | None = None,
        environment: str | None = None,
        started_on: str | None = None,
        limit: int = LIST_LIMIT,
    ) -> Exchange[list[Run]]:
        """Return runs of all configurations of a type in an account."""
        request = self._by_status(
            configuration_type, status, self.scope(account, environment), started_on, limit, parse=read_runs
        )
        return call(request)

    def set_run_status(self, configuration: Configuration, *, run_id: str, status: str) -> Exchange[None]:
        """Give a run another label. It does not stop the run. A repeat gives it the same label again."""
        require_text(run_id=run_id)
        check_settable(status)
        return self._on(
            configuration,
            "dag/status",
            "set_run_status",
            f"set status of run {run_id}",
            {"run_id": run_id, "status": status.upper()},
            parse=_read_ok,
            repeatable=True,
        )

    def reset_workflow(self, configuration: Configuration) -> Exchange[None]:
        """Delete all triggered jobs of a workflow, so that it starts from scratch.

        Never repeated by itself: a repeat would also delete what was triggered since the first one was done.

        :raises InvalidArgumentError: if the configuration is none of a workflow.
        """
        if configuration.configuration_type != "workflow":
            raise InvalidArgumentError(
                f"only a workflow can be reset; given: {configuration.configuration_type!r}"
            )
        return self._on(
            configuration,
            "workflow/status",
            "reset_workflow_status",
            f"reset workflow {configuration.configuration_id}",
            {},
            parse=_read_ok,
        )

    def set_configuration_status(self, configuration: Configuration, status: str) -> Exchange[None]:
        """Enable, disable or archive a configuration. A repeat does no more.

        :param status: one of :data:`CONFIGURATION_STATUSES`.
        """
        activated, archived = check_configuration_status(status)
        return self._on(
            configuration,
            "configuration/status",
            "set_configuration_status",
            f"set configuration {configuration.configuration_id} {status}",
            {"activated": activated, "archived": archived},
            parse=_read_ok,
            repeatable=True,
        )

    def test(self) -> Exchange[str]:
        """Ask for a running run of the connection's account, or do as much as can be done without one."""
        if self.account and self.environment:
            where = (self.account, self.environment)
            # Its answer is not documented; that it is answered is what matters here.
            yield from call(self._by_status("table-to-table", "RUNNING", where, None, 1, parse=_read_any))
            return f"the credentials are accepted for account {self.account}, {self.environment}"
        yield from self.login()
        made = "a token was made" if self._source.renewable else "there is a token"
        return f"{made}; whether it is accepted was not tried, since account or environment is not set"

    # --- requests --------------------------------------------------------------------------------------

    def _on(
        self,
        configuration: Configuration,
        path: str,
        action: str,
        operation: str,
        given: Mapping[str, Any],
        *,
        parse: Callable[[Reply], T],
        repeatable: bool = False,
    ) -> Exchange[T]:
        """Do something to a configuration."""
        named = {
            "configuration_type": configuration.configuration_type,
            "configuration_id": configuration.configuration_id,
        }
        where = (configuration.account, configuration.environment)
        return call(
            self._request(path, action, operation, where, named | dict(given), parse, repeatable=repeatable)
        )

    def _by_status(
        self,
        configuration_type: str,
        status: str | None,
        where: tuple[str, str],
        started_on: str | None,
        limit: int,
        *,
        parse: Callable[[Reply], T],
    ) -> Request[T]:
        require_text(configuration_type=configuration_type)
        check_limit(limit)
        given = {
            "configuration_type": canonical_type(configuration_type),
            "execution_date": started_on,
            "status": status,
            "limit": limit,
        }
        operation = f"get runs of {where[0]} by status"
        return self._request("dag/status", "get_by_status", operation, where, given, parse, repeatable=True)

    def _request(
        self,
        path: str,
        action: str,
        operation: str,
        where: tuple[str, str],
        given: Mapping[str, Any],
        parse: Callable[[Reply], T],
        *,
        repeatable: bool,
    ) -> Request[T]:
        """Return the request of one action; the same URL does other things with another one."""
        told = {"action": action, "account": where[0], "environment": where[1]}
        return Request(
            operation=operation,
            method="POST",
            url=f"{self.settings.base_url}{API_PATH}/{path}",
            headers={"Accept": "application/json"},
            body=json_body(told | {name: value for name, value in given.items() if value is not None}),
            parse=parse,
            repeatable=repeatable,
        )

    # --- links -----------------------------------------------------------------------------------------

    def run_url(self, configuration: Configuration, run_id: str) -> str:
        """Return the link to a run; without a template Tailer Studio's home, since no page is documented."""
        values = {
            "account": configuration.account,
            "environment": configuration.environment,
            "configuration_id": configuration.configuration_id,
            "configuration_type": configuration.configuration_type,
            "run_id": run_id,
        }
        return fill_template(self.settings.link_template or self.studio_url, self.settings.base_url, values)


def _googles_words(reply: Reply) -> str:
    """Return what Google's endpoints say of an error, in their shape of it."""
    try:
        told = reply.json()
    except MalformedReplyError:
        return ""
    error = told.get("error") if isinstance(told, dict) else None
    words = error.get("message") if isinstance(error, dict) else None
    return words if isinstance(words, str) else ""


def _read_any(reply: Reply) -> None:
    refuse_ko(read_json(reply), reply)


def _read_launched(reply: Reply) -> str:
    told = reply.json()
    run_id = told.get("run_id") if isinstance(told, dict) else None
    if not isinstance(run_id, str) or not run_id:
        refuse_ko(told, reply)
        raise MalformedReplyError(
            f"the answer to a launch holds no run_id: {reply.text()[:300]}",
            status=reply.status,
            body=reply.text(),
        )
    return run_id


def _read_ok(reply: Reply) -> None:
    """Accept OK, and an answer that says nothing; the API may say KO with a good status."""
    if not reply.body.strip():
        log.info("The answer is HTTP %s and blank, as the vendor's guide has it; taken as OK", reply.status)
        return
    told = reply.json()
    if not isinstance(told, dict):
        raise MalformedReplyError("the answer is no JSON object", status=reply.status, body=reply.text())
    refuse_ko(told, reply)
    if "message" not in told:
        log.info("The answer has no message; taken as OK: %s", reply.text()[:300])
