"""Files and datasets that fit into one message."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.limits import MAX_CONTENT
from airflow_provider_dataops.platforms.trac.model.files import SmallDataset, SmallFile, small_content
from tests.unit.platforms.apis import MemorySource


def test_a_file_is_read_with_its_definition() -> None:
    definition = {"name": "x.txt", "mimeType": "text/plain"}
    file = SmallFile.from_json({"fileDefinition": definition, "content": "eA=="})
    assert (file.name, file.mime_type, file.content) == ("x.txt", "text/plain", b"x")
    assert "x'" not in repr(file).replace("x.txt'", ""), "the content is not shown"


def test_a_response_without_content_is_an_empty_file() -> None:
    assert SmallFile.from_json({}).content == b""
    assert SmallDataset.from_json({"schema": {"a": 1}}) == SmallDataset(content=b"", data_schema={"a": 1})


@pytest.mark.parametrize("kind", [SmallFile, SmallDataset])
def test_content_that_is_not_base64_raises_an_error(kind: type[SmallFile | SmallDataset]) -> None:
    with pytest.raises(ValueError, match="base64"):
        kind.from_json({"content": "%%%"})


def test_a_file_that_is_too_large_is_not_opened() -> None:
    source = MemorySource(b"x" * (MAX_CONTENT + 1))
    with pytest.raises(InvalidArgumentError, match=f"claims.csv.*{MAX_CONTENT}"):
        small_content(source)
    assert not source.opened
    assert small_content(MemorySource(b"x" * MAX_CONTENT))
