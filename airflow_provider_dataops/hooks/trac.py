"""The TRAC hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_one
from airflow_provider_dataops.core.lineage import file_dataset
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.files.destinations import destination as destination_file
from airflow_provider_dataops.files.sources import source as source_file
from airflow_provider_dataops.hooks.base import DataOpsHook, blocking
from airflow_provider_dataops.platforms.trac.api import TracApi
from airflow_provider_dataops.platforms.trac.api.data import CSV
from airflow_provider_dataops.platforms.trac.lineage import datasets
from airflow_provider_dataops.platforms.trac.model.files import small_content

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.trac.model.objects import SearchResult, Tag, TagHeader


def _warn_if_full(hook: TracHook, found: SearchResult) -> None:
    if found.possibly_more:
        hook.log.warning(
            "The search for %s objects returned %d, which is TRAC's limit, so there may be more. "
            "Narrow the search.",
            found.tags[0].header.object_type,
            len(found),
        )


class TracHook(DataOpsHook[TracApi]):
    """Calls TRAC through its gateway, over REST.

    Every method raises :class:`~airflow_provider_dataops.errors.ApiError` if the platform rejects the request
    or cannot be reached. If an argument is not valid, the method sends no request and raises
    :class:`~airflow_provider_dataops.errors.InvalidArgumentError`.

    Arguments that many methods have:

    - ``tenant`` is a tenant's code; by default the tenant of the connection.
    - A selector identifies an object. It is a :class:`~airflow_provider_dataops.platforms.trac.Selector`, the
      tag header or tag that another call returned, one of these in the platform's JSON, or an object key such
      as ``DATA-<uuid>-v3``. Without a version it selects the latest one.
    - ``attrs`` are plain Python values by attribute name. TRAC creates or replaces these attributes.
    - ``tag_updates`` are further changes, made in the given order: ``{"operation": "APPEND_ATTR", "attrName":
      "labels", "value": "eod"}``.

    :param trac_conn_id: the Airflow connection, of type ``trac``.
    """

    conn_name_attr = "trac_conn_id"
    default_conn_name = "trac_default"
    conn_type = "trac"
    hook_name = "TRAC"

    api_class = TracApi

    def __init__(self, trac_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(trac_conn_id, **options)

    # --- the platform ----------------------------------------------------------------------------------

    platform_info = blocking(TracApi.platform_info)
    list_tenants = blocking(TracApi.list_tenants)
    list_resources = blocking(TracApi.list_resources)
    resource_info = blocking(TracApi.resource_info)
    list_config_entries = blocking(TracApi.list_config_entries)

    # --- objects ---------------------------------------------------------------------------------------

    create_object = blocking(TracApi.create_object)
    update_object = blocking(TracApi.update_object)
    update_tag = blocking(TracApi.update_tag)
    write_batch = blocking(TracApi.write_batch)
    read_object = blocking(TracApi.read_object)
    read_batch = blocking(TracApi.read_batch)
    get_object = blocking(TracApi.get_object)

    def get_latest_object(self, object_type: str, object_id: str, *, tenant: str | None = None) -> Tag:
        """Return the latest version of an object, with its latest tag."""
        return self.get_object(object_type, object_id, tenant=tenant)

    def get_latest_tag(
        self, object_type: str, object_id: str, object_version: int, *, tenant: str | None = None
    ) -> Tag:
        """Return a version of an object, with its latest tag."""
        return self.get_object(object_type, object_id, object_version, tenant=tenant)

    search = blocking(TracApi.search, _warn_if_full)

    # --- jobs ------------------------------------------------------------------------------------------

    plan_model_run = blocking(TracApi.plan_model_run)
    plan_flow_run = blocking(TracApi.plan_flow_run)
    validate_job = blocking(TracApi.validate_job)
    submit_job = blocking(TracApi.submit_job)
    check_job = blocking(TracApi.check_job)

    # --- files and datasets ----------------------------------------------------------------------------

    read_small_file = blocking(TracApi.read_small_file)
    read_small_dataset = blocking(TracApi.read_small_dataset)

    def create_small_file(
        self,
        *,
        content: bytes | str | None = None,
        source: str | None = None,
        name: str | None = None,
        mime_type: str | None = None,
        attrs: JsonObject | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Store a file of at most about 735 kB, and return its tag header, which holds its id and version.

        :param content: bytes, or text that is sent as UTF-8; not empty.
        :param source: a local path or URL of an object store, instead of ``content``.
        :param name: the file's name at the platform; by default the name of the source file.
        :param mime_type: the file's media type; by default the type that belongs to the extension of
            ``name``.
        :param prior_version: a selector of the file's latest version, to update the file. By default, TRAC
            creates a new file.
        """
        data, source_name = _content(content, source)
        if not (name or source_name):
            raise InvalidArgumentError("name must be given if content is given")
        header = self.run(
            self.api.write_small_file(
                name or source_name,
                data,
                mime_type=mime_type,
                attrs=attrs,
                prior_version=prior_version,
                tenant=tenant,
            )
        )
        self._report_upload(source, header, len(data), tenant)
        return header

    def create_small_dataset(
        self,
        *,
        content: bytes | str | None = None,
        source: str | None = None,
        schema: JsonObject | None = None,
        schema_id: object = None,
        format: str = CSV,
        attrs: JsonObject | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Store a dataset of at most about 735 kB, and return its tag header, which holds its id and version.

        :param content: bytes, or text that is sent as UTF-8; not empty.
        :param source: a local path or URL of an object store, instead of ``content``.
        :param schema: the dataset's schema in the platform's JSON.
        :param schema_id: a selector of a SCHEMA object, instead of ``schema``.
        :param format: the media type of the content.
        :param prior_version: a selector of the dataset's latest version, to update the dataset. By default,
            TRAC creates a new dataset.
        """
        data, _ = _content(content, source)
        header = self.run(
            self.api.write_small_dataset(
                data,
                schema=schema,
                schema_id=schema_id,
                format=format,
                attrs=attrs,
                prior_version=prior_version,
                tenant=tenant,
            )
        )
        self._report_upload(source, header, len(data), tenant)
        return header

    def _report_upload(self, source: str | None, header: TagHeader, size: int, tenant: str | None) -> None:
        read = [file_dataset(source, size)] if source else []
        self.report(read, datasets(self._namespace(tenant), [header], size))

    def _namespace(self, tenant: str | None) -> str:
        return self.api.namespace(self.api.tenant(tenant))

    def download_file(self, selector: object, *, destination: str, tenant: str | None = None) -> int:
        """Stream a file of any size to a path or URL, and return its size in bytes."""
        with destination_file(destination) as file:
            self.run(self.api.download_file(selector, file, tenant=tenant))
        self.report(datasets(self._namespace(tenant), [selector]), [file_dataset(destination, file.size)])
        return file.size

    def download_data(
        self, selector: object, *, destination: str, format: str = "csv", tenant: str | None = None
    ) -> int:
        """Stream a dataset of any size to a path or URL, and return its size in bytes. Needs TRAC 0.9.

        :param format: the short name of the file's format.
        """
        with destination_file(destination) as file:
            self.run(self.api.download_data(selector, file, format=format, tenant=tenant))
        self.report(datasets(self._namespace(tenant), [selector]), [file_dataset(destination, file.size)])
        return file.size


def _content(content: bytes | str | None, source: str | None) -> tuple[bytes, str]:
    """Return the content to store, and the source file's name. The name is empty without a source file."""
    require_one(content=content or None, source=source)
    if content:
        return content.encode() if isinstance(content, str) else content, ""
    file = source_file(source or "")
    return small_content(file), file.name
