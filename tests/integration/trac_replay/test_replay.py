"""The sandbox responds as the real TRAC did in the recordings, with a few named exceptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.trac_replay.compare import Ids, difference
from tests.integration.trac_replay.expected import EXCEPTIONS
from tests.integration.trac_replay.replay import RECORDINGS, replay

DOCS = Path(__file__).parents[3] / "docs" / "sandbox.md"
ID, OTHER = "01a1fb70-c0a1-7bb2-ae6a-f79c5720de08", "01a1fb75-c019-71d7-8a93-232d7ad13939"


@pytest.mark.parametrize(("name", "steps", "least"), [("meta", 279, 273), ("data", 137, 130)])
def test_the_sandbox_responds_as_recorded(
    name: str, steps: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = replay(name, monkeypatch.setattr)
    worse = {step: what for step, what in compared.differences.items() if step not in EXCEPTIONS[name]}
    assert worse == {}
    assert compared.differences.keys() == EXCEPTIONS[name].keys(), "an exception is stale"
    assert compared.steps == steps
    assert compared.alike >= least


def test_the_docs_list_every_exception() -> None:
    text = DOCS.read_text("utf-8")
    steps = [*EXCEPTIONS["meta"], *EXCEPTIONS["data"]]
    assert [step for step in steps if f"`{step}`" not in text] == []


def test_the_recordings_contain_no_path_or_address_of_their_machine() -> None:
    for recording in RECORDINGS.glob("*.json"):
        text = recording.read_text("utf-8")
        assert not any(word in text for word in ("/tmp/", "/home/", "localhost", "127.0.0.1"))


def ok(text: str) -> dict[str, Any]:
    return {"ok": text}


def refused(words: str, kind: str = "BadRequestError", status: int | None = 400) -> dict[str, Any]:
    return {"err": kind, "status": status, "msg": words}


ALIKE = {
    "order of a mapping": (ok("{'a': 1, 'b': [1, 2]}"), ok("{'b': [1, 2], 'a': 1}")),
    "name of the hook's class": (ok("TagHeader(x=1, y=(2,))"), ok("Header(y=(2,), x=1)")),
    "time of the run": (ok("[datetime.datetime(2026, 1, 1)]"), ok("[datetime.datetime(2027, 2, 3)]")),
    "another id": (ok("X(i='<id3>')"), ok(f"X(i='{ID}')")),
    "the hook's own text": (refused("no", status=None), refused("never", status=None)),
    "the request": (
        refused("TRAC: read failed: HTTP 400 Wrong [x] (GET /base/a, attempt 2)"),
        refused("reading: HTTP 400 Wrong [x] (GET /a)"),
    ),
}
DIFFERENT = {
    "order of a list": (ok("[1, 2]"), ok("[2, 1]")),
    "value": (ok("{'a': 1}"), ok("{'a': '1'}")),
    "type of a number": (ok("Decimal('1')"), ok("1")),
    "sign of zero": (ok("0.0"), ok("-0.0")),
    "date of a value": (ok("datetime.date(2026, 1, 1)"), ok("datetime.date(2026, 1, 2)")),
    "field": (ok("X(a=True)"), ok("X(a=False)")),
    "text": (ok("id\n1\n"), ok("ID\n1\n")),
    "the server's text": (refused("x: HTTP 400 Wrong [x]"), refused("x: HTTP 400 Wrong [y]")),
    "status": (refused("x: HTTP 400 Wrong"), refused("x: HTTP 412 Wrong", status=412)),
    "kind of error": (refused("no"), refused("no", kind="NotFoundError")),
    "an error instead of a value": (ok("None"), refused("no")),
    "no text of the server": (refused("x: HTTP 500 Lost (GET /a)"), refused("x failed (GET /a)")),
}


@pytest.mark.parametrize("case", ALIKE)
def test_the_comparison_ignores_a_difference_that_does_not_matter(case: str) -> None:
    assert difference(*ALIKE[case], Ids()) is None


@pytest.mark.parametrize("case", DIFFERENT)
def test_the_comparison_finds_a_difference_that_matters(case: str) -> None:
    assert difference(*DIFFERENT[case], Ids()) is not None


def test_each_recorded_id_must_match_one_id() -> None:
    ids = Ids()
    assert difference(ok("'<id1>'"), ok(f"'{ID}'"), ids) is None
    assert difference(ok("'<id1>'"), ok(f"'{OTHER}'"), ids) is not None
    assert difference(ok("'<id2>'"), ok(f"'{ID}'"), ids) is not None
