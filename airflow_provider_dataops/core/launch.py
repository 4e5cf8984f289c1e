"""What is started, as one value: all that the life of a run asks of a platform."""

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
    """One run to be started. A platform overrides only what differs from the defaults.

    :param cancel_on_kill: whether to cancel the run if the task ends first.
    :param resubmits: whether to submit once more after a lost response, where no run can be found again.
    """

    api: Api
    cancel_on_kill: bool = False
    resubmits: bool = False

    #: Seconds after which a run that was really started is sure to be listed. The form names the same number.
    #: The connection can set another number.
    listing_delay: ClassVar[float] = 0.0
    #: Seconds after which one is, whose submission timed out; twice the listing delay, if that is more.
    #: The connection can set another number.
    timeout_delay: ClassVar[float] = 300.0
    #: Whether a token in the request finds the run again without doubt.
    exact: ClassVar[bool] = False
    #: Whether the platform lists its runs, so that one whose response was lost can be found.
    lists_runs: ClassVar[bool] = True
    #: Whether a 429 means that all of the platform's slots are taken; the task waits for one then.
    waits_for_slot: ClassVar[bool] = False

    @property
    def not_found_is_final(self) -> bool:
        """Whether a 404 proves that there is no such run, so that a retry may start another."""
        return True

    @property
    def id_scope(self) -> str:
        """The host and tenant in which run ids mean something."""
        return self.api.settings.base_url

    def identity(self) -> JsonObject:
        """Return what decides the remote work, without labels, tokens and trace ids."""
        raise NotImplementedError

    def prepare(self) -> Exchange[Self]:
        """Return the launch with everything looked up that its submission needs."""
        yield from ()
        return self

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return what exists before the submission, as JSON."""
        yield from ()
        return {}

    def earlier(self, baseline: JsonObject) -> Launch:
        """Return the launch that recorded a baseline: its arguments may have been others."""
        return self

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the run. ``token`` is new for each submission and sent where the platform takes one."""
        raise NotImplementedError

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the runs that may be the one whose submission got no response."""
        raise NotImplementedError

    def watch(self, run_id: str, token: str = "") -> RunWatch:
        """Return how to wait for the run that was started.

        :param token: the token of its submission.
        """
        raise NotImplementedError
