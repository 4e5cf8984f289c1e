"""Operators that store and fetch files and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.trac.base import TracOperator, made_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context


class TracUploadFileOperator(TracOperator):
    """Stores a file, and returns the header of its object.

    One message to the gateway holds about 735 kB, and a larger file is refused before anything is sent.
    Without a prior version each call stores another file, so that one whose answer was lost is not retried.

    :param source: local path, or URL of an object store; not empty.
    :param name: the file's name at the platform; by default that of the source.
    :param mime_type: its media type; by default told by the name's end.
    :param attrs: attributes as plain Python values, by name.
    :param prior_version: a selector of the version that this one follows, to update a file. Without it, and
        where its template renders to nothing, a new file is made.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("source", "name", "attrs", "prior_version", "tenant", "trac_conn_id")

    def __init__(
        self,
        *,
        source: str,
        name: str | None = None,
        mime_type: str | None = None,
        attrs: Mapping[str, Any] | None = None,
        prior_version: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.name = name
        self.mime_type = mime_type
        self.attrs = attrs
        self.prior_version = prior_version

    def act(self, context: Context) -> dict[str, Any]:
        """Store the file."""
        from airflow_provider_dataops.platforms.trac import result_of

        look = "Search for FILE objects by trac_file_name"
        with made_once("the file", "create-small-file", look):
            header = self.make_hook().create_small_file(
                source=self.source,
                name=self.name or None,
                mime_type=self.mime_type,
                attrs=self.attrs,
                prior_version=self.prior_version or None,
                tenant=self.tenant,
            )
        self.log.info("Stored %s as %s", self.source, header.key)
        return result_of(header)


class TracUploadDatasetOperator(TracOperator):
    """Stores a dataset, and returns the header of its object.

    One message to the gateway holds about 735 kB, and a larger file is refused before anything is sent.
    Without a prior version each call stores another dataset, so that one whose answer was lost is not
    retried.

    :param source: local path, or URL of an object store; not empty.
    :param schema: the dataset's schema in the platform's JSON; or
    :param schema_id: a selector of a SCHEMA object.
    :param format: the media type of the content; a name that ends with ``.csv`` tells it by itself.
    :param attrs: attributes as plain Python values, by name.
    :param prior_version: a selector of the version that this one follows, to update a dataset. Without it,
        and where its template renders to nothing, a new dataset is made.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        "source",
        "schema",
        "schema_id",
        "attrs",
        "prior_version",
        "tenant",
        "trac_conn_id",
    )

    def __init__(
        self,
        *,
        source: str,
        schema: Mapping[str, Any] | None = None,
        schema_id: object = None,
        format: str | None = None,
        attrs: Mapping[str, Any] | None = None,
        prior_version: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.schema = schema
        self.schema_id = schema_id
        self.format = format
        self.attrs = attrs
        self.prior_version = prior_version

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(source=self.source)
        self._format()

    def _format(self) -> str:
        if self.format:
            return self.format
        if not self.source.lower().endswith(".csv"):
            raise InvalidArgumentError(
                f"format must be given, a media type such as 'text/csv': {self.source!r} does not tell it by "
                "its name"
            )
        return "text/csv"

    def act(self, context: Context) -> dict[str, Any]:
        """Store the dataset."""
        from airflow_provider_dataops.platforms.trac import result_of

        look = "Search for DATA objects; the newest come first"
        with made_once("the dataset", "create-small-dataset", look):
            header = self.make_hook().create_small_dataset(
                source=self.source,
                schema=self.schema,
                schema_id=self.schema_id or None,
                format=self._format(),
                attrs=self.attrs,
                prior_version=self.prior_version or None,
                tenant=self.tenant,
            )
        self.log.info("Stored %s as %s", self.source, header.key)
        return result_of(header)


class TracDownloadFileOperator(TracOperator):
    """Streams a file of any size to a path or URL, and returns that.

    The file appears under its name when it is complete.

    :param selector: the file; without a version the latest.
    :param destination: local path, or URL of an object store; the file's name included.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("selector", "destination", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object, destination: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.destination = destination

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(destination=self.destination)

    def act(self, context: Context) -> str:
        """Download the file."""
        size = self.make_hook().download_file(self.selector, destination=self.destination, tenant=self.tenant)
        self.log.info("Downloaded %d bytes to %s", size, self.destination)
        return self.destination


class TracDownloadDatasetOperator(TracOperator):
    """Streams a dataset of any size to a path or URL, and returns that; platforms from 0.9 on.

    The file appears under its name when it is complete.

    :param selector: the dataset; without a version the latest.
    :param destination: local path, or URL of an object store; the file's name included.
    :param format: the short name of the format to have it in.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = ("selector", "destination", "tenant", "trac_conn_id")

    def __init__(self, *, selector: object, destination: str, format: str = "csv", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.destination = destination
        self.format = format

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        super().check()
        require_text(destination=self.destination, format=self.format)

    def act(self, context: Context) -> str:
        """Download the dataset."""
        size = self.make_hook().download_data(
            self.selector, destination=self.destination, format=self.format, tenant=self.tenant
        )
        self.log.info("Downloaded %d bytes to %s", size, self.destination)
        return self.destination
