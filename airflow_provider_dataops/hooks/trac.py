"""The TRAC hook."""

from __future__ import annotations

from time import sleep as system_sleep
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_one
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.hooks.base import DataOpsHook
from airflow_provider_dataops.platforms import trac
from airflow_provider_dataops.platforms.trac import TracApi

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_dataops.core.settings import ConnectionFields
    from airflow_provider_dataops.platforms.trac import (
        BatchResult,
        ConfigEntry,
        JobPlan,
        JobStatus,
        PlatformInfo,
        Resource,
        SearchResult,
        SmallDataset,
        SmallFile,
        Tag,
        TagHeader,
        Tenant,
    )


class TracHook(DataOpsHook[TracApi]):
    """Calls TRAC through its gateway, over REST.

    All methods raise :class:`~airflow_provider_dataops.errors.ApiError` where the platform refuses or cannot
    be reached, and :class:`~airflow_provider_dataops.errors.InvalidArgumentError` before anything is sent.

    What they share: ``tenant`` is a tenant's code, by default the connection's. A selector is anything that
    points at an object: a :class:`~airflow_provider_dataops.platforms.trac.Selector`, the header or tag that
    another call returned, either of these in the platform's JSON, or an object key such as
    ``DATA-<uuid>-v3``; without a version the latest is meant. ``attrs`` are plain Python values by name, each
    created or replaced; ``tag_updates`` are further changes in their order, ``{"operation": "APPEND_ATTR",
    "attrName": "labels", "value": "eod"}``.

    :param trac_conn_id: the Airflow connection, of type ``trac``.
    """

    conn_name_attr: ClassVar[str] = "trac_conn_id"
    default_conn_name: ClassVar[str] = "trac_default"
    conn_type: ClassVar[str] = "trac"
    hook_name: ClassVar[str] = "TRAC"

    def __init__(
        self, trac_conn_id: str = default_conn_name, *, sleep: Callable[[float], None] = system_sleep
    ) -> None:
        super().__init__(trac_conn_id, sleep=sleep)
        self.trac_conn_id = trac_conn_id

    @classmethod
    def api_from(cls, fields: ConnectionFields) -> TracApi:
        """Read the fields of a connection of type ``trac``."""
        return TracApi.from_fields(fields)

    # --- the platform ----------------------------------------------------------------------------------

    def platform_info(self) -> PlatformInfo:
        """Return what the platform says of itself, its version among it."""
        return self.run(self.api.platform_info())

    def list_tenants(self) -> list[Tenant]:
        """Return the tenants that we may use."""
        return self.run(self.api.list_tenants())

    def list_resources(self, resource_type: str, *, tenant: str | None = None) -> list[Resource]:
        """Return a tenant's resources of a type.

        :param resource_type: ``MODEL_REPOSITORY`` or ``INTERNAL_STORAGE``, for instance.
        :raises BadRequestError: on platforms from 0.9 on, which have :meth:`list_config_entries` instead.
        """
        return self.run(self.api.list_resources(resource_type, tenant=tenant))

    def resource_info(self, resource_type: str, resource_key: str, *, tenant: str | None = None) -> Resource:
        """Return one resource of a tenant.

        :raises BadRequestError: on platforms from 0.9 on, which have :meth:`list_config_entries` instead.
        """
        return self.run(self.api.resource_info(resource_type, resource_key, tenant=tenant))

    def list_config_entries(
        self,
        config_class: str = "trac_resources",
        *,
        resource_type: str | None = None,
        include_deleted: bool = False,
        tenant: str | None = None,
    ) -> list[ConfigEntry]:
        """Return entries of a tenant's configuration, resources by default; platforms from 0.8 on.

        Resources that stand in the tenant's configuration file alone are not listed.
        """
        return self.run(
            self.api.list_config_entries(
                config_class, resource_type=resource_type, include_deleted=include_deleted, tenant=tenant
            )
        )

    # --- objects ---------------------------------------------------------------------------------------

    def create_object(
        self,
        *,
        object_type: str,
        definition: Mapping[str, Any],
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Create an object and return its header.

        Each call creates another one: after an error without an answer, search before repeating.

        :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``; others come from jobs and uploads.
        :param definition: in the platform's JSON: ``{"custom": {"customSchemaType": "acme_checkpoint",
            "customSchemaVersion": 1, "customData": b"..."}}``.
        """
        return self.run(
            self.api.create_object(
                object_type, definition, attrs=attrs, tag_updates=tag_updates, tenant=tenant
            )
        )

    def update_object(
        self,
        *,
        object_type: str,
        definition: Mapping[str, Any],
        prior_version: object,
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Make a new version of an object and return its header.

        :param prior_version: a selector with the version that this one follows.
        :raises ConflictError: if there is a newer version by now. Read it, and decide anew: what another has
            written is not written over unseen.
        """
        return self.run(
            self.api.update_object(
                object_type, definition, prior_version, attrs=attrs, tag_updates=tag_updates, tenant=tenant
            )
        )

    def update_tag(
        self,
        selector: object,
        *,
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Change an object's attributes and return the header with the new version of its tag.

        With a selector of the latest tag the tag is read first, and where another writer was faster it is
        read again and the same changes are made to the new one, six times at the most. A selector with a tag
        version is taken at its word.

        :raises ConflictError: if others kept being faster, if the tag that was named is not the newest, or if
            the object is a job that has not ended: its tag belongs to the platform until then.
        """
        return self.run(self.api.update_tag(selector, attrs=attrs, tag_updates=tag_updates, tenant=tenant))

    def read_object(self, selector: object, *, tenant: str | None = None) -> Tag:
        """Return an object with its attributes and definition."""
        return self.run(self.api.read_object(selector, tenant=tenant))

    def read_batch(self, selectors: Sequence[object], *, tenant: str | None = None) -> list[Tag]:
        """Return several objects in the order of their selectors; one that cannot be read fails all.

        The platform's own batch call answers 503 over REST, whatever it is sent, so the objects are read one
        by one. Selectors of the latest version may therefore show objects as they were at slightly different
        times.
        """
        return self.run(self.api.read_batch(selectors, tenant=tenant))

    def get_object(
        self,
        object_type: str,
        object_id: str,
        object_version: int,
        tag_version: int,
        *,
        tenant: str | None = None,
    ) -> Tag:
        """Return exactly this version of an object, with exactly this version of its tag."""
        return self.run(
            self.api.get_object(object_type, object_id, object_version, tag_version, tenant=tenant)
        )

    def get_latest_object(self, object_type: str, object_id: str, *, tenant: str | None = None) -> Tag:
        """Return the latest version of an object, with its latest tag."""
        return self.run(self.api.get_object(object_type, object_id, tenant=tenant))

    def get_latest_tag(
        self, object_type: str, object_id: str, object_version: int, *, tenant: str | None = None
    ) -> Tag:
        """Return a version of an object, with its latest tag."""
        return self.run(self.api.get_object(object_type, object_id, object_version, tenant=tenant))

    def search(
        self,
        object_type: str,
        search: object = None,
        *,
        search_as_of: object = None,
        prior_versions: bool = False,
        prior_tags: bool = False,
        tenant: str | None = None,
    ) -> SearchResult:
        """Return the objects of a type that an expression finds, without definitions, the newest tag first.

        At most 100 are returned, and the platform does not tell whether there are more: the result's
        ``possibly_more`` is true then, and a warning is logged.

        :param search: a term: ``["region", "IN", ["UK", "IE"]]``, ``["withdrawn", "EXISTS"]``, or with the
            attribute's type ``["business_date", ">=", "2026-02-01", "DATE"]``; or terms combined:
            ``{"all": [...]}``, ``{"any": [...]}``, ``{"not": ...}``. Without one, all objects of the type.
        :param search_as_of: a time in the past, to search the metadata as it was then.
        :param prior_versions: search all versions of each object, not the latest alone.
        :param prior_tags: search all versions of each tag.
        """
        found = self.run(
            self.api.search(
                object_type,
                search,
                search_as_of=search_as_of,
                prior_versions=prior_versions,
                prior_tags=prior_tags,
                tenant=tenant,
            )
        )
        if found.possibly_more:
            self.log.warning(
                "The search for %s objects returned %d, as many as TRAC ever does: there may be more. "
                "Narrow the search.",
                object_type,
                len(found),
            )
        return found

    def write_batch(
        self,
        *,
        create_objects: Sequence[Mapping[str, Any]] = (),
        update_objects: Sequence[Mapping[str, Any]] = (),
        update_tags: Sequence[Mapping[str, Any]] = (),
        tenant: str | None = None,
    ) -> BatchResult:
        """Write several things in one transaction: all of them, or nothing.

        :param create_objects: dicts of the arguments of :meth:`create_object`.
        :param update_objects: dicts of the arguments of :meth:`update_object`, each object once.
        :param update_tags: dicts with ``selector``, ``attrs`` and ``tag_updates``, each object version once.
            The latest tags are looked up first; the version that the same batch creates cannot be tagged.
        :raises ConflictError: if something was changed by another meanwhile; nothing was written.
        """
        return self.run(
            self.api.write_batch(
                create_objects=create_objects,
                update_objects=update_objects,
                update_tags=update_tags,
                tenant=tenant,
            )
        )

    # --- jobs ------------------------------------------------------------------------------------------

    def plan_model_run(
        self,
        model: object,
        *,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        prior_outputs: Mapping[str, Any] | None = None,
        output_attrs: Mapping[str, Any] | None = None,
        tenant: str | None = None,
    ) -> JobPlan:
        """Return the job that runs a model, ready for :meth:`validate_job` and :meth:`submit_job`.

        The model's definition is read, and what is asked for in its latest version is fixed to that of now.

        :param model: a selector of the model.
        :param parameters: plain values by name. Every declared one is needed, and is given the declared type.
        :param inputs: selectors by the input's name; every one that is not optional is needed.
        :param prior_outputs: selectors, by the output's name, of the objects that are to get a new version.
        :param output_attrs: attributes of everything that the job makes.
        :raises InvalidArgumentError: if the model does not take what is given.
        """
        return self.run(
            self.api.model_run(
                model,
                parameters=parameters,
                inputs=inputs,
                prior_outputs=prior_outputs,
                output_attrs=output_attrs,
                tenant=tenant,
            ).plan()
        )

    def plan_flow_run(
        self,
        flow: object,
        *,
        models: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        prior_outputs: Mapping[str, Any] | None = None,
        output_attrs: Mapping[str, Any] | None = None,
        tenant: str | None = None,
    ) -> JobPlan:
        """Return the job that runs a flow, ready for :meth:`validate_job` and :meth:`submit_job`.

        :param flow: a selector of the flow.
        :param models: the selector of a model for each of the flow's model nodes.

        The other arguments are those of :meth:`plan_model_run`.
        """
        return self.run(
            self.api.flow_run(
                flow,
                models=models,
                parameters=parameters,
                inputs=inputs,
                prior_outputs=prior_outputs,
                output_attrs=output_attrs,
                tenant=tenant,
            ).plan()
        )

    def validate_job(
        self,
        job: Mapping[str, Any] | JobPlan,
        *,
        job_attrs: Mapping[str, Any] | None = None,
        tenant: str | None = None,
    ) -> JobStatus:
        """Have a job checked without running it.

        :param job: the job's definition in the platform's JSON, or a plan.
        :raises BadRequestError: if it could not run.
        """
        return self.run(self.api.validate_job(job, job_attrs=job_attrs, tenant=tenant))

    def submit_job(
        self,
        job: Mapping[str, Any] | JobPlan,
        *,
        job_attrs: Mapping[str, Any] | None = None,
        tenant: str | None = None,
    ) -> JobStatus:
        """Submit a job and return its state.

        Each call runs another job: after an error without an answer, search before repeating. An attribute of
        your own in ``job_attrs`` makes that possible.

        :param job: the job's definition in the platform's JSON, or a plan. Values of parameters may be plain
            Python.
        """
        return self.run(self.api.submit_job(job, job_attrs=job_attrs, tenant=tenant))

    def check_job(self, selector: object, *, tenant: str | None = None) -> JobStatus:
        """Return a job's state.

        The orchestrator is asked, which knows finer steps than the metadata. It forgets a job about two
        minutes after its end and answers 500 from then on; whatever it fails with, the job's tag is read
        instead.

        :param selector: a selector of the job, or its id.
        """
        return self.run(self.api.check_job(selector, tenant=tenant))

    # --- files and datasets ----------------------------------------------------------------------------

    def create_small_file(
        self,
        *,
        content: bytes | str | None = None,
        source: str | None = None,
        name: str | None = None,
        mime_type: str | None = None,
        attrs: Mapping[str, Any] | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Store a file of at most about 735 kB, and return the header of its object.

        :param content: bytes, or text that is sent as UTF-8, not empty; or
        :param source: a local path or URL of an object store.
        :param name: the file's name at the platform; by default that of the source.
        :param mime_type: its media type; by default told by the name's end.
        :param prior_version: a selector of the version that this one follows, to update a file.
        """
        data, found = self._content(content, source)
        if not (name or found):
            raise InvalidArgumentError("name must be given with content")
        return self.run(
            self.api.write_small_file(
                name or found,
                data,
                mime_type=mime_type,
                attrs=attrs,
                prior_version=prior_version,
                tenant=tenant,
            )
        )

    def read_small_file(self, selector: object, *, tenant: str | None = None) -> SmallFile:
        """Return a file with its content."""
        return self.run(self.api.read_small_file(selector, tenant=tenant))

    def create_small_dataset(
        self,
        *,
        content: bytes | str | None = None,
        source: str | None = None,
        schema: Mapping[str, Any] | None = None,
        schema_id: object = None,
        format: str = "text/csv",
        attrs: Mapping[str, Any] | None = None,
        prior_version: object = None,
        tenant: str | None = None,
    ) -> TagHeader:
        """Store a dataset of at most about 735 kB, and return the header of its object.

        :param content: bytes, or text that is sent as UTF-8, not empty; or
        :param source: a local path or URL of an object store.
        :param schema: the dataset's schema in the platform's JSON; or
        :param schema_id: a selector of a SCHEMA object.
        :param format: the media type of the content.
        :param prior_version: a selector of the version that this one follows, to update a dataset.
        """
        data, _ = self._content(content, source)
        return self.run(
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

    def _content(self, content: bytes | str | None, source: str | None) -> tuple[bytes, str]:
        """Return what is to be stored, and the name of the file that it comes from."""
        from airflow_provider_dataops.files.sources import source as stored

        require_one(content=content or None, source=source)
        if content:
            return content.encode() if isinstance(content, str) else content, ""
        file = stored(source or "")
        return trac.small_content(file), file.name

    def read_small_dataset(
        self,
        selector: object,
        *,
        format: str = "text/csv",
        limit: int | None = None,
        offset: int | None = None,
        tenant: str | None = None,
    ) -> SmallDataset:
        """Return a dataset with its content, or some of its rows.

        :param format: the media type to have it in.
        :param limit: at most this many rows, from 1.
        :param offset: leave out this many rows at the start.
        """
        return self.run(
            self.api.read_small_dataset(selector, format=format, limit=limit, offset=offset, tenant=tenant)
        )

    def download_file(self, selector: object, *, destination: str, tenant: str | None = None) -> int:
        """Stream a file of any size to a path or URL, and return its size in bytes."""
        from airflow_provider_dataops.files.destinations import destination as received

        with received(destination) as file:
            self.run(self.api.download_file(selector, file, tenant=tenant))
        return file.size

    def download_data(
        self, selector: object, *, destination: str, format: str = "csv", tenant: str | None = None
    ) -> int:
        """Stream a dataset of any size to a path or URL, and return its size in bytes; from 0.9 on.

        :param format: the short name of the format to have it in.
        """
        from airflow_provider_dataops.files.destinations import destination as received

        with received(destination) as file:
            self.run(self.api.download_data(selector, file, format=format, tenant=tenant))
        return file.size
