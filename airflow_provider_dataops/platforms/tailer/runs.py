"""Launching one of Tailer's jobs and waiting for its run: what the life of a run asks of the platform."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.errors import NotFoundError
from airflow_provider_dataops.platforms.tailer.model import USUAL, Configuration, Outcomes, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.tailer.api import TailerApi

#: A run writes its own record some seconds after its launch; by this time it is listed, in seconds.
LISTING_DELAY = 90.0
#: The clock that stamps runs and the one of the answers' Date need not agree, in seconds.
CLOCK_MARGIN = 60.0


@dataclass(frozen=True, kw_only=True)
class JobLaunch:
    """One job to be launched.

    :param execution_date: the logical date it works for, ``YYYY-MM-DD``.
    :param job_id: the job's id, where the user gave it.
    :param outcomes: which statuses count as success and failure.
    """

    api: TailerApi
    configuration: Configuration
    execution_date: str | None = None
    job_id: str | None = None
    outcomes: Outcomes = USUAL

    noun: ClassVar[str] = "run"
    listing_delay: ClassVar[float] = LISTING_DELAY
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = False
    waits_for_slot: ClassVar[bool] = False
    #: There is no record of a run until it starts, and nobody says how long that may take.
    not_found_is_final: ClassVar[bool] = False

    @property
    def id_scope(self) -> str:
        """The host; run ids mean nothing elsewhere."""
        return self.api.settings.base_url

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            **asdict(self.configuration),
            "execution_date": self.execution_date,
            "job_id": self.job_id,
        }

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell the last runs of the configuration."""
        runs, listed_at = yield from self._listed()
        return {
            "configuration": asdict(self.configuration),
            "job_id": self.job_id,
            "known": [run.run_id for run in runs],
            "listed_at": listed_at,
        }

    def _listed(self) -> Exchange[tuple[list[Run], float | None]]:
        try:
            return (yield from self.api.listed(self.configuration))
        except NotFoundError:
            # What is said of a configuration that has never run is not documented.
            return [], None

    def earlier(self, mark: Mapping[str, Any]) -> JobLaunch:
        """Return the launch that made a mark: a run is asked about by its own configuration."""
        return replace(self, configuration=Configuration(**mark["configuration"]), job_id=mark["job_id"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Launch the job; the API takes no token."""
        run_id = yield from self.api.launch_job(
            self.configuration, execution_date=self.execution_date, job_id=self.job_id
        )
        return self._watch.fresh(run_id)

    def find_candidates(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Return the runs of the configuration that are not in the mark and did not start before it."""
        runs, _ = yield from self._listed()
        since = (mark.get("listed_at") or 0.0) - CLOCK_MARGIN
        return [
            self._watch.told(run)
            for run in runs
            if self.configuration.owns(run)
            and run.run_id not in mark["known"]
            and (instant(run.start_execution_date) or since) >= since
        ]

    @property
    def _watch(self) -> RunWatch:
        return RunWatch(
            api=self.api, configuration=self.configuration, job_id=self.job_id, outcomes=self.outcomes
        )

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the run as it is now."""
        return self._watch.look(run_id)

    def stop(self, run_id: str) -> Exchange[None]:
        """Refuse: the API has no such call, and another label does not stop a run."""
        raise NotImplementedError(f"Tailer cannot stop run {run_id}")

    def url(self, run_id: str) -> str:
        """Return the link to the run."""
        return self.api.run_url(self.configuration, run_id)


@dataclass(frozen=True, kw_only=True)
class RunWatch:
    """The runs of one configuration: one alone is asked about by itself, several by one list.

    :param job_id: the job's id; where it is neither given nor known by the type, the list has to do.
    """

    api: TailerApi
    configuration: Configuration
    job_id: str | None = None
    outcomes: Outcomes = USUAL

    sweeps: ClassVar[bool] = True

    @property
    def group(self) -> str:
        """The configuration, with all else that decides what is asked and what an answer means."""
        outcomes = (*sorted(self.outcomes.success), "/", *sorted(self.outcomes.failure))
        return " ".join((str(self.configuration), self.job_id or "", *outcomes))

    def sweep(self, keys: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of those that are among the last runs."""
        if len(keys) == 1:
            (run_id,) = keys
            snapshot = yield from self.look(run_id)
            return {run_id: snapshot}
        return (yield from self._listed(keys))

    def look(self, key: str) -> Exchange[RunSnapshot]:
        """Tell of one run."""
        job_id = self.job_id or self.configuration.job_id
        absent = RunSnapshot(run_id=key, state=RunState.ABSENT, raw_state="no record")
        try:
            if job_id is None:
                return (yield from self._listed(frozenset({key}))).get(key, absent)
            run = yield from self.api.check_run_status(self.configuration, job_id=job_id, run_id=key)
        except NotFoundError as error:
            return replace(absent, raw_state=f"no record: {error.body}".strip())
        return absent if run is None else self.told(run)

    def _listed(self, keys: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        runs = yield from self.api.get_last_status(self.configuration)
        return {
            run.run_id: self.told(run) for run in runs if run.run_id in keys and self.configuration.owns(run)
        }

    def fresh(self, run_id: str) -> RunSnapshot:
        """Return a run that was just launched and of which there is no record yet."""
        snapshot = self.told(Run(run_id=run_id, status="", state=RunState.PENDING))
        return replace(snapshot, state=RunState.PENDING, raw_state="launched")

    def told(self, run: Run) -> RunSnapshot:
        """Return a run with the identity that it was asked for by: answers may leave it out."""
        return replace(
            run,
            **asdict(self.configuration),
            job_id=run.job_id or self.job_id or self.configuration.job_id,
        ).snapshot(self.outcomes)
