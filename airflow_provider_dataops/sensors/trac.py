"""The TRAC sensors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.links.trac import TracJobLink
from airflow_provider_dataops.platforms.trac import results
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.trac import TracTask

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.trac.api import TracApi
    from airflow_provider_dataops.platforms.trac.runs import TracJobWatch, TracObjectWatch, TracSearchWatch

#: An argument of a trigger may have at most this many characters of JSON, because Airflow's database
#: stores it.
LARGEST_ARGUMENT = 8_000


class _TracSensor(TracTask, DataOpsSensor):
    """The base class of the TRAC sensors."""

    def _require_small(self, name: str, value: JsonObject | None) -> None:
        """Reject an argument that is too large for a trigger.

        :raises InvalidArgumentError: if the sensor is deferrable and the value is too large.
        """
        size = len(json.dumps(value))
        if self.deferrable and size > LARGEST_ARGUMENT:
            raise InvalidArgumentError(
                f"{name} must have at most {LARGEST_ARGUMENT} characters of JSON in a deferrable sensor; "
                f"given: {size}. Wait for one attribute of the object, or give deferrable=False"
            )


class TracJobSensor(_TracSensor):
    """Waits for the end of a job that something else submitted.

    Returns the job as :class:`~airflow_provider_dataops.operators.trac.TracRunModelOperator` does. The
    sensor fails if the job failed.

    :param selector: a selector of the job, or the result of a job operator.
    :param job_id: the job's id, instead of ``selector``.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    operator_extra_links = (TracJobLink(),)
    output_keys = ("job_id",)
    result_keys = results.ANY_JOB
    template_fields = ("selector", "job_id", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object = None, job_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.job_id = job_id

    def watch(self, api: TracApi) -> TracJobWatch:
        """Return the watch, which describes the job to wait for."""
        return api.watch_job(**self.call_arguments("selector", "job_id"))


class TracSearchSensor(_TracSensor):
    """Waits until a search finds enough objects.

    Returns the tag headers (ids and versions) of at most 100 objects, newest tag first. A change of
    attributes does not change an object's ``trac_update_time``. To wait for such a change, search for the
    changed attribute.

    :param object_type: the type of object.
    :param search: a term such as ``["region", "IN", ["UK", "IE"]]``, or a combination of terms:
        ``{"all": [...]}``, ``{"any": [...]}``, ``{"not": ...}``. All objects of the type by default.
    :param min_results: how many objects are enough, from 1 to 100.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    result_keys = results.HEADER
    template_fields = ("object_type", "search", "tenant", "trac_conn_id")

    def __init__(
        self, *, object_type: str, search: object = None, min_results: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.search = search
        self.min_results = min_results

    def watch(self, api: TracApi) -> TracSearchWatch:
        """Return the watch, which describes the condition to wait for."""
        watch = api.watch_search(**self.call_arguments("object_type", "search", "min_results"))
        self._require_small("search", watch.search)
        return watch

    def result(self, value: JsonObject) -> Any:
        """Return the tag headers (ids and versions) of the objects that the search found."""
        return value["found"]


class TracObjectSensor(_TracSensor):
    """Waits until an object has reached a version, or has certain attributes, or both.

    The sensor reads the latest version with its latest tag. If the object does not exist yet, the sensor
    keeps waiting. Returns the object's tag header, which holds its id and version.

    :param object_type: the type of object.
    :param object_id: the object's id.
    :param min_version: the object's latest version must have this number or a higher one.
    :param attrs: values that attributes must have, by name. A string is converted to the attribute's type, so
        ``"{{ ds }}"`` matches a date.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    output_keys = ("key",)
    result_keys = results.HEADER
    template_fields = ("object_type", "object_id", "attrs", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        object_type: str,
        object_id: str,
        min_version: int | None = None,
        attrs: JsonObject | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.object_id = object_id
        self.min_version = min_version
        self.attrs = attrs

    def watch(self, api: TracApi) -> TracObjectWatch:
        """Return the watch, which describes the condition to wait for."""
        names = ("object_type", "object_id", "min_version", "attrs")
        watch = api.watch_object(**self.call_arguments(*names))
        self._require_small("attrs", watch.attrs)
        return watch
