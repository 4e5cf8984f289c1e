"""Compares the outcome of a step with the outcome recorded with the real TRAC.

These must be equal: the content of values, the status, the class of the error, and the server's text.
These may differ: ids (but each recorded id must match one id throughout), times, the order of mappings, the
names of the hook's classes in values, and the hook's own text around the server's text.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(r"<id\d+>|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The recordings have the same marks in place of such times and run names.
_LEVELLED = (
    (re.compile(r"datetime\.datetime\(20(?:2[6-9])[^)]*\)\)?"), "<dt>"),
    (re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "<ts>"),
    (re.compile(r"r1\d{9}"), "RUN"),
    # The text that the hook adds to the server's text.
    (re.compile(r"; a search with 'any' or 'not' .*"), ""),
)
_SERVER_WORDS = re.compile(r"HTTP \d{3} (.*?)(?: \((?:GET|POST) /\S*(?:, attempt \d+)?\))?\Z", re.DOTALL)


class Ids:
    """Maps the ids of the recording to the ids of the sandbox."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}
        self._theirs: dict[str, str] = {}

    def bind(self, recorded: str, actual: str) -> bool:
        """Map the ids of two texts, pair by pair. Return whether the pairs agree with all earlier ones."""
        pairs = list(zip(_ID.findall(recorded), _ID.findall(actual), strict=True))
        return all(
            self._ours.setdefault(theirs, ours) == ours and self._theirs.setdefault(ours, theirs) == theirs
            for theirs, ours in pairs
        )


def difference(recorded: Mapping[str, Any], actual: Mapping[str, Any], ids: Ids) -> str | None:
    """Return how an outcome differs from the recorded one, ``None`` if it does not."""
    before, after = _comparable(recorded), _comparable(actual)
    if _ID.sub("<id>", before) != _ID.sub("<id>", after):
        return f"recorded {before}\n  sandbox {after}"
    if not ids.bind(before, after):
        return f"other ids: recorded {before}\n  sandbox {after}"
    return None


def _comparable(outcome: Mapping[str, Any]) -> str:
    if "ok" in outcome:
        return f"value {_content(_level(outcome['ok']))}"
    words = _SERVER_WORDS.search(outcome["msg"] or "")
    # The recorded errors are older than the rule that an error stands on one line.
    reason = f": {_level(one_line(words[1]))}" if words else ""
    return f"{outcome['err']} {outcome['status']}{reason}"


def _level(text: str) -> str:
    for pattern, mark in _LEVELLED:
        text = pattern.sub(mark, text)
    return text


def _content(text: str) -> str:
    """Return the content of a value's ``repr``; any other text stays as it is."""
    try:
        return repr(_read(ast.parse(text.replace("<dt>", "'<dt>'"), mode="eval").body))
    except (SyntaxError, ValueError):
        return text


def _read(node: ast.expr) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() | ast.Name()):
            return ("-", _read(node.operand))
        case ast.List():
            return [_read(item) for item in node.elts]
        case ast.Tuple():
            return tuple(_read(item) for item in node.elts)
        case ast.Dict():
            pairs = [
                (_read(key), _read(value)) for key, value in zip(node.keys, node.values, strict=True) if key
            ]
            return {"mapping": sorted(pairs, key=repr)}
        case ast.Call(args=[]):
            return {"fields": sorted((item.arg or "", _read(item.value)) for item in node.keywords)}
        case ast.Call():
            name = ast.unparse(node.func).rpartition(".")[2]
            return (name, [_read(item) for item in node.args], [ast.unparse(item) for item in node.keywords])
        case ast.Name(id="nan" | "inf"):
            return node.id
    raise ValueError(ast.unparse(node))
