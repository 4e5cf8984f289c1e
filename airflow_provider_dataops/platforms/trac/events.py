"""List the objects that a search finds, for an event trigger."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text_if_set
from airflow_provider_dataops.core.feed import Ended, Feed, Listing, short
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import object_type as checked_type
from airflow_provider_dataops.platforms.trac.model.search import expression

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.trac.api import TracApi
    from airflow_provider_dataops.platforms.trac.model.objects import Tag


class TracObjectFeed(Feed):
    """Describes the objects of a type that meet a condition. Each version of an object is reported once.

    An object may meet the condition from its creation, or later, when an attribute changes.

    :param trac_conn_id: the Airflow connection.
    :param object_type: the type of object: ``DATA``, ``FILE``, ``MODEL``, ``JOB`` …
    :param search: the condition, as in ``TracSearchOperator``: ``["trac_job_status", "=", "SUCCEEDED"]``. By
        default, all objects of the type.
    :param attrs: values that attributes must have, by name. Together with ``search``, both must be met.
    :param tenant: the tenant's code; by default the tenant of the connection.
    """

    trac_conn_id: str = "trac_default"
    object_type: str
    search: Any = None
    attrs: dict[str, Any] | None = None
    tenant: str | None = None

    conn_type = "trac"

    def check(self) -> None:
        """Validate the fields, also the condition."""
        super().check()
        checked_type(self.object_type)
        require_text_if_set(tenant=self.tenant)
        self._condition()

    def plain(self) -> dict[str, Any]:
        """Return the fields as JSON values. ``search`` and ``attrs`` become one condition in TRAC's JSON."""
        kind = checked_type(self.object_type)
        return {**super().plain(), "object_type": kind, "search": self._condition(), "attrs": None}

    def _condition(self) -> dict[str, Any] | None:
        """Return the condition in TRAC's JSON; ``None`` for all objects of the type.

        :raises InvalidArgumentError: with the part of ``search`` or ``attrs`` that is wrong.
        """
        attrs: Any = {} if self.attrs is None else self.attrs
        if not isinstance(attrs, dict) or (self.attrs is not None and not attrs):
            raise InvalidArgumentError(f"attrs must be a dict of one or more attributes; given: {attrs!r}")
        terms = [] if self.search is None else [expression(self.search)]
        terms += [expression([name, "=", attrs[name]], f"attrs[{name!r}]") for name in attrs]
        return expression({"all": terms}) if terms else None

    def scope(self, api: TracApi) -> str:
        """Return the URL and the tenant."""
        return f"{super().scope(api)} {api.tenant(self.tenant)}"

    def poll(self, api: TracApi, before: Listing | None) -> Exchange[Listing]:
        """Search. TRAC returns at most 100 objects, those whose attributes changed last."""
        tenant = api.tenant(self.tenant)
        found = yield from api.found(self.object_type, self._condition(), tenant=tenant)
        ended = {tag.header.key: self._found(api, tenant, tag) for tag in found.found}
        return Listing(ended=ended, error=found.error)

    def _found(self, api: TracApi, tenant: str, tag: Tag) -> Ended:
        changed = tag.header.tag_timestamp
        return Ended(
            run_id=tag.header.key,
            payload=partial(_payload, api, tenant, tag),
            ended_at=None if changed is None else changed.timestamp(),
        )


def _payload(api: TracApi, tenant: str, tag: Tag) -> JsonObject:
    header = tag.header
    url = api.object_url(tenant, header.object_type, header.object_id, header.object_version)
    return short({"run_id": header.key, "url": url, "tenant": tenant, **tag.as_result()})
