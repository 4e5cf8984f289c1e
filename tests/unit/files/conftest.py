from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bucket() -> ObjectStoragePath:
    """Return an empty folder of an object store."""
    store = MemoryFileSystem()
    attach("memory", fs=store)
    name = str(uuid.uuid4())
    store.mkdir(f"/{name}")
    return ObjectStoragePath(f"memory://{name}/folder")


@pytest.fixture(params=["disk", "file URL", "object store"])
def place(request: pytest.FixtureRequest, tmp_path: Path, bucket: ObjectStoragePath) -> str:
    """Return the path or URL of a file. Neither the file nor its folder exists."""
    if request.param == "object store":
        return f"{bucket}/naïve name.csv"
    path = tmp_path / "folder" / "naïve name.csv"
    return str(path) if request.param == "disk" else path.as_uri()
