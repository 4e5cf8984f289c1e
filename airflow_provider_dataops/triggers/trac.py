"""The TRAC triggers."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.errors import NotFoundError
from airflow_provider_dataops.triggers.base import ConditionTrigger, RunTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.api import Watch
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.hooks.trac import TracHook
    from airflow_provider_dataops.platforms.trac import TracApi


def _hook_class() -> type[TracHook]:
    from airflow_provider_dataops.hooks.trac import TracHook

    return TracHook


class TracJobTrigger(RunTrigger):
    """Waits for the end of one job; one search answers for up to a hundred jobs that we submitted.

    :param tenant: the tenant's code.
    :param mark: what we marked the job with when we submitted it, by which a search finds it; without one
        the job is asked about alone.
    """

    tenant: str
    mark: str = ""

    noun: ClassVar[str] = "job"

    def hook_class(self) -> type[TracHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(tenant=self.tenant)
        if self.mark != "":
            require_text(mark=self.mark)

    def key(self) -> str:
        """Return the job's id, with its mark where it has one."""
        from airflow_provider_dataops.platforms.trac import watch_key

        return watch_key(self.run_id, self.mark)

    def watch(self, api: Any) -> Watch:
        """Return how the tenant is asked."""
        from airflow_provider_dataops.platforms.trac import JobWatch

        return JobWatch(api=api, tenant=self.tenant)

    def url(self, api: TracApi) -> str:
        """Return the link to the job."""
        return api.object_url(self.tenant, "JOB", self.run_id)


class TracSearchTrigger(ConditionTrigger):
    """Waits until a search finds enough objects.

    :param tenant: the tenant's code.
    :param object_type: the type of object to search.
    :param search: the expression in the platform's JSON; ``None`` for all objects of the type.
    :param min_results: how many objects are enough.
    """

    tenant: str
    object_type: str
    search: dict[str, Any] | None
    min_results: int

    def hook_class(self) -> type[TracHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(tenant=self.tenant, object_type=self.object_type)
        require_whole(min_results=self.min_results)

    def question(self, api: TracApi) -> Exchange[dict[str, Any] | None]:
        """Search."""
        from airflow_provider_dataops.platforms.trac import result_of

        found = yield from api.search(self.object_type, self.search, tenant=self.tenant)
        if len(found) < self.min_results:
            return None
        # The headers alone: a hundred tags with all their attributes are no event.
        return {"found": [result_of(tag.header) for tag in found]}


class TracObjectTrigger(ConditionTrigger):
    """Waits until an object has reached a version, or has certain attributes.

    :param tenant: the tenant's code.
    :param min_version: the latest version must be this one or a later one.
    :param attrs: values that attributes of the latest version must have, by name; texts stand for decimals,
        dates and times.
    """

    tenant: str
    object_type: str
    object_id: str
    min_version: int = 1
    attrs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Do what ``BaseTrigger`` needs; remember nothing yet."""
        super().__post_init__()
        self._warned: set[str] = set()

    def hook_class(self) -> type[TracHook]:
        """Return the hook's class."""
        return _hook_class()

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(tenant=self.tenant, object_type=self.object_type, object_id=self.object_id)
        require_whole(min_version=self.min_version)

    def question(self, api: TracApi) -> Exchange[dict[str, Any] | None]:
        """Read the latest version with its latest tag; an object that is not there yet is waited for."""
        from airflow_provider_dataops.platforms.trac import result_of

        try:
            tag = yield from api.get_object(self.object_type, self.object_id, tenant=self.tenant)
        except NotFoundError:
            return None
        there = tag.header.object_version >= self.min_version and self._holds(tag.attrs)
        return result_of(tag.header) if there else None

    def _holds(self, there: Mapping[str, Any]) -> bool:
        from airflow_provider_dataops.platforms.trac.model.matching import equals

        found = {name: equals(there[name], wanted) for name, wanted in self.attrs.items() if name in there}
        for name, equal in found.items():
            if equal is None:
                self._warn(name, there[name])
        return len(found) == len(self.attrs) and all(found.values())

    def _warn(self, name: str, there: object) -> None:
        """Say, once, that an attribute is of a type that has no such value: it may yet get another type."""
        from airflow_provider_dataops.platforms.trac.model.matching import type_name

        if name in self._warned:
            return
        self._warned.add(name)
        wanted = self.attrs[name]
        self.log.warning(
            "The attribute %r is of type %s, which never equals %r of type %s; waiting all the same, in case "
            "it gets another type",
            name,
            type_name(there),
            wanted,
            type_name(wanted),
        )
