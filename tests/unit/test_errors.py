"""The tree of error classes that the module's docstring shows."""

from __future__ import annotations

import re

from airflow_provider_dataops import errors

#: Each class in the tree, with its depth.
SHOWN = [
    (len(indent) // 4, name)
    for indent, name in re.findall(r"^ {4}([ │├└─]*)([A-Z]\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
]


def test_the_tree_shows_every_class_below_its_base() -> None:
    classes = {
        name: cls
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, Exception)
    }
    bases: list[str] = []
    for depth, name in SHOWN:
        bases[depth:] = [name]
        if depth:
            assert classes[name].__mro__[1].__name__ == bases[depth - 1]
    assert sorted(name for _, name in SHOWN) == sorted(classes)


def test_the_tree_says_no_retry_for_permanent_errors() -> None:
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^ {4}[ │├└─]+([A-Z]\w+Error) +(.*)", line):
            cls, words = getattr(errors, found[1]), found[2]
            assert (" No retry: " in words) is cls.permanent, line
