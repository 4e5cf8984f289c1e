"""The TRAC sensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_one, require_text, require_whole
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.sensors.base import DataOpsSensor, RunSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.trac import TracHook
    from airflow_provider_dataops.platforms.trac import TracApi
    from airflow_provider_dataops.triggers.trac import (
        TracJobTrigger,
        TracObjectTrigger,
        TracSearchTrigger,
    )

#: What a trigger may keep in Airflow's database, in characters of JSON.
LARGEST_QUESTION = 8_000


class _TracSensor(DataOpsSensor):
    """What the TRAC sensors share."""

    ui_color = "#e9e1f2"
    platform: ClassVar[str] = "TRAC"

    def __init__(
        self, *, tenant: str | None = None, trac_conn_id: str = "trac_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.trac_conn_id = trac_conn_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(trac_conn_id=self.trac_conn_id)

    def make_hook(self) -> TracHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.trac import TracHook

        return TracHook(self.trac_conn_id)

    def _require_small(self, name: str, told: Mapping[str, Any] | None) -> None:
        """Refuse what no trigger should keep."""
        size = len(json.dumps(told))
        if self.deferrable and size > LARGEST_QUESTION:
            raise InvalidArgumentError(
                f"{name} is {size} characters of JSON; a trigger keeps at most {LARGEST_QUESTION} of them. "
                "Wait for an attribute that the producer sets instead, or give deferrable=False"
            )


class TracJobSensor(_TracSensor, RunSensor):
    """Waits for the end of a job that something else submitted.

    Returns the job as :class:`~airflow_provider_dataops.operators.trac.TracRunModelOperator` does, and fails
    if it failed.

    :param selector: the job, or what a job operator returned.
    :param job_id: its id instead.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("selector", "job_id", "tenant", "trac_conn_id")
    noun: ClassVar[str] = "job"

    def __init__(self, *, selector: object = None, job_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.job_id = job_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_one(selector=self.selector, job_id=self.job_id)
        self._id()

    def _id(self) -> str:
        from airflow_provider_dataops.platforms.trac import job_selector, part_of

        if self.job_id:
            return job_selector(self.job_id, "job_id").object_id
        return job_selector(part_of(self.selector, "job")).object_id

    def look(self, api: TracApi) -> Exchange[RunSnapshot]:
        """Return the exchange that tells of the job."""
        return api.job_snapshot(self._id(), api.tenant(self.tenant))

    def make_trigger(self, api: TracApi, deadline: float) -> TracJobTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.trac import TracJobTrigger

        return TracJobTrigger(
            conn_id=self.trac_conn_id,
            tenant=api.tenant(self.tenant),
            run_id=self._id(),
            deadline=deadline,
            poll_interval=self.poke_interval,
        )

    def url(self, run_id: str) -> str:
        """Return where a person can look at the job."""
        api = self.make_hook().api
        return api.object_url(api.tenant(self.tenant), "JOB", run_id)


class TracSearchSensor(_TracSensor):
    """Waits until a search finds enough objects.

    Returns the headers of what was found, at most 100, the newest tag first. A change of tags alone does not
    move an object's ``trac_update_time``: to wait for one, search for the attribute that it sets.

    :param object_type: the type of object.
    :param search: a term, ``["region", "IN", ["UK", "IE"]]``, or terms combined, ``{"all": [...]}``,
        ``{"any": [...]}``, ``{"not": ...}``; without one all objects of the type.
    :param min_results: how many objects are enough, from 1 to 100.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("object_type", "search", "tenant", "trac_conn_id")

    def __init__(
        self, *, object_type: str, search: object = None, min_results: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.search = search
        self.min_results = min_results

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        from airflow_provider_dataops.platforms.trac import SEARCH_LIMIT

        super().check()
        require_whole(min_results=self.min_results)
        if not 1 <= self.min_results <= SEARCH_LIMIT:
            raise InvalidArgumentError(
                f"min_results must be from 1 to {SEARCH_LIMIT}, the most that a search returns; "
                f"given: {self.min_results}"
            )
        self._require_small("search", self._expression())

    def _expression(self) -> dict[str, Any] | None:
        from airflow_provider_dataops.platforms.trac import search_parameters

        return search_parameters(self.object_type, self.search, now=0.0).get("search")

    def question(self, api: TracApi) -> Exchange[dict[str, Any] | None]:
        """Search."""
        return self.make_trigger(api, 0.0).question(api)

    def conclude(self, value: Mapping[str, Any]) -> Any:
        """Return the headers of what was found."""
        return value["found"]

    def make_trigger(self, api: TracApi, deadline: float) -> TracSearchTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.trac import TracSearchTrigger

        return TracSearchTrigger(
            conn_id=self.trac_conn_id,
            tenant=api.tenant(self.tenant),
            object_type=self.object_type,
            search=self._expression(),
            min_results=self.min_results,
            deadline=deadline,
            poke_interval=self.poke_interval,
        )


class TracObjectSensor(_TracSensor):
    """Waits until an object has reached a version, or has certain attributes, or both.

    The latest version counts, with its latest tag; an object that is not there yet is waited for. Returns
    its header.

    :param object_type: the type of object.
    :param object_id: its id.
    :param min_version: the latest version must be this one or a later one.
    :param attrs: values that attributes must have, by name. A text is read as the attribute's type, so that
        ``"{{ ds }}"`` does for a date.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("object_type", "object_id", "attrs", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        object_type: str,
        object_id: str,
        min_version: int | None = None,
        attrs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.object_id = object_id
        self.min_version = min_version
        self.attrs = attrs
        self._asking: TracObjectTrigger | None = None

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        from airflow_provider_dataops.platforms.trac import Selector

        super().check()
        Selector.of({"objectType": self.object_type, "objectId": self.object_id}, "the object")
        if self.min_version is None and not self.attrs:
            raise InvalidArgumentError("min_version or attrs must be given; given: neither")
        if self.min_version is not None:
            require_whole(min_version=self.min_version)
        attrs: object = self.attrs or {}
        if not isinstance(attrs, Mapping):
            raise InvalidArgumentError(f"attrs must be a dict of names and values; given: {attrs!r}")
        self._require_small("attrs", self._wanted())

    def _wanted(self) -> dict[str, Any]:
        from airflow_provider_dataops.platforms.trac import as_plain_json
        from airflow_provider_dataops.platforms.trac.model.names import require_identifier
        from airflow_provider_dataops.platforms.trac.model.updates import require_attribute

        return {
            require_identifier("a name in attrs", name): as_plain_json(
                require_attribute(value, f"attrs[{name!r}]")
            )
            for name, value in (self.attrs or {}).items()
        }

    def question(self, api: TracApi) -> Exchange[dict[str, Any] | None]:
        """Read the object."""
        if self._asking is None:
            # The same one each time, since it warns once.
            self._asking = self.make_trigger(api, 0.0)
        return self._asking.question(api)

    def make_trigger(self, api: TracApi, deadline: float) -> TracObjectTrigger:
        """Return the trigger that waits."""
        from airflow_provider_dataops.triggers.trac import TracObjectTrigger

        return TracObjectTrigger(
            conn_id=self.trac_conn_id,
            tenant=api.tenant(self.tenant),
            object_type=self.object_type,
            object_id=self.object_id,
            min_version=self.min_version or 1,
            attrs=self._wanted(),
            deadline=deadline,
            poke_interval=self.poke_interval,
        )
