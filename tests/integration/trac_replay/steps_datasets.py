"""Steps with small datasets: their formats, invalid contents, and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.trac_replay.recorder import Recorder, schema, without_times
from tests.integration.trac_replay.steps_files import downloader
from tests.integration.trac_replay.steps_objects import NOBODY

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_dataops.hooks.trac import TracHook

HEADER = "id,name,amount,day,at,flag,ratio\n"
ALL_TYPES = (
    f"{HEADER}1,Ä x,1.50,2026-02-27,2026-02-27T09:30:00.123,true,0.1\n"
    '2,"q ""u"", comma",-1234567890123456.789,1900-01-01,1969-12-31T23:59:59,false,1e300\n3,,,,,,\n'
)
ROW = "9,n,1,2026-01-01,2026-01-01T00:00:00,true,1"
COLUMNS = (
    ("id", "INTEGER"),
    ("name", "STRING"),
    ("amount", "DECIMAL"),
    ("day", "DATE"),
    ("at", "DATETIME"),
    ("flag", "BOOLEAN"),
    ("ratio", "FLOAT"),
)
MEDIA_TYPES = (
    *("application/json", "text/json", "CSV", "application/vnd.apache.arrow.file"),
    *("application/vnd.apache.arrow.stream", "application/x-parquet", "nope/x"),
)
FORMATS = ("csv", "json", "arrow", "arrow_file", "CSV", "text/csv", "parquet", "nope")

INT, INT_AND_TEXT = schema(("id", "INTEGER")), schema(("id", "INTEGER"), ("b", "STRING"))
TWO_TEXTS = schema(("s", "STRING"), ("t", "STRING"))


def one(name: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Return the schema of one column."""
    return schema((name, kind), **changes)


def _not_null() -> dict[str, Any]:
    definition = schema(("id", "INTEGER"), ("b", "STRING"), label="l")
    definition["table"]["fields"][1]["notNull"] = True
    return definition


CONTENTS: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "bad int": ("id\nx\n", INT),
    "missing col": ("id\n1\n", INT_AND_TEXT),
    "extra col": ("id,z\n1,2\n", INT),
    "case of header": ("ID\n1\n", INT),
    "order swapped": ("b,id\nx,1\n", INT_AND_TEXT),
    "no rows": ("id\n", INT),
    "no header": ("", INT),
    "BOM": ("\ufeffid\n1\n", INT),
    "CRLF": ("id,b\r\n1,x\r\n", INT_AND_TEXT),
    "bad date": ("d\n27/02/2026\n", one("d", "DATE")),
    "datetime offset": ("d\n2026-02-27T09:30:00+02:00\n", one("d", "DATETIME")),
    "datetime space": ("d\n2026-02-27 09:30:00\n", one("d", "DATETIME")),
    "bool 1": ("b\n1\n", one("b", "BOOLEAN")),
    "int big": ("i\n9223372036854775807\n", one("i", "INTEGER")),
    "int too big": ("i\n9223372036854775808\n", one("i", "INTEGER")),
    "dec scale 15": ("d\n1.123456789012345\n", one("d", "DECIMAL")),
    "dec 40 digits": (f"d\n{'1' * 40}\n", one("d", "DECIMAL")),
    "float nan": ("f\nNaN\n", one("f", "FLOAT")),
    "empty string vs null": ('s,t\n"",x\n,y\n', TWO_TEXTS),
    "newline in cell": ('s,t\n"a\nb",x\n', TWO_TEXTS),
    "latin1 bytes": (b"s\n\xe9\n", one("s", "STRING")),
    "int as 1.0": ("i\n1.0\n", one("i", "INTEGER")),
    "date with time": ("d\n2026-02-27T00:00:00\n", one("d", "DATE")),
    "col name ä": ("ä\n1\n", one("ä", "INTEGER")),
    "col name a b": ("a b\n1\n", one("a b", "INTEGER")),
    "bad schema type": ("id\n1\n", one("id", "NOPE", fieldOrder=None, label=None)),
    "empty schema": ("id\n1\n", {}),
    "no label": ("id\n1\n", one("id", "INTEGER", label=None)),
    "no order": ("id,b\n1,x\n", schema(("id", "INTEGER"), ("b", "STRING"), fieldOrder=None, label="l")),
    "notNull null": ("id,b\n1,\n", _not_null()),
    "dup business key": ("id\n1\n1\n", one("id", "INTEGER", label="l", businessKey=True)),
    "categorical": ("c\nx\ny\n", one("c", "STRING", label="l", categorical=True)),
}
"""Contents with their schemas. The platform refuses most of them."""


class Datasets:
    """The steps, and the dataset that most of them use."""

    def __init__(self, recorder: Recorder, hook: TracHook, directory: Path) -> None:
        self.step = recorder.step
        self.hook = hook
        self.download = downloader(directory)

    def run(self) -> None:
        """Run the steps."""
        self._reads()
        self._updates()
        for name, (content, columns) in CONTENTS.items():
            create = self.hook.create_small_dataset
            made = self.step(f"dataset {name}", create, content=content, schema=columns)
            if made:
                self.step(f"dataset {name} back", self.hook.read_small_dataset, made, show=_start)
        self._schema_objects()

    def _reads(self) -> None:
        step, read = self.step, self.hook.read_small_dataset

        def whole(got: Any) -> tuple[str, Any]:
            fields = got.data_schema.get("table", {}).get("fields", [])
            text = got.content.decode("utf-8", "replace")[:900]
            return text, [(field["fieldName"], field["fieldType"]) for field in fields]

        self.first = first = step(
            "dataset all types",
            self.hook.create_small_dataset,
            content=ALL_TYPES,
            schema=schema(*COLUMNS),
            attrs={"cls": "x"},
        )
        self.key = f"DATA-{first.object_id}"
        step("dataset back", read, first, show=whole)
        step("dataset attrs", self.hook.read_object, first, show=without_times)
        for kind in MEDIA_TYPES:
            length = 6 if "arrow" in kind else 200

            def begun(got: Any, length: int = length) -> tuple[bool, bytes]:
                return len(got.content) > 0, got.content[:length]

            step(f"dataset read as {kind}", read, first, format=kind, show=begun)
        for limit, offset in ((1, None), (2, 1), (None, 2), (10, 10), (1, 0)):
            step(
                f"dataset limit {limit} offset {offset}",
                read,
                first,
                limit=limit,
                offset=offset,
                show=lambda got: got.content.decode()[:300],
            )
        for kind in FORMATS:
            exact = not kind.startswith("arrow")

            def sized(got: tuple[int, int, bytes], exact: bool = exact) -> tuple[bool, int | bool, bytes]:
                return got[0] == got[1], got[0] if exact else got[0] > 0, got[2][:80]

            step(
                f"download data {kind}",
                self.download,
                self.hook.download_data,
                first,
                format=kind,
                show=sized,
            )
        step(
            "download data latest",
            self.download,
            self.hook.download_data,
            self.key,
            format="csv",
            show=lambda got: got[0],
        )
        step(
            "download data unknown",
            self.download,
            self.hook.download_data,
            f"DATA-{NOBODY}-v1",
            format="csv",
        )

    def _updates(self) -> None:
        step, create, same = self.step, self.hook.create_small_dataset, schema(*COLUMNS)
        step(
            "dataset update",
            create,
            content=f"{HEADER}{ROW}\n",
            schema=same,
            prior_version=self.first,
            show=lambda made: (made.object_version, self.hook.read_small_dataset(made).content),
        )
        step("dataset update superseded", create, content=ALL_TYPES, schema=same, prior_version=self.first)
        step(
            "dataset update add column",
            create,
            content=f"{HEADER.strip()},extra\n{ROW},e\n",
            schema=schema(*COLUMNS, ("extra", "STRING")),
            prior_version=f"{self.key}-v2",
            show=lambda header: header.object_version,
        )
        step(
            "dataset update drop column",
            create,
            content="id\n9\n",
            schema=INT,
            prior_version=f"{self.key}-v3",
        )

    def _schema_objects(self) -> None:
        step, create, read = self.step, self.hook.create_small_dataset, self.hook.read_small_dataset
        kept = self.hook.create_object(object_type="SCHEMA", definition={"schema": INT_AND_TEXT})
        rows = "id,b\n1,x\n"

        def content(header: Any) -> bytes:
            return bytes(read(header).content)

        def by_id(header: Any) -> tuple[bytes, bool]:
            return content(header), "schemaId" in self.hook.read_object(header).body

        step("dataset by schema_id", create, content=rows, schema_id=kept, show=by_id)
        latest = f"SCHEMA-{kept.object_id}"
        step("dataset by schema key latest", create, content=rows, schema_id=latest, show=content)
        step("dataset unknown schema", create, content=rows, schema_id=f"SCHEMA-{NOBODY}-v1")
        json: dict[str, Any] = {"schema_id": kept, "format": "application/json"}
        table = '[{"id":1,"b":"ü"},{"id":2,"b":null}]'
        step("dataset json in", create, content=table, **json, show=content)
        step("dataset json bad", create, content='{"id":1', **json)
        step("dataset unknown format in", create, content="x", schema_id=kept, format="application/x-nope")
        step("dataset unknown tenant", create, content=rows, schema_id=kept, tenant="NOPE")
        big = "id,b\n" + "".join(f"{number},row {number} ä\n" for number in range(40000))
        step(
            "dataset 700 kB",
            create,
            content=big[:700000].rsplit("\n", 1)[0] + "\n",
            schema_id=kept,
            show=lambda header: self.download(self.hook.download_data, header)[0],
        )


def _start(got: Any) -> str:
    return str(got.content.decode()[:200])
