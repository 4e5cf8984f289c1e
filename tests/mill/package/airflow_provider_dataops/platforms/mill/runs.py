"""How the provider starts a batch, finds it again, and waits for its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.core.watch import RunWatch
from airflow_provider_dataops.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.platforms.mill.api import MillApi


class BatchLaunch(Launch):
    """Starts one batch, or finds it again."""

    api: MillApi
    recipe: str

    #: Seconds after its creation at which the list shows a batch at the latest.
    listing_delay = 10.0

    def identity(self) -> JsonObject:
        """Return the values that identify the remote work."""
        return {"base_url": self.api.settings.base_url, "recipe": self.recipe}

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return the recipe's newest batch."""
        batches = yield from self.api.listed(self.recipe)
        ids = [batch.id for batch in batches.found] + batches.known_texts("id")
        return {"recipe": self.recipe, "newest": max(ids, default="")}

    def earlier(self, baseline: JsonObject) -> BatchLaunch:
        """Return the launch of the try that recorded a baseline."""
        return replace(self, recipe=baseline["recipe"])

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the batch. The token is not sent, because the API has no field for it."""
        batch = yield from self.api.run_recipe(self.recipe)
        return batch.snapshot()

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the recipe's batches that are newer than the baseline. Ids sort in the order of creation.

        :raises MalformedReplyError: if an entry of the list is unreadable, and may be a newer batch.
        """
        newest = baseline["newest"]
        batches = yield from self.api.listed(baseline["recipe"])
        batches.check_unreadable(lambda entry: isinstance(entry.get("id"), str) and entry["id"] <= newest)
        return [batch.snapshot() for batch in batches.found if batch.id > newest]

    def watch(self, run_id: str, token: str = "") -> BatchWatch:
        """Return how to wait for the batch."""
        return BatchWatch(run_id=run_id, cancel_on_kill=self.cancel_on_kill)


class BatchWatch(RunWatch):
    """Watches one batch. One list request serves many watches; older batches need a request each."""

    sweeps = True

    @property
    def group(self) -> str:
        """The name of the group whose batches one list request covers: all of the installation."""
        return "batches"

    def sweep(
        self, api: MillApi, watches: Mapping[str, Self], cache: EntryCache[Any] | None = None
    ) -> Exchange[Mapping[str, RunSnapshot]]:
        """Return the wanted batches that the list of the newest contains, by id."""
        batches = yield from api.listed(wanted=frozenset(watches))
        return {batch.id: batch.snapshot() for batch in batches.found}

    def look(self, api: MillApi) -> Exchange[RunSnapshot]:
        """Return the batch as it is now."""
        try:
            batch = yield from api.get_batch(self.run_id)
        except NotFoundError as error:
            return RunSnapshot.absent(self.run_id, error.body)
        return batch.snapshot()

    def cancel(self, api: MillApi) -> Exchange[None]:
        """Cancel the batch."""
        yield from api.cancel_batch(self.run_id)

    def url(self, api: MillApi) -> str:
        """Return the link to the batch."""
        return api.batch_url(self.run_id)
