"""Operators that create, change, read and find objects."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.lineage import Lineage
from airflow_provider_dataops.operators.trac.base import TracOperator, made_once
from airflow_provider_dataops.platforms.trac import results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject, JsonOrFile


class _DefinitionOperator(TracOperator):
    """Base class: writes the definition of an object."""

    output_keys = ("key",)
    result_keys = results.HEADER

    def __init__(
        self, *, object_type: str, definition: JsonOrFile, attrs: JsonObject | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.definition = definition
        self.attrs = attrs


class TracCreateObjectOperator(_DefinitionOperator):
    """Creates an object.

    Each call creates another object. If the response is lost, the object may exist or not. Then the task
    fails without a retry, and the error says how to find the object.

    Returns the tag header: ``object_type``, ``object_id``, ``object_version``, ``tag_version``, ``key``,
    ``object_timestamp``, ``tag_timestamp``. All operators that write an object return it.

    :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``. Jobs and uploads create the other types.
    :param definition: in the platform's JSON: ``{"custom": {"customSchemaType": "acme_checkpoint", …}}``,
        or the path of a ``.json`` file with it.
    :param attrs: attributes as plain Python values, by name.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("object_type", "definition", "attrs", "tenant", "trac_conn_id")

    def act(self, context: Context) -> dict[str, Any]:
        """Create the object."""
        with made_once("the object", "create-object", f"Search for {self.object_type} objects"):
            arguments = self.call_arguments("object_type", "definition", "attrs")
            hook = self.make_hook()
            header = hook.create_object(**arguments)
        self.lineage = Lineage(outputs=self.objects(hook, header))
        self.log.info("Created %s", header.key)
        return header.as_result()


class TracUpdateObjectOperator(_DefinitionOperator):
    """Creates a new version of an object, and returns its tag header, which holds id and version.

    If the object has a newer version than ``prior_version``, the task fails with a ``ConflictError``. Another
    writer may have created that version. Or an earlier attempt of this task created it, but the response was
    lost.

    :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``.
    :param definition: in the platform's JSON: ``{"custom": {"customSchemaType": "acme_checkpoint", …}}``,
        or the path of a ``.json`` file with it.
    :param prior_version: a selector of the object's latest version.
    :param attrs: attributes to create or replace; all other attributes stay.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = (
        "object_type",
        "definition",
        "prior_version",
        "attrs",
        "tenant",
        "trac_conn_id",
    )

    def __init__(self, *, prior_version: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prior_version = prior_version

    def act(self, context: Context) -> dict[str, Any]:
        """Create the new version."""
        arguments = self.call_arguments("object_type", "definition", "prior_version", "attrs")
        hook = self.make_hook()
        header = hook.update_object(**arguments)
        self.lineage = Lineage(outputs=self.objects(hook, header))
        self.log.info("Created the new version %s", header.key)
        return header.as_result()


class TracUpdateTagOperator(TracOperator):
    """Changes an object's attributes, and returns the object's tag header with the new tag version.

    If another writer was faster, the operator reads the new tag and makes the same changes to it. If the
    object is a job that is still active, the task fails, because the change would delete the job's results.

    After a lost response a retry sends the changes again. Then ``APPEND_ATTR`` and ``CREATE_OR_APPEND_ATTR``
    append twice, and ``CREATE_ATTR`` and ``DELETE_ATTR`` fail. A retry with only ``attrs`` is safe.

    :param selector: a selector of the object. If it contains a tag version, this must be the newest one.
    :param attrs: attributes to create or replace.
    :param tag_updates: further changes, made in the given order: ``{"operation": "APPEND_ATTR", "attrName":
        "labels", "value": "eod"}``.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    output_keys = ("key",)
    result_keys = results.HEADER
    template_fields = ("selector", "attrs", "tag_updates", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        selector: object,
        attrs: JsonObject | None = None,
        tag_updates: Sequence[JsonObject] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.attrs = attrs
        self.tag_updates = tag_updates

    def act(self, context: Context) -> dict[str, Any]:
        """Change the attributes."""
        arguments = self.call_arguments("selector", "attrs", "tag_updates")
        hook = self.make_hook()
        header = hook.update_tag(**arguments)
        self.lineage = Lineage(outputs=self.objects(hook, header))
        self.log.info("Changed the attributes of %s, tag version %d", header.key, header.tag_version)
        return header.as_result()


class TracWriteBatchOperator(TracOperator):
    """Writes several objects and tags in one transaction: all of them or none.

    Returns the tag headers of the objects: ``created``, ``updated`` and ``tagged``, each in the order of its
    argument. If a batch creates an object and the response is lost, the task fails without a retry. Each of
    the three lists may also be the path of a ``.json`` file.

    :param create_objects: dicts with ``object_type``, ``definition``, ``attrs`` and ``tag_updates``.
    :param update_objects: dicts with the same keys and ``prior_version``. Each object can occur only once.
    :param update_tags: dicts with ``selector``, ``attrs`` and ``tag_updates``. Each object version can occur
        only once.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    result_keys = results.BATCH
    template_fields = (
        "create_objects",
        "update_objects",
        "update_tags",
        "tenant",
        "trac_conn_id",
    )

    def __init__(
        self,
        *,
        create_objects: Sequence[JsonObject] | str = (),
        update_objects: Sequence[JsonObject] | str = (),
        update_tags: Sequence[JsonObject] | str = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.create_objects = create_objects
        self.update_objects = update_objects
        self.update_tags = update_tags

    def act(self, context: Context) -> dict[str, Any]:
        """Write the batch."""
        look = "Search for one new object of the batch: TRAC writes either the whole batch or nothing"
        # Without a new object, a retry creates nothing: a second update ends in a conflict.
        once = (
            made_once("the objects of the batch", "write-batch", look)
            if self.create_objects
            else nullcontext()
        )
        with once:
            arguments = self.call_arguments("create_objects", "update_objects", "update_tags")
            hook = self.make_hook()
            written = hook.write_batch(**arguments)
        self.lineage = Lineage(
            outputs=self.objects(hook, *written.created, *written.updated, *written.tagged)
        )
        return written.as_result()


class TracReadObjectOperator(TracOperator):
    """Reads an object, and returns its tag header (id and version) with ``attrs`` and ``definition``.

    Attributes are plain Python values; decimals, dates and times are strings. The definition is TRAC's JSON.

    :param selector: a selector of the object. A selector without a version selects the latest one.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    output_keys = ("key",)
    result_keys = results.OBJECT
    template_fields = ("selector", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector

    def act(self, context: Context) -> dict[str, Any]:
        """Read the object."""
        hook = self.make_hook()
        tag = hook.read_object(self.selector, tenant=self.tenant)
        self.lineage = Lineage(inputs=self.objects(hook, tag.header))
        return tag.as_result()


class TracSearchOperator(TracOperator):
    """Searches for objects of a type, and returns their tag headers with ``attrs``, newest tag first.

    TRAC returns at most 100 objects, and does not report whether there are more. If it returns 100, the log
    contains a warning.

    :param object_type: the type of object.
    :param search: a term such as ``["region", "IN", ["UK", "IE"]]``, or a combination of terms:
        ``{"all": [...]}``, ``{"any": [...]}``, ``{"not": ...}``. All objects of the type by default.
    :param search_as_of: a time in the past. Then the search uses the metadata as it was at that time.
    :param prior_versions: search in all versions of each object, not only in the latest.
    :param prior_tags: search in all versions of each tag, not only in the latest.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    result_keys = results.TAG
    template_fields = ("object_type", "search", "search_as_of", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        object_type: str,
        search: object = None,
        search_as_of: object = None,
        prior_versions: bool = False,
        prior_tags: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.search = search
        self.search_as_of = search_as_of
        self.prior_versions = prior_versions
        self.prior_tags = prior_tags

    def act(self, context: Context) -> list[dict[str, Any]]:
        """Search."""
        arguments = self.call_arguments("object_type", "search", "prior_versions", "prior_tags")
        found = self.make_hook().search(search_as_of=self.search_as_of or None, **arguments)
        self.log.info("Found %d %s objects", len(found), self.object_type)
        return [tag.as_result() for tag in found]
