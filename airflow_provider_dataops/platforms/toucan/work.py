"""What a small app can be asked to do: lists of operations, and partial runs by selectors.

Facts: the vendor's guide "Advanced: update with confidence". Nothing here speaks HTTP, so that operators may
check their arguments with it while DAG files are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_dataops.errors import InvalidArgumentError

#: The whole chain of the vendor's guide, in its order: rebuild the data in staging, then publish it.
FULL_REFRESH = (
    "preprocess_data_sources",
    "populate_basemaps",
    "populate_reports",
    "populate_dashboards",
    "release",
)
#: All names that are known; a backend may know more.
KNOWN_OPERATIONS = frozenset({*FULL_REFRESH, "populate_permissions", "release_design"})

STAGING = "staging"
PLAIN, DROPZONE = "plain", "dropzone"

#: A partial run may be answered when it has ended, and not before, in seconds.
SYNCHRONOUS_READ_TIMEOUT = 900.0

_SELECTORS = ("input_domains", "functions", "output_domains")


@dataclass(frozen=True, kw_only=True)
class Work:
    """One thing a small app is asked to do.

    :param title: what it is, for errors and logs.
    :param path: below the small app.
    :param query: exactly as it stands in the URL.
    :param body: what is sent as JSON.
    :param stage: ``staging``, or ``None`` for production.
    :param read_timeout: seconds of silence to bear; ``None`` takes the connection's.
    """

    title: str
    path: str
    query: str
    body: Mapping[str, Any]
    stage: str | None
    read_timeout: float | None = None


def run_operations(
    operations: Sequence[str] | None = None,
    *,
    stage: str | None = STAGING,
    origin: str | None = "autofeed",
    output_domains: Sequence[str] | None = None,
) -> Work:
    """Return a run of named operations, in order, under one id.

    :param operations: :data:`FULL_REFRESH` if ``None``.
    :param origin: left out if ``None``.
    :raises InvalidArgumentError: for anything that is not as described.
    """
    names = list(FULL_REFRESH) if operations is None else _texts("operations", operations)
    body: dict[str, Any] = {}
    if origin is not None:
        body["origin"] = _text("origin", origin)
    body["operations"] = names
    if output_domains is not None:
        body["output_domains"] = _texts("output_domains", output_domains)
    return Work(
        title=f"run operations ({', '.join(names)})",
        path="operations",
        query=_query(stage),
        body=body,
        stage=stage,
    )


def preprocess(
    *,
    input_domains: Sequence[str] | None = None,
    functions: Sequence[str] | None = None,
    output_domains: Sequence[str] | None = None,
    extra_selector: Mapping[str, Any] | None = None,
    stage: str | None = STAGING,
    asynchronous: bool | None = None,
) -> Work:
    """Return a preprocess of some output domains: those that **any** of the selectors names, a union.

    :param asynchronous: sent as ``async``; left out if ``None``.
    :raises InvalidArgumentError: for anything that is not as described.
    """
    body = _selector(input_domains, functions, output_domains, extra_selector)
    if asynchronous is not None:
        if not isinstance(asynchronous, bool):
            raise InvalidArgumentError(f"asynchronous must be True, False or None; given: {asynchronous!r}")
        body["async"] = asynchronous
    return Work(
        title="preprocess",
        path="data/preprocess",
        query=_query(stage),
        body=body,
        stage=stage,
        read_timeout=SYNCHRONOUS_READ_TIMEOUT,
    )


def populate(
    *,
    input_domains: Sequence[str] | None = None,
    functions: Sequence[str] | None = None,
    output_domains: Sequence[str] | None = None,
    extra_selector: Mapping[str, Any] | None = None,
    stage: str | None = STAGING,
    release: bool = False,
) -> Work:
    """Return a populate of some output domains: those that **any** of the selectors names, a union.

    :param release: publish to production as well; the platform may tell the app's users of it by email.
    :raises InvalidArgumentError: for anything that is not as described.
    """
    if not isinstance(release, bool):
        raise InvalidArgumentError(f"release must be True or False; given: {release!r}")
    # The flag has no value: "release=" would be another parameter.
    query = "&".join(part for part in (_query(stage), "release" if release else "") if part)
    return Work(
        title="populate and release" if release else "populate",
        path="populate",
        query=query,
        body=_selector(input_domains, functions, output_domains, extra_selector),
        stage=stage,
        read_timeout=SYNCHRONOUS_READ_TIMEOUT,
    )


def unknown_operations(operations: Sequence[str] | None) -> list[str]:
    """Return the names that the vendor's documents and clients do not show."""
    return [name for name in operations or () if name not in KNOWN_OPERATIONS]


def check_stage(stage: object) -> None:
    """Refuse what is neither ``staging`` nor ``None``.

    :raises InvalidArgumentError: telling what was given.
    """
    if stage is not None and stage != STAGING:
        raise InvalidArgumentError(f"stage must be {STAGING!r} or None; given: {stage!r}")


def check_upload(filename: object, validation: object, stage: object, upload_mode: object) -> None:
    """Refuse arguments of an upload that make no sense.

    :param filename: ``None`` where each file's own name is taken.
    :raises InvalidArgumentError: naming the argument, what was given and what is allowed.
    """
    if filename is not None:
        _text("filename", filename)
    if not isinstance(validation, bool):
        raise InvalidArgumentError(f"validation must be True or False; given: {validation!r}")
    check_stage(stage)
    if upload_mode not in (PLAIN, DROPZONE):
        raise InvalidArgumentError(f"upload_mode must be {PLAIN!r} or {DROPZONE!r}; given: {upload_mode!r}")


def _query(stage: str | None) -> str:
    check_stage(stage)
    return f"stage={stage}" if stage else ""


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgumentError(f"{name} must be a non-empty text; given: {value!r}")
    return value


def _texts(name: str, value: Any) -> list[str]:
    # A text is a sequence of letters, which nobody means.
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not listed or not value or not all(isinstance(item, str) and item.strip() for item in value):
        raise InvalidArgumentError(f"{name} must be a list of non-empty texts, not empty; given: {value!r}")
    return list(value)


def _selector(
    input_domains: Sequence[str] | None,
    functions: Sequence[str] | None,
    output_domains: Sequence[str] | None,
    extra: Any,
) -> dict[str, Any]:
    # An empty list is refused, not sent: it may well mean everything to the platform.
    given = dict(zip(_SELECTORS, (input_domains, functions, output_domains), strict=True))
    body: dict[str, Any] = {name: _texts(name, v) for name, v in given.items() if v is not None}
    if extra is None:
        return body
    reserved = {*_SELECTORS, "async"}
    if not isinstance(extra, Mapping) or not all(isinstance(k, str) and k not in reserved for k in extra):
        raise InvalidArgumentError(
            f"extra_selector must be a mapping of keys beside {', '.join(sorted(reserved))}; given: {extra!r}"
        )
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"extra_selector must be JSON ({error}); given: {extra!r}") from None
    return body | dict(extra)
