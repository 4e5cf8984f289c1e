"""The contents of TRAC's FILE and DATA objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values
from dataops_sandbox.trac.metadata import new_id
from dataops_sandbox.trac.models import Product

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from dataops_sandbox.trac.metadata import Found, Metadata


class DataStore:
    """Writes and reads FILE and DATA objects together with their contents."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._contents: dict[str, bytes] = {}

    def write(
        self,
        tenant: str,
        prior: Found | None,
        definition: dict[str, Any],
        content: bytes,
        updates: Iterable[Mapping[str, Any]],
        at: datetime,
        job: str = "",
        attrs: values.Attrs | None = None,
    ) -> Found:
        """Write a new object, or a new version of ``prior``.

        :param definition: definition of the object, without ``storageId`` and ``dataItem``
        :param job: key of the job that writes the object; empty if a client writes it
        :param attrs: more attributes from the platform, beside the attributes that every object gets
        """
        kind = definition["objectType"].lower()
        if prior is None:
            object_id, version = new_id(at), 1
            definition_of_storage = {"objectType": "STORAGE", "storage": {}}
            storage = self._metadata.put(tenant, None, definition_of_storage, (), at, job=job)
            where: Any = {"objectType": "STORAGE", "objectId": storage.record.object_id}
            where |= {"latestObject": True, "latestTag": True}
        else:
            object_id, version = prior.record.object_id, prior.version.number + 1
            where = prior.inner["storageId"]
        item = f"{kind}/{object_id}/version-{version}"
        found = self._metadata.put(
            tenant,
            prior,
            {**definition, kind: {**definition[kind], "storageId": where, "dataItem": item}},
            updates,
            at,
            object_id=object_id,
            attrs=attrs,
            job=job,
        )
        self._contents[item] = content
        return found

    def content(self, found: Found) -> bytes:
        """Return the content of a FILE or DATA object."""
        return self._contents[found.inner["dataItem"]]

    def schema(self, tenant: str, definition: Mapping[str, Any]) -> Any:
        """Return a dataset's schema. The definition contains the schema, or selects a SCHEMA object."""
        return definition.get("schema") or self._metadata.find(tenant, definition["schemaId"]).inner

    def product(self, tenant: str, found: Found) -> Product:
        """Return a FILE or DATA object as the input of a model. A DATA object also has a schema."""
        schema = self.schema(tenant, found.inner) if found.record.object_type == "DATA" else None
        return Product(self.content(found), schema)


def file_definition(name: str, mime_type: str, content: bytes) -> dict[str, Any]:
    """Return the definition of a FILE, without ``storageId`` and ``dataItem``."""
    extension = name.rpartition(".")[2] if "." in name else ""
    fields = {"name": name, "extension": extension, "mimeType": mime_type, "size": str(len(content))}
    return {"objectType": "FILE", "file": fields}


def data_attrs(schema: Mapping[str, Any], rows: int) -> values.Attrs:
    """Return the attributes that the platform adds to a dataset with ``rows`` rows."""
    count = values.of("INTEGER", str(rows))
    return {**values.schema_attrs(schema), "trac_data_row_count": count}
