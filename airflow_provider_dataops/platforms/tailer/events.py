"""List the runs that have ended, for an event trigger."""

from __future__ import annotations

from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.feed import ABOUT_ONE_RUN, Ended, Listing, RunFeed, kept
from airflow_provider_dataops.core.listing import Listed
from airflow_provider_dataops.errors import NotFoundError
from airflow_provider_dataops.platforms.tailer.arguments import check_scope, require_outcomes

if TYPE_CHECKING:
    from typing import Any

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.errors import ApiError
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.model import Configuration, Run


class TailerRunFeed(RunFeed):
    """Describes the runs of one configuration, also those that other users have launched.

    :param tailer_conn_id: the Airflow connection.
    :param configuration_id: the id of the deployed configuration.
    :param configuration_type: for instance ``storage-to-storage``.
    :param account: six digits; by default the account of the connection.
    :param environment: the environment of the configuration; by default that of the connection.
    :param success_statuses: the statuses that count as ``succeeded``.
    :param failure_statuses: further statuses that count as ``failed``, beside those that this provider knows.
    """

    tailer_conn_id: str = "tailer_default"
    configuration_id: str
    configuration_type: str = "table-to-table"
    account: str | None = None
    environment: str | None = None
    success_statuses: list[str] = field(default_factory=lambda: ["SUCCESS"])
    failure_statuses: list[str] = field(default_factory=list)

    conn_type = "tailer"

    def check(self) -> None:
        """Validate the fields, also the configuration and the statuses."""
        super().check()
        require_text(configuration_id=self.configuration_id, configuration_type=self.configuration_type)
        check_scope(self.account, self.environment)
        require_outcomes(self.success_statuses, self.failure_statuses)

    def plain(self) -> dict[str, Any]:
        """Return the fields as JSON values, with the statuses in upper case."""
        return {**super().plain(), **require_outcomes(self.success_statuses, self.failure_statuses)}

    def scope(self, api: TailerApi) -> str:
        """Return the URL, the account and the environment."""
        return " ".join((super().scope(api), *api.scope(self.account, self.environment).values()))

    def poll(self, api: TailerApi, before: Listing | None) -> Exchange[Listing]:
        """List the last runs, and read the active runs that are not among them.

        The API returns at most 100 runs, the newest first, and has no pages.
        """
        configuration = api.configuration(
            self.configuration_id,
            self.configuration_type,
            account=self.account,
            environment=self.environment,
        )
        error: ApiError | None = None
        try:
            runs, _ = yield from api.listed(configuration)
            error = runs.error
        except NotFoundError as refusal:
            # The API itself sent this 404, not a proxy. It may mean that the configuration has no run yet.
            runs, error = Listed(), refusal
        found = {run.run_id: run for run in runs.found if configuration.owns(run)}
        active: dict[str, str | None] = {} if before is None else before.memory
        ended: list[Ended] = []
        still_active: dict[str, str | None] = {}
        for run_id in sorted(active.keys() - found.keys()):
            try:
                run = yield from self._read(api, configuration, run_id, active[run_id])
            except ABOUT_ONE_RUN as unreadable:
                still_active[run_id] = active[run_id]
                error = unreadable
                continue
            if run is not None:
                found[run_id] = run
        for run in found.values():
            snapshot = configuration.identified(run, None).snapshot(
                success_statuses=self.success_statuses, failure_statuses=self.failure_statuses
            )
            if snapshot.state.is_final:
                url = partial(api.run_url, configuration, run.run_id)
                # Runs of some types have no end time. One that was active at the last poll has just ended,
                # however long ago it started.
                start = None if run.run_id in active else run.start_execution_date
                ended.append(Ended.of(snapshot, url, ended_at=start))
            else:
                still_active[run.run_id] = run.job_id or configuration.job_id
        ended.sort(key=lambda run: run.order)
        return Listing(ended=kept(before, ended), memory=still_active, error=error)

    def _read(
        self, api: TailerApi, configuration: Configuration, run_id: str, job_id: str | None
    ) -> Exchange[Run | None]:
        """Return a run that has left the list; ``None`` if Tailer does not know it any more."""
        if job_id is None:
            return None
        try:
            return (yield from api.check_run_status(configuration, run_id, job_id))
        except NotFoundError:
            return None
