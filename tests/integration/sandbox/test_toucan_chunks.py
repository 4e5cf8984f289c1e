"""Toucan's uploads in chunks: complete files, and chunks that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.toucan_client import APP, UPLOAD, ToucanClient, chunk

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

SOURCES = f"{APP}/data/sources?validation=false"


class TestChunks:
    def test_file_can_be_sent_in_one_chunk(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        assert toucan.ok("POST", SOURCES, **chunk(b"abc")).keys() == {"operation_id"}

        [upload] = sandbox.toucan.uploads
        assert (upload.filename, upload.content.data, upload.dialect) == ("sales.xlsx", b"abc", "dropzone")

    def test_file_can_be_empty(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.ok("POST", SOURCES, **chunk(b""))
        assert sandbox.toucan.uploads[0].content.data == b""

    def test_flat_form_needs_no_id(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.ok("POST", f"{APP}/data/sources", **chunk(b"PAR1", data=None, dzuuid=None, filename="x"))

        [upload] = sandbox.toucan.uploads
        assert (upload.filename, upload.content.data, upload.dialect) == ("x", b"PAR1", "flat")

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 0, 1, 1, 2)])
    def test_file_exists_when_all_its_chunks_have_arrived(
        self, sandbox: Sandbox, toucan: ToucanClient, order: tuple[int, ...]
    ) -> None:
        pieces = [b"abcd", b"efgh", b"ij"]
        answers = [
            toucan.ok("POST", SOURCES, **chunk(pieces[at], index=at, count=3, offset=4 * at, total=10))
            for at in order
        ]

        assert answers[:-1] == [{}] * (len(order) - 1)
        assert answers[-1].keys() == {"operation_id"}
        [upload] = sandbox.toucan.uploads
        assert (upload.content.data, upload.chunks) == (b"abcdefghij", 3)
        assert len(sandbox.runs()) == 1

    def test_chunks_of_two_files_are_kept_apart(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        for at, piece in enumerate([b"ab", b"cd"]):
            for upload_id in ("one", "two"):
                text = piece if upload_id == "one" else piece.upper()
                form = chunk(text, index=at, count=2, offset=2 * at, total=4, dzuuid=upload_id)
                toucan.ok("POST", SOURCES, **form)

        assert [upload.content.data for upload in sandbox.toucan.uploads] == [b"abcd", b"ABCD"]

    def test_last_chunk_can_be_sent_again(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.ok("POST", SOURCES, **chunk(b"ab", count=2, total=4))
        again = chunk(b"cd", index=1, count=2, offset=2, total=4)

        answers = [toucan.ok("POST", SOURCES, **again) for _ in range(2)]

        assert all("operation_id" in answer for answer in answers)
        assert {upload.content.data for upload in sandbox.toucan.uploads} == {b"abcd"}

    @pytest.mark.parametrize(
        "form",
        [
            chunk(b"abc", total=4),
            chunk(b"abc", total=2),
            chunk(b"abc", offset=1, total=4),
            chunk(b"abc", index=1),
            chunk(b"abc", count=0),
            chunk(b"abc", index=1, count=2, total=3),
            chunk(b"abc", index=1, count=2, offset=3, total=7),
            chunk(b"abc", count=2, offset=3, total=7),
            chunk(b"abc", index=1, count=3, offset=3, total=5),
            chunk(b"abc", dzuuid=""),
            chunk(b"abc", dzuuid=None),
            chunk(b"abc", dzchunkindex="-0"),
            chunk(b"abc", dzchunkindex="first"),
            chunk(b"abc", dztotalfilesize=""),
            chunk(b"abc", dztotalfilesize=None),
            chunk(b"abc", dzchunksize="3"),
            chunk(b"abc", filename="x"),
            chunk(b"abc", data=None, filename="x"),
            chunk(b"abc", count=2, total=7, data=None, dzuuid=None, filename="x"),
        ],
    )
    def test_contradictory_numbers_are_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, form: Any
    ) -> None:
        assert toucan.send("POST", SOURCES, **form).status_code == 400
        assert sandbox.journal.entries()[-1].refused
        assert sandbox.toucan.uploads == []

    @pytest.mark.parametrize(
        "second",
        [
            chunk(b"cd", index=1, count=2, offset=2, total=4, data='{"filename": "other"}'),
            chunk(b"cd", index=1, count=3, offset=2, total=4),
            chunk(b"c", index=1, count=2, offset=2, total=3),
            chunk(b"d", index=1, count=2, offset=3, total=4),
            chunk(b"bcd", index=1, count=2, offset=1, total=4),
            chunk(b"xy", count=2, total=4),
        ],
        ids=["filename", "count", "total", "gap", "overlap", "other bytes"],
    )
    def test_contradictory_chunks_are_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, second: Any
    ) -> None:
        toucan.ok("POST", SOURCES, **chunk(b"ab", count=2, total=4))

        assert toucan.send("POST", SOURCES, **second).status_code == 400
        assert sandbox.toucan.uploads == []

    @pytest.mark.parametrize(
        "form", [chunk(b"abc"), chunk(b"abc", data=None, dzuuid=None, filename="x")], ids=["dropzone", "flat"]
    )
    def test_older_backend_refuses_chunk_fields(
        self, sandbox: Sandbox, toucan: ToucanClient, form: Any
    ) -> None:
        sandbox.toucan.configure(chunk_fields=False)

        assert toucan.send("POST", SOURCES, **form).status_code == 400
        assert toucan.send("POST", SOURCES, **UPLOAD).status_code == 200
