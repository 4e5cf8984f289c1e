"""The ``filter`` of Tamr's job list: the documented fields, in the syntax of Google AIP-160.

As in AIP-160, ``OR`` binds more tightly than ``AND``. The reference documents only a part of AIP-160. The
sandbox rejects everything else, e.g. other fields, ``-`` for ``NOT``, and terms without an operator. So no
client can rely on syntax that Tamr may not support.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from dataops_sandbox.tamr.jobs import State
from dataops_sandbox.tamr.rules import Configuration

if TYPE_CHECKING:
    from dataops_sandbox.tamr.jobs import Job

_TIME_OF_STATE = {
    "create_time": "PENDING",
    "start_time": "RUNNING",
    "cancel_time": "STOPPING",
    "stop_time": "DONE",
}

_IDS = frozenset(
    {
        "configuration.load.source_id",
        "configuration.publish.destination_id",
        "configuration.publish.data_product_id",
        "configuration.update.data_product_id",
        "configuration.update.workflow_id",
    }
)

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
          |(?P<call>[a-z_]+\(\))
          |(?P<compare>!=|<=|>=|=|<|>|:(?=\s*[a-z]))
          |(?P<bracket>[()])
          |(?P<word>[A-Za-z0-9_.+-]+(?::[0-9][A-Za-z0-9_.+:-]*)?))""",
    re.VERBOSE,
)

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
"""A time in RFC 3339. ``fromisoformat`` also accepts other forms, e.g. weeks. Tamr may reject them."""

_DEEPEST = 100


class FilterError(ValueError):
    """The reference does not allow this filter expression."""


Test = Callable[["Job"], bool]


def parse(text: str) -> Test:
    """Return a function that tests whether a job matches a filter expression.

    :raises FilterError: if the reference does not allow the expression
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise FilterError(f"cannot parse the filter at {text[position:]!r}")
            self._tokens.append((found.lastgroup or "", found.group(found.lastgroup or 0)))
            position = found.end()
        if sum(token in ("NOT", "(") for _, token in self._tokens) > _DEEPEST:
            raise FilterError(f"the filter has more than {_DEEPEST} opening brackets and NOTs")
        self._at = 0

    def parse(self) -> Test:
        test = self._all_of()
        if self._at < len(self._tokens):
            raise FilterError(f"unexpected {self._tokens[self._at][1]!r}; join terms with AND or OR")
        return test

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end of the filter")

    def _take(self, *kinds: str) -> str:
        kind, token = self._peek()
        if kind not in kinds:
            raise FilterError(f"unexpected {token!r}; expected: {' or '.join(kinds)}")
        self._at += 1
        return token

    def _taken(self, token: str) -> bool:
        if self._peek()[1] != token or self._peek()[0] == "quoted":
            return False
        self._at += 1
        return True

    def _all_of(self) -> Test:
        tests = [self._any_of()]
        while self._taken("AND"):
            tests.append(self._any_of())
        return lambda job: all(test(job) for test in tests)

    def _any_of(self) -> Test:
        tests = [self._term()]
        while self._taken("OR"):
            tests.append(self._term())
        return lambda job: any(test(job) for test in tests)

    def _term(self) -> Test:
        if self._taken("NOT"):
            negated = self._term()
            return lambda job: not negated(job)
        if self._taken("("):
            inner = self._all_of()
            if not self._taken(")"):
                raise FilterError("a bracket is not closed")
            return inner
        return self._restriction()

    def _restriction(self) -> Test:
        field = self._take("word", "call")
        if field.removesuffix("()") in _TIME_OF_STATE and field.endswith("()"):
            return self._time(_TIME_OF_STATE[field.removesuffix("()")])
        if field == "job_id":
            equal, job_id = self._comparison("=", "!="), self._string()
            return lambda job: equal(job.run_id, job_id)
        if field == "status.state":
            compare, state = self._comparison("=", "!="), self._unquoted(self._take("word", "quoted"))
            if state not in get_args(State):
                raise FilterError(f"unknown state {state!r}; known: {', '.join(get_args(State))}")
            return lambda job: compare(job.status(), state)
        if field in _IDS:
            _, kind, member = field.split(".")
            self._comparison("=")
            wanted = self._string()
            return lambda job: getattr(getattr(job.configuration, kind), member, "") == wanted
        if field in ("status", "configuration"):
            return self._has(field)
        raise FilterError(f"field {field!r} cannot be used in a filter")

    def _has(self, field: str) -> Test:
        self._take_compare(":")
        member = self._take("word")
        if field == "status" and member == "error":
            return lambda job: bool(job.error)
        if field == "configuration" and member in Configuration.model_fields:
            return lambda job: job.configuration.kind == member
        raise FilterError(f"{field}:{member} cannot be used in a filter")

    def _time(self, state: str) -> Test:
        if self._peek()[0] != "compare":
            return lambda job: job.entered(state) is not None
        compare = self._comparison(*_COMPARISONS)
        literal = self._unquoted(self._take("quoted", "word"))
        if not _TIME.fullmatch(literal):
            raise FilterError(f"{literal!r} is not an RFC 3339 time with its offset from UTC")
        try:
            wanted = datetime.fromisoformat(literal.upper())
        except ValueError as error:
            raise FilterError(f"{literal!r} is not an RFC 3339 time: {error}") from error

        def test(job: Job) -> bool:
            entered = job.entered(state)
            # If the job has never entered the state, every comparison is false, also "!=".
            return entered is not None and compare(entered, wanted)

        return test

    def _comparison(self, *allowed: str) -> Callable[[Any, Any], bool]:
        return _COMPARISONS[self._take_compare(*allowed)]

    def _take_compare(self, *allowed: str) -> str:
        sign = self._take("compare")
        if sign not in allowed:
            raise FilterError(f"operator {sign!r} is not valid for this field; allowed: {' '.join(allowed)}")
        return sign

    def _string(self) -> str:
        return self._unquoted(self._take("quoted"))

    @staticmethod
    def _unquoted(token: str) -> str:
        if token[0] not in "\"'":
            return token
        return re.sub(r"\\(.)", r"\1", token[1:-1])
