"""Launch a Tailer job, find its run again, and wait for runs and statuses. The API cannot stop a run."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_dataops.core import listing
from airflow_provider_dataops.core.arguments import require_text, require_text_if_set
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.listing import Listed
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.watch import RunConditionWatch, RunWatch, Watch
from airflow_provider_dataops.errors import MalformedReplyError, NotFoundError, ServerError, TransportError
from airflow_provider_dataops.platforms.tailer.arguments import (
    canonical_type,
    require_outcomes,
)
from airflow_provider_dataops.platforms.tailer.lists import (
    active_runs,
    find_run,
    last_runs,
    matching,
    runs_since,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.platforms.tailer.api import TailerApi
    from airflow_provider_dataops.platforms.tailer.model import Configuration, Run

log = logging.getLogger(__name__)


class TailerJobLaunch(Launch):
    """A job to launch.

    :param execution_date: the logical date of the job, ``YYYY-MM-DD``.
    :param job_id: the job's id; ``None`` if the user did not set it.
    :param success_statuses: the statuses that count as success.
    :param failure_statuses: further statuses that count as failures, beside those that this provider knows.
    """

    api: TailerApi
    configuration: Configuration
    execution_date: str | None = None
    job_id: str | None = None
    success_statuses: Sequence[str] = ("SUCCESS",)
    failure_statuses: Sequence[str] = ()

    #: Tailer lists a run some seconds after its launch, but not later than this many seconds.
    listing_delay = 90.0

    @property
    def not_found_is_final(self) -> bool:
        """``False``. A 404 does not prove that there is no run, because Tailer lists only started runs."""
        return False

    def identity(self) -> JsonObject:
        """Return the arguments that decide what the run does."""
        return {
            "base_url": self.api.settings.base_url,
            **asdict(self.configuration),
            "execution_date": self.execution_date,
            "job_id": self.job_id,
        }

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the last runs of the configuration, and the time of the response on the server's clock.

        :raises NotFoundError: for a 404 without the header ``Date``. Then a later search could not decide
            which runs are new.
        """
        try:
            runs, listed_at = yield from self.api.listed(self.configuration)
        except NotFoundError as error:
            # The API itself sent this 404, not a proxy. So the configuration has no run at this time.
            if error.date is None:
                raise
            runs, listed_at = Listed(), error.date
        return {
            "configuration": asdict(self.configuration),
            "job_id": self.job_id,
            "known": [run.run_id for run in runs.found] + runs.known_texts("run_id"),
            "listed_at": listed_at,
            "cut": runs.cut,
        }

    def earlier(self, baseline: JsonObject) -> TailerJobLaunch:
        """Return a copy of this launch, with the configuration and the job id that an earlier try stored."""
        configuration = replace(self.configuration, **baseline["configuration"])
        return replace(self, configuration=configuration, job_id=baseline["job_id"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Launch the job. The submission token is not sent, because the API has no field for it."""
        run_id = yield from self.api.launch_job(
            self.configuration, execution_date=self.execution_date, job_id=self.job_id
        )
        return self.configuration.launched(run_id, self.job_id)

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the runs of the configuration that may be new since the baseline was recorded.

        The baseline contains the list from before the submission. A new run is not in that list, and did not
        start before that list was read.

        :raises MalformedReplyError: if an entry that may be such a run cannot be read.
        :raises IncompleteListError: if the list may leave out such a run.
        """
        since = listing.since(baseline)
        try:
            runs = yield from runs_since(self.api, self.configuration, since, baseline["known"])
        except NotFoundError:
            return []
        runs.check_unreadable(lambda entry: entry.get("run_id") in baseline["known"])
        new = {
            run.run_id: run.snapshot()
            for run in runs.found
            if self.configuration.owns(run)
            and run.run_id not in baseline["known"]
            and listing.may_be_later(run.start_execution_date, baseline)
        }
        return listing.checked_candidates([*new.values()], runs, baseline, self.api.platform)

    def watch(self, run_id: str, token: str = "") -> TailerRunWatch:
        """Return the watch, which describes how to wait for the run."""
        return self.api.watch_run(
            self.configuration,
            run_id,
            job_id=self.job_id,
            success_statuses=self.success_statuses,
            failure_statuses=self.failure_statuses,
        )


class TailerWatch(Watch):
    """Base class of the watches, which describe how to wait for a run or a status of one configuration.

    :param account: six digits.
    :param environment: the environment of the configuration.
    :param configuration_type: for instance ``storage-to-storage``.
    :param configuration_id: the id of the deployed configuration.
    """

    account: str
    environment: str
    configuration_type: str
    configuration_id: str

    @property
    def named(self) -> dict[str, Any]:
        """The four fields that identify the configuration."""
        return {
            "account": self.account,
            "environment": self.environment,
            "configuration_type": self.configuration_type,
            "configuration_id": self.configuration_id,
        }

    def check(self) -> None:
        """Check that the four fields of the configuration are set."""
        super().check()
        require_text(**self.named)

    def configuration(self, api: TailerApi) -> Configuration:
        """Return the four fields as a configuration.

        :raises InvalidArgumentError: if a field is not valid. A stored watch may contain such a field.
        """
        return api.configuration(**self.named)


class TailerRunWatch(TailerWatch, RunWatch):
    """Describes how to wait for the end of one run. If tasks wait for more than two runs, lists contain them.

    :param success_statuses: the statuses that count as success.
    :param failure_statuses: further statuses that count as failures, beside those that this provider knows.
    :param job_id: the job's id. If it is ``None``, the task searches lists for the run.
    """

    success_statuses: list[str]
    failure_statuses: list[str]
    job_id: str | None = None

    sweeps = True

    def __post_init__(self) -> None:
        """Prepare the watch for lists."""
        super().__post_init__()
        # The run as a list contained it last, and the snapshot that was made of it.
        self._run: Run | None = None
        self._snapshot: RunSnapshot | None = None

    def check(self) -> None:
        """Check that the job's id is ``None`` or a text."""
        super().check()
        require_text_if_set(job_id=self.job_id)

    @property
    def outcomes(self) -> dict[str, list[str]]:
        """``success_statuses`` and ``failure_statuses``, by name."""
        return require_outcomes(self.success_statuses, self.failure_statuses)

    @property
    def key(self) -> str:
        """A text of the run's id and of all other fields that the group does not contain."""
        return str((self.run_id, self.configuration_id, self.job_id, *self.outcomes.values()))

    @property
    def group(self) -> str:
        """The group of the run: the fields by which Tailer can list runs of several configurations."""
        return str((self.account, self.environment, canonical_type(self.configuration_type)))

    def _listed(self, api: TailerApi, run: Run | None) -> RunSnapshot | None:
        """Return the snapshot of a listed run; ``None`` if it is not the run of this watch."""
        if run is None:
            return None
        if self._run is not run:
            configuration = self.configuration(api)
            if not configuration.is_named_by(run):
                return None
            self._run, self._snapshot = run, self.snapshot(configuration, run).brief
        return self._snapshot

    def sweep(
        self, api: TailerApi, watches: Mapping[str, Self], cache: EntryCache[Run] | None = None
    ) -> Exchange[Mapping[str, RunSnapshot]]:
        """Return the active runs, and the last runs of each configuration that misses several runs then.

        The poller reads the others one by one. Each run gets its state from its own watch, because tasks may
        differ in which statuses are a success.

        :raises NotFoundError: if the API refuses all lists of active runs.
        :raises MalformedReplyError: if the response contains no list of runs.
        """
        ids = {watch.run_id for watch in watches.values()}
        active = yield from active_runs(
            api, self.account, self.environment, self.configuration_type, ids, cache
        )
        by_id = {run.run_id: run for run in active}
        found: dict[str, RunSnapshot] = {}
        missing: dict[str, dict[str, Self]] = {}
        for key, watch in watches.items():
            snapshot = watch._listed(api, by_id.get(watch.run_id))
            if snapshot is not None:
                found[key] = snapshot
            else:
                missing.setdefault(watch.configuration_id, {})[key] = watch
        counts = Counter(watch.configuration_id for watch in watches.values())
        for configuration_id, others in missing.items():
            if len(others) > 1:
                configuration = next(iter(others.values())).configuration(api)
                wanted = {watch.run_id for watch in others.values()}
                try:
                    last = yield from last_runs(api, configuration, wanted, counts[configuration_id])
                except (MalformedReplyError, ServerError, TransportError) as error:
                    log.info("%s; the runs are read one by one", error)
                    continue
                for key, watch in others.items():
                    if watch.run_id in last:
                        found[key] = watch.snapshot(configuration, last[watch.run_id])
        return found

    def look(self, api: TailerApi) -> Exchange[RunSnapshot]:
        """Read this run alone, and return its present state."""
        configuration, run_id = self.configuration(api), self.run_id
        job_id = self.job_id or configuration.job_id
        state, words = RunState.ABSENT, "not listed"
        try:
            if job_id:
                run = yield from api.check_run_status(configuration, run_id, job_id)
            else:
                run, is_whole = yield from find_run(api, configuration, run_id)
                if not is_whole:
                    state, words = RunState.UNLISTED, "not in the list, which only contains the last runs"
        except NotFoundError as error:
            run, words = None, f"not listed: {error.message}"
        if run is None:
            return RunSnapshot(run_id=run_id, state=state, raw_state=words)
        return self.snapshot(configuration, run)

    def snapshot(self, configuration: Configuration, run: Run) -> RunSnapshot:
        """Return a listed run in the format that all platforms share."""
        return configuration.identified(run, self.job_id).snapshot(**self.outcomes)

    def url(self, api: TailerApi) -> str:
        """Return the link to the run."""
        return api.run_url(self.configuration(api), self.run_id)

    def namespace(self, api: TailerApi) -> str:
        """Return the namespace of the run's datasets in lineage."""
        return api.namespace(self.account, self.environment)


class TailerLastStatusWatch(TailerWatch, RunConditionWatch):
    """Describes how to wait until a configuration has a run with a certain status.

    :param status: the status in upper case.
    :param started_on: the day on which the run started, ``YYYY-MM-DD``; any day if ``None``.
    """

    status: str
    started_on: str | None = None

    #: The task succeeds if a run has the status that the user chose, even if the status means a failure.
    accepts_any_end = True

    def check(self) -> None:
        """Check that the status is set, and that the day is ``None`` or a text."""
        super().check()
        require_text(status=self.status)
        require_text_if_set(started_on=self.started_on)

    @property
    def in_words(self) -> str:
        """The configuration, the status and the day of the run."""
        day = f" that started on {self.started_on}" if self.started_on else ""
        return f"a run of {self.configuration_id}{day} has the status {self.status}"

    def question(self, api: TailerApi) -> Exchange[JsonObject | None]:
        """Return the newest run that has this status, as JSON; ``None`` if no run has this status yet."""
        configuration = self.configuration(api)
        filters = {"started_on": self.started_on, "status": self.status}
        runs = yield from matching(api, configuration, filters)
        # Check all runs: the response may contain runs of other configurations.
        found = (run for run in runs.found if run.status == self.status and configuration.owns(run))
        return next((run.snapshot().as_json() for run in found), None)

    def found(self, run_id: str) -> TailerRunWatch:
        """Return a watch for the run that was found."""
        return TailerRunWatch(
            run_id=run_id, **self.named, success_statuses=[self.status], failure_statuses=[]
        )
