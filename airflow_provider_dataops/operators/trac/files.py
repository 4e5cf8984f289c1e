"""Operators that upload and download files and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.trac.base import TracOperator, made_once
from airflow_provider_dataops.platforms.trac import results

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject, JsonOrFile
    from airflow_provider_dataops.hooks.trac import TracHook
    from airflow_provider_dataops.platforms.trac.model.objects import TagHeader


class _UploadOperator(TracOperator):
    """Stores the content of a file, and returns the tag header of the stored object."""

    output_keys = ("key",)
    result_keys = results.HEADER
    #: The kind of object, and a sentence for the user: how to find the object after a lost response.
    kind: ClassVar[str]
    look: ClassVar[str]

    def __init__(
        self, *, source: str, attrs: JsonObject | None = None, prior_version: object = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.attrs = attrs
        self.prior_version = prior_version

    def check(self) -> None:
        """Check that there is a source."""
        super().check()
        require_text(source=self.source)

    def store(self, hook: TracHook, **common: Any) -> TagHeader:
        """Store the content of the file, and return the tag header of the stored object.

        :param common: the arguments that every kind of upload takes.
        """
        raise NotImplementedError

    def act(self, context: Context) -> dict[str, Any]:
        """Store the content of the file, and return the tag header of the stored object."""
        hook = self.make_hook()
        with made_once(f"the {self.kind}", f"create-small-{self.kind}", self.look):
            header = self.store(
                hook,
                source=self.source,
                attrs=self.attrs,
                prior_version=self.prior_version or None,
                tenant=self.tenant,
            )
        self.lineage = hook.lineage
        self.log.info("Stored %s as %s", self.source, header.key)
        return header.as_result()


class _DownloadOperator(TracOperator):
    """Streams an object's content to a path or URL, and returns the path or URL."""

    template_fields = ("selector", "destination", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object, destination: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.destination = destination

    def check(self) -> None:
        """Check that there is a destination."""
        super().check()
        require_text(destination=self.destination)

    def download(self, hook: TracHook) -> int:
        """Download the content and return its size in bytes."""
        raise NotImplementedError

    def act(self, context: Context) -> str:
        """Download the content, and return the path or URL of the file."""
        hook = self.make_hook()
        size = self.download(hook)
        self.lineage = hook.lineage
        self.log.info("Downloaded %d bytes to %s", size, self.destination)
        return self.destination


class TracUploadFileOperator(_UploadOperator):
    """Stores a file, and returns its tag header, which holds its id and version.

    The gateway accepts about 735 kB. If the file is larger, the task fails before it sends a request.
    Without ``prior_version``, each call stores another file. Then, if the response is lost, the task fails
    without a retry.

    :param source: local path, or URL of an object store; not empty.
    :param name: the file's name at the platform; by default the name of the source file.
    :param mime_type: the file's media type; by default the type that belongs to the extension of ``name``.
    :param attrs: attributes as plain Python values, by name.
    :param prior_version: a selector of the file's latest version, to update the file. If it is missing or
        renders to an empty string, the operator creates a new file.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("source", "name", "attrs", "prior_version", "tenant", "trac_conn_id")
    kind = "file"
    look = "Search for FILE objects by trac_file_name"

    def __init__(self, *, name: str | None = None, mime_type: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.mime_type = mime_type

    def store(self, hook: TracHook, **common: Any) -> TagHeader:
        """Store the file."""
        return hook.create_small_file(name=self.name or None, mime_type=self.mime_type, **common)


class TracUploadDatasetOperator(_UploadOperator):
    """Stores a dataset, and returns its tag header, which holds its id and version.

    The gateway accepts about 735 kB. If the file is larger, the task fails before it sends a request.
    Without ``prior_version``, each call stores another dataset. Then, if the response is lost, the task
    fails without a retry.

    :param source: local path, or URL of an object store; not empty.
    :param schema: the dataset's schema in the platform's JSON, or the path of a ``.json`` file with it.
    :param schema_id: a selector of a SCHEMA object, instead of ``schema``.
    :param format: the media type of the content; by default ``text/csv`` if the name ends with ``.csv``.
    :param attrs: attributes as plain Python values, by name.
    :param prior_version: a selector of the dataset's latest version, to update the dataset. If it is missing
        or renders to an empty string, the operator creates a new dataset.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = (
        "source",
        "schema",
        "schema_id",
        "attrs",
        "prior_version",
        "tenant",
        "trac_conn_id",
    )

    kind = "dataset"
    look = "Search for DATA objects, newest first"

    def __init__(
        self,
        *,
        schema: JsonOrFile | None = None,
        schema_id: object = None,
        format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema = schema
        self.schema_id = schema_id
        self.format = format

    def check(self) -> None:
        """Check that the format is set or can be seen from the source's name."""
        super().check()
        self._media_type()

    def _media_type(self) -> str:
        if self.format:
            return self.format
        if not self.source.lower().endswith(".csv"):
            raise InvalidArgumentError(
                f"format must be given, a media type such as 'text/csv', because source {self.source!r} does "
                "not end with .csv"
            )
        return "text/csv"

    def store(self, hook: TracHook, **common: Any) -> TagHeader:
        """Store the dataset."""
        return hook.create_small_dataset(
            schema=cast("JsonObject | None", self.schema),
            schema_id=self.schema_id or None,
            format=self._media_type(),
            **common,
        )


class TracDownloadFileOperator(_DownloadOperator):
    """Streams a file of any size to a path or URL, and returns the path or URL.

    The file appears under its name only when it is complete.

    :param selector: a selector of the file. A selector without a version selects the latest one.
    :param destination: local path, or URL of an object store, with the file's name.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    def download(self, hook: TracHook) -> int:
        """Download the file and return its size in bytes."""
        return hook.download_file(self.selector, destination=self.destination, tenant=self.tenant)


class TracDownloadDatasetOperator(_DownloadOperator):
    """Streams a dataset of any size to a path or URL, and returns the path or URL. Needs TRAC 0.9.

    The file appears under its name only when it is complete.

    :param selector: a selector of the dataset. A selector without a version selects the latest one.
    :param destination: local path, or URL of an object store, with the file's name.
    :param format: the short name of the file's format.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    def __init__(self, *, format: str = "csv", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.format = format

    def check(self) -> None:
        """Check that there is a format."""
        super().check()
        require_text(format=self.format)

    def download(self, hook: TracHook) -> int:
        """Download the dataset and return its size in bytes."""
        return hook.download_data(
            self.selector, destination=self.destination, format=self.format, tenant=self.tenant
        )
