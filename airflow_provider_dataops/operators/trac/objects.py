"""Operators that create, change, read and find objects."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.operators.trac.base import TracOperator, made_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject


class _DefinitionOperator(TracOperator):
    """Writes a definition."""

    def __init__(
        self, *, object_type: str, definition: JsonObject, attrs: JsonObject | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.definition = definition
        self.attrs = attrs


class TracCreateObjectOperator(_DefinitionOperator):
    """Creates an object.

    Each call creates another one. If no answer comes, the object may be there or not: the task fails, Airflow
    does not retry it, and the error says how to look.

    Returns the header: ``object_type``, ``object_id``, ``object_version``, ``tag_version``, ``key``,
    ``object_timestamp``, ``tag_timestamp``. All operators that write return it so.

    :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``; others come from jobs and uploads.
    :param definition: in the platform's JSON, ``{"custom": {"customSchemaType": "acme_checkpoint", …}}``.
    :param attrs: attributes as plain Python values, by name.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("object_type", "definition", "attrs", "tenant", "trac_conn_id")

    def act(self, context: Context) -> dict[str, Any]:
        """Create the object."""
        with made_once("the object", "create-object", f"Search for {self.object_type} objects"):
            arguments = self.call_arguments("object_type", "definition", "attrs")
            header = self.make_hook().create_object(**arguments)
        self.log.info("Created %s", header.key)
        return header.as_result()


class TracUpdateObjectOperator(_DefinitionOperator):
    """Makes a new version of an object, and returns its header.

    Nothing is written over unseen, nor twice: if there is a newer version than the prior one, made by
    another or by an attempt whose answer was lost, the task fails with a ``ConflictError``.

    :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``.
    :param definition: in the platform's JSON, ``{"custom": {"customSchemaType": "acme_checkpoint", …}}``.
    :param prior_version: a selector with the version that this one follows.
    :param attrs: attributes to be created or replaced; all others are kept.
    :param tenant: the tenant's code; the connection's by default.
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
        """Make the new version."""
        arguments = self.call_arguments("object_type", "definition", "prior_version", "attrs")
        header = self.make_hook().update_object(**arguments)
        self.log.info("Made %s", header.key)
        return header.as_result()


class TracUpdateTagOperator(TracOperator):
    """Changes an object's attributes, and returns the header with the new version of its tag.

    Where another writer was faster, the new tag is read and the same changes are made to it. A job that
    has not ended is refused: it would lose its results.

    After an answer that was lost, a retry appends twice with ``APPEND_ATTR`` and ``CREATE_OR_APPEND_ATTR``,
    and fails with ``CREATE_ATTR`` and ``DELETE_ATTR``; ``attrs`` can be repeated.

    :param selector: the object; with a tag version that one must be the newest.
    :param attrs: attributes to be created or replaced.
    :param tag_updates: further changes in their order, ``{"operation": "APPEND_ATTR", "attrName": "labels",
        "value": "eod"}``.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

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
        header = self.make_hook().update_tag(**arguments)
        self.log.info("Tagged %s, tag version %d", header.key, header.tag_version)
        return header.as_result()


class TracWriteBatchOperator(TracOperator):
    """Writes several things in one transaction: all of them, or nothing.

    Returns the headers: ``created``, ``updated`` and ``tagged``, each in the order of its request. A batch
    that creates something and gets no answer is not retried.

    :param create_objects: dicts with ``object_type``, ``definition``, ``attrs`` and ``tag_updates``.
    :param update_objects: the same with ``prior_version``, each object once.
    :param update_tags: dicts with ``selector``, ``attrs`` and ``tag_updates``, each object version once.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

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
        create_objects: Sequence[JsonObject] = (),
        update_objects: Sequence[JsonObject] = (),
        update_tags: Sequence[JsonObject] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.create_objects = create_objects
        self.update_objects = update_objects
        self.update_tags = update_tags

    def act(self, context: Context) -> dict[str, Any]:
        """Write the batch."""
        look = "Search for what it creates; a batch is written whole or not at all"
        # Without a creation a repeat makes nothing twice: an update ends in a conflict, a tag is as it was.
        once = (
            made_once("what the batch makes", "write-batch", look) if self.create_objects else nullcontext()
        )
        with once:
            arguments = self.call_arguments("create_objects", "update_objects", "update_tags")
            written = self.make_hook().write_batch(**arguments)
        return written.as_result()


class TracReadObjectOperator(TracOperator):
    """Reads an object, and returns its header with ``attrs`` and ``definition``.

    Attributes are plain values; decimals, dates and times are texts. The definition is the platform's JSON.

    :param selector: the object; without a version the latest.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("selector", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector

    def act(self, context: Context) -> dict[str, Any]:
        """Read the object."""
        return self.make_hook().read_object(self.selector, tenant=self.tenant).as_result()


class TracSearchOperator(TracOperator):
    """Searches for objects of a type, and returns their headers with ``attrs``, the newest tag first.

    At most 100 are returned, and TRAC does not report whether there are more: the log warns in that case.

    :param object_type: the type of object.
    :param search: a term, ``["region", "IN", ["UK", "IE"]]``, or terms combined, ``{"all": [...]}``,
        ``{"any": [...]}``, ``{"not": ...}``; without one all objects of the type.
    :param search_as_of: a time in the past, to search the metadata as it was then.
    :param prior_versions: search all versions of each object.
    :param prior_tags: search all versions of each tag.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

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
