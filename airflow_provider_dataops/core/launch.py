"""How a platform starts a run, and how it finds a run again after a lost response."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from airflow_provider_dataops.core.watch import AutoDataclass

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.watch import RunWatch


class Launch(AutoDataclass):
    """One run that an operator is about to start. A platform overrides only what differs from the defaults.

    :param api: the platform and its connection.
    :param cancel_on_kill: whether to cancel the run if the task ends before the run.
    :param resubmits: whether to submit once more after a lost response. This applies only if the platform
        cannot list its runs.
    """

    api: Api
    cancel_on_kill: bool = False
    resubmits: bool = False

    #: A run appears in the platform's list within this many seconds after its submission. The help text of
    #: the connection form contains the same number. The connection can set another number.
    listing_delay: ClassVar[float] = 0.0
    #: A run whose submission timed out appears in the list within this many seconds. If twice the listing
    #: delay is longer, that time applies. The connection can set another number.
    timeout_delay: ClassVar[float] = 300.0
    #: Whether the request contains a token that later identifies the run with certainty.
    exact: ClassVar[bool] = False
    #: Whether the platform can list its runs, so that a run whose submission got no response can be found.
    lists_runs: ClassVar[bool] = True
    #: Whether a 429 means that all slots of the platform are taken. The task then waits for a free slot.
    waits_for_slot: ClassVar[bool] = False

    @property
    def not_found_is_final(self) -> bool:
        """Whether a 404 proves that the run does not exist. Only then may a retry start another run."""
        return True

    @property
    def id_scope(self) -> str:
        """The host and tenant within which run ids are unique."""
        return self.api.settings.base_url

    def identity(self) -> JsonObject:
        """Return the values that decide what the run does, without labels, tokens and trace ids."""
        raise NotImplementedError

    def prepare(self) -> Exchange[Self]:
        """Read from the platform what the submission needs. Return a copy of this object with this data."""
        yield from ()
        return self

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the baseline: JSON values that describe the runs that exist before the submission."""
        yield from ()
        return {}

    def earlier(self, baseline: JsonObject) -> Launch:
        """Return a copy of this object with the arguments of an earlier try of the task.

        The task's arguments may have changed since that try.

        :param baseline: what :meth:`record_baseline` returned in the earlier try. Arguments that it does not
            contain stay unchanged.
        """
        return self

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the run and return it.

        :param token: a random string, new for each submission. It is sent if the platform accepts a token.
        """
        raise NotImplementedError

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the runs that may be the one whose submission got no response.

        :param baseline: what :meth:`record_baseline` returned before the submission.
        :param token: the token of that submission.
        """
        raise NotImplementedError

    def watch(self, run_id: str, token: str = "") -> RunWatch:
        """Return the watch, which describes how to wait for the run that was started.

        :param token: the token of the run's submission.
        """
        raise NotImplementedError
