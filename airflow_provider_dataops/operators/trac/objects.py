"""Operators that create, change, read and find objects."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.operators.trac.base import TracOperator, made_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context


class TracCreateObjectOperator(TracOperator):
    """Creates an object.

    Each call creates another one. Where no answer comes it cannot be told whether there is one now: the task
    fails, Airflow does not retry it, and the error says how to look.

    Returns the header: ``object_type``, ``object_id``, ``object_version``, ``tag_version``, ``key``,
    ``object_timestamp``, ``tag_timestamp``. All operators that write return it so.

    :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``; others come from jobs and uploads.
    :param definition: in the platform's JSON, ``{"custom": {"customSchemaType": "acme_checkpoint", …}}``.
    :param attrs: attributes as plain Python values, by name.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("object_type", "definition", "attrs", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        object_type: str,
        definition: Mapping[str, Any],
        attrs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.definition = definition
        self.attrs = attrs

    def act(self, context: Context) -> dict[str, Any]:
        """Create the object."""
        from airflow_provider_dataops.platforms.trac import result_of

        with made_once("the object", "create-object", f"Search for {self.object_type} objects"):
            header = self.make_hook().create_object(
                object_type=self.object_type,
                definition=self.definition,
                attrs=self.attrs,
                tenant=self.tenant,
            )
        self.log.info("Created %s", header.key)
        return result_of(header)


class TracUpdateObjectOperator(TracOperator):
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

    template_fields: Sequence[str] = (
        "object_type",
        "definition",
        "prior_version",
        "attrs",
        "tenant",
        "trac_conn_id",
    )

    def __init__(
        self,
        *,
        object_type: str,
        definition: Mapping[str, Any],
        prior_version: object,
        attrs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.object_type = object_type
        self.definition = definition
        self.prior_version = prior_version
        self.attrs = attrs

    def act(self, context: Context) -> dict[str, Any]:
        """Make the new version."""
        from airflow_provider_dataops.platforms.trac import result_of

        header = self.make_hook().update_object(
            object_type=self.object_type,
            definition=self.definition,
            prior_version=self.prior_version,
            attrs=self.attrs,
            tenant=self.tenant,
        )
        self.log.info("Made %s", header.key)
        return result_of(header)


class TracUpdateTagOperator(TracOperator):
    """Changes an object's attributes, and returns the header with the new version of its tag.

    Where another writer was faster, his tag is read and the same changes are made to it. A job that has not
    ended is refused: it would lose its results.

    After an answer that was lost, a retry appends twice with ``APPEND_ATTR`` and ``CREATE_OR_APPEND_ATTR``,
    and fails with ``CREATE_ATTR`` and ``DELETE_ATTR``; ``attrs`` can be repeated.

    :param selector: the object; with a tag version that one must be the newest.
    :param attrs: attributes to be created or replaced.
    :param tag_updates: further changes in their order, ``{"operation": "APPEND_ATTR", "attrName": "labels",
        "value": "eod"}``.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("selector", "attrs", "tag_updates", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        selector: object,
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.attrs = attrs
        self.tag_updates = tag_updates

    def act(self, context: Context) -> dict[str, Any]:
        """Change the attributes."""
        from airflow_provider_dataops.platforms.trac import result_of

        header = self.make_hook().update_tag(
            self.selector, attrs=self.attrs, tag_updates=self.tag_updates, tenant=self.tenant
        )
        self.log.info("Tagged %s, tag version %d", header.key, header.tag_version)
        return result_of(header)


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

    template_fields: Sequence[str] = (
        "create_objects",
        "update_objects",
        "update_tags",
        "tenant",
        "trac_conn_id",
    )

    def __init__(
        self,
        *,
        create_objects: Sequence[Mapping[str, Any]] = (),
        update_objects: Sequence[Mapping[str, Any]] = (),
        update_tags: Sequence[Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.create_objects = create_objects
        self.update_objects = update_objects
        self.update_tags = update_tags

    def act(self, context: Context) -> dict[str, Any]:
        """Write the batch."""
        from airflow_provider_dataops.platforms.trac import result_of

        look = "Search for what it creates; a batch is written whole or not at all"
        # Without a creation a repeat makes nothing twice: an update ends in a conflict, a tag is as it was.
        once = (
            made_once("what the batch makes", "write-batch", look) if self.create_objects else nullcontext()
        )
        with once:
            written = self.make_hook().write_batch(
                create_objects=self.create_objects,
                update_objects=self.update_objects,
                update_tags=self.update_tags,
                tenant=self.tenant,
            )
        return {
            "created": [result_of(header) for header in written.created],
            "updated": [result_of(header) for header in written.updated],
            "tagged": [result_of(header) for header in written.tagged],
        }


class TracReadObjectOperator(TracOperator):
    """Reads an object, and returns its header with ``attrs`` and ``definition``.

    Attributes are plain values; decimals, dates and times are texts. The definition is the platform's JSON.

    :param selector: the object; without a version the latest.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("selector", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector

    def act(self, context: Context) -> dict[str, Any]:
        """Read the object."""
        from airflow_provider_dataops.platforms.trac import result_of

        return result_of(self.make_hook().read_object(self.selector, tenant=self.tenant))


class TracSearchOperator(TracOperator):
    """Searches for objects of a type, and returns their headers with ``attrs``, the newest tag first.

    At most 100 are returned, and TRAC does not tell whether there are more: the log warns in that case.

    :param object_type: the type of object.
    :param search: a term, ``["region", "IN", ["UK", "IE"]]``, or terms combined, ``{"all": [...]}``,
        ``{"any": [...]}``, ``{"not": ...}``; without one all objects of the type.
    :param search_as_of: a time in the past, to search the metadata as it was then.
    :param prior_versions: search all versions of each object.
    :param prior_tags: search all versions of each tag.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("object_type", "search", "search_as_of", "tenant", "trac_conn_id")

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
        from airflow_provider_dataops.platforms.trac import result_of

        found = self.make_hook().search(
            self.object_type,
            self.search,
            search_as_of=self.search_as_of or None,
            prior_versions=self.prior_versions,
            prior_tags=self.prior_tags,
            tenant=self.tenant,
        )
        self.log.info("Found %d %s objects", len(found), self.object_type)
        return [result_of(tag) for tag in found]
