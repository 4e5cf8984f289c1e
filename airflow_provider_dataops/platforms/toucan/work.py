"""What a small app can be asked to do: lists of operations, and partial runs by selectors.

Facts: the vendor's guide "Advanced: update with confidence". Nothing here speaks HTTP, so that operators may
check their arguments with it while DAG files are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_dataops.core.arguments import (
    require_boolean,
    require_choice,
    require_text,
    require_texts,
)
from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from typing import Unpack

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


class DomainSelector(TypedDict, total=False):
    """Chooses output domains: those that **any** of the keys names, a union.

    With none of them the platform presumably takes all; an empty list is refused. ``input_domains`` chooses
    the output domains that contain any of these, ``functions`` those with one of these as entry point.
    ``extra_selector`` holds further keys of the request's body, for backends that name theirs differently.
    """

    input_domains: Sequence[str] | None
    functions: Sequence[str] | None
    output_domains: Sequence[str] | None
    extra_selector: Mapping[str, Any] | None


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
    names = list(FULL_REFRESH) if operations is None else require_texts("operations", operations)
    body: dict[str, Any] = {}
    if origin is not None:
        require_text(origin=origin)
        body["origin"] = origin
    body["operations"] = names
    if output_domains is not None:
        body["output_domains"] = require_texts("output_domains", output_domains)
    title = f"run operations ({', '.join(names)})"
    return Work(title=title, path="operations", query=stage_query(stage), body=body, stage=stage)


def preprocess(
    *, stage: str | None = STAGING, asynchronous: bool | None = None, **selector: Unpack[DomainSelector]
) -> Work:
    """Return a preprocess of some output domains.

    :param asynchronous: sent as ``async``; left out if ``None``.
    :param selector: which ones, as :class:`DomainSelector` describes.
    :raises InvalidArgumentError: for anything that is not as described.
    """
    body = _selector_body(**selector)
    if asynchronous is not None:
        body["async"] = require_boolean("asynchronous", asynchronous)
    return Work(
        title="preprocess",
        path="data/preprocess",
        query=stage_query(stage),
        body=body,
        stage=stage,
        read_timeout=SYNCHRONOUS_READ_TIMEOUT,
    )


def populate(
    *, stage: str | None = STAGING, release: bool = False, **selector: Unpack[DomainSelector]
) -> Work:
    """Return a populate of some output domains.

    :param release: publish to production as well; the platform may tell the app's users of it by email.
    :param selector: which ones, as :class:`DomainSelector` describes.
    :raises InvalidArgumentError: for anything that is not as described.
    """
    # The flag has no value: "release=" would be another parameter.
    parts = (stage_query(stage), "release" if require_boolean("release", release) else "")
    return Work(
        title="populate and release" if release else "populate",
        path="populate",
        query="&".join(filter(None, parts)),
        body=_selector_body(**selector),
        stage=stage,
        read_timeout=SYNCHRONOUS_READ_TIMEOUT,
    )


def unknown_operations(operations: Sequence[str] | None) -> list[str]:
    """Return the names that the vendor's documents and clients do not show."""
    return [name for name in operations or () if name not in KNOWN_OPERATIONS]


def check_stage(stage: object) -> None:
    """Refuse what is neither ``staging`` nor ``None``.

    :raises InvalidArgumentError: with the value.
    """
    require_choice("stage", stage, (STAGING, None))


def stage_query(stage: str | None) -> str:
    """Return a stage as a query; empty for ``None``.

    :raises InvalidArgumentError: if it is neither ``staging`` nor ``None``.
    """
    check_stage(stage)
    return f"stage={stage}" if stage else ""


def check_upload(filename: object, validation: object, stage: object, upload_mode: object) -> None:
    """Refuse arguments of an upload that the platform would not take.

    :param filename: ``None`` where each file's own name is taken.
    :raises InvalidArgumentError: naming the argument, its value and what is allowed.
    """
    if filename is not None:
        require_text(filename=filename)
    require_boolean("validation", validation)
    check_stage(stage)
    require_choice("upload_mode", upload_mode, (PLAIN, DROPZONE))


def _selector_body(
    *,
    input_domains: object = None,
    functions: object = None,
    output_domains: object = None,
    extra_selector: Any = None,
) -> dict[str, Any]:
    domains = {"input_domains": input_domains, "functions": functions, "output_domains": output_domains}
    # An empty list is refused, not sent: it may well mean everything to the platform.
    body: dict[str, Any] = {name: require_texts(name, v) for name, v in domains.items() if v is not None}
    if extra_selector is None:
        return body
    reserved = {*domains, "async"}
    if not isinstance(extra_selector, Mapping) or not all(
        isinstance(key, str) and key not in reserved for key in extra_selector
    ):
        raise InvalidArgumentError(
            f"extra_selector must be a mapping of keys beside {', '.join(sorted(reserved))}; "
            f"given: {extra_selector!r}"
        )
    try:
        json.dumps(extra_selector, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"extra_selector must be JSON ({error}); given: {extra_selector!r}"
        ) from None
    return body | dict(extra_selector)
