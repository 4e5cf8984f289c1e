"""The Mill API: start, read, list and cancel batches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow_provider_dataops.core.api import Api
from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.http import Exchange, json_body, segment
from airflow_provider_dataops.core.settings import (
    ConnectionFields,
    Settings,
    base_url,
    credential,
    read_settings,
)
from airflow_provider_dataops.platforms.mill.form import PLACEHOLDERS
from airflow_provider_dataops.platforms.mill.lineage import NAMES
from airflow_provider_dataops.platforms.mill.model import Batch, read_batch, read_batches
from airflow_provider_dataops.platforms.mill.runs import BatchLaunch, BatchWatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.listing import Listed


class MillApi(Api):
    """The Mill API, used with an API key."""

    platform = "Mill"
    noun = "batch"
    names = NAMES

    def __init__(self, settings: Settings, *, api_key: str) -> None:
        super().__init__(settings)
        self._api_key = api_key

    @classmethod
    def from_fields(cls, fields: ConnectionFields) -> MillApi:
        """Return the API of an Airflow connection of type ``mill``.

        :raises ConnectionSettingsError: if the host or the API key is missing.
        """
        api_key = credential(fields, "password (the API key)", fields.password)
        settings = read_settings(fields, base_url(fields), secrets=(api_key,), placeholders=PLACEHOLDERS)
        return cls(settings, api_key=api_key)

    def credentials(self) -> Mapping[str, str]:
        """Return the API key's header."""
        return {"X-API-Key": self._api_key}

    def _url(self, *path: str) -> str:
        return "/".join((self.settings.base_url, "v1/batches", *map(segment, path)))

    # --- runs ------------------------------------------------------------------------------------------

    def launch(self, recipe: str, *, cancel_on_kill: bool = False) -> BatchLaunch:
        """Return the launch that starts a batch."""
        return BatchLaunch(api=self, recipe=recipe, cancel_on_kill=cancel_on_kill)

    def watch_batch(self, batch_id: str) -> BatchWatch:
        """Return the watch of a batch that something else started."""
        return BatchWatch(run_id=batch_id)

    # --- calls -----------------------------------------------------------------------------------------

    def run_recipe(self, recipe: str) -> Exchange[Batch]:
        """Start a batch, and return it.

        Each call starts another batch. So after an error without a response, first list the batches.
        """
        require_text(recipe=recipe)
        return self.post(f"run recipe {recipe}", self._url(), json_body({"recipe": recipe}), read_batch)

    def get_batch(self, batch_id: str) -> Exchange[Batch]:
        """Return one batch."""
        require_text(batch_id=batch_id)
        return self.get(f"get batch {batch_id}", self._url(batch_id), read_batch)

    def list_batches(self, recipe: str | None = None) -> Exchange[list[Batch]]:
        """Return the newest 100 batches, newest first.

        :param recipe: list the batches of this recipe only.
        """
        batches = yield from self.listed(recipe)
        return batches.whole()

    def listed(
        self, recipe: str | None = None, *, wanted: frozenset[str] | None = None
    ) -> Exchange[Listed[Batch]]:
        """Return the newest batches, and apart from them the entries that cannot be parsed.

        :param wanted: the ids of the batches to return; the other entries are not parsed.
        """
        query = f"?{urlencode({'recipe': recipe})}" if recipe else ""
        return self.get("list batches", self._url() + query, partial(read_batches, wanted=wanted))

    def cancel_batch(self, batch_id: str) -> Exchange[Batch]:
        """Cancel a batch, and return it. A batch that has ended stays as it is."""
        require_text(batch_id=batch_id)
        url = self._url(batch_id, "cancel")
        return self.post(f"cancel batch {batch_id}", url, None, read_batch, repeatable=True)

    def test(self) -> Exchange[str]:
        """Test the API key, and return a message. The test lists batches, which every key may do."""
        yield from self.list_batches()
        return "the API key is accepted"

    def batch_url(self, batch_id: str) -> str:
        """Return the link to a batch."""
        return self.link("{base_url}/batches/{batch_id}", batch_id=batch_id, run_id=batch_id)
