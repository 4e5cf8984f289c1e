"""Build the requests that start work on a small app: operations, preprocess and populate.

Source: the vendor's guide "Advanced: update with confidence". This module imports no HTTP modules. So
operators can use it to validate their arguments while Airflow parses DAG files.
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

#: All operations of the vendor's guide, in the guide's order: rebuild the data in staging, then publish it.
FULL_REFRESH = (
    "preprocess_data_sources",
    "populate_basemaps",
    "populate_reports",
    "populate_dashboards",
    "release",
)
#: All operations that the vendor's documents and clients show. A backend may have more.
KNOWN_OPERATIONS = frozenset({*FULL_REFRESH, "populate_permissions", "release_design"})

STAGING = "staging"
PLAIN, DROPZONE = "plain", "dropzone"

#: The read timeout of a preprocess or populate, in seconds. Some backends respond only after the work.
SYNCHRONOUS_READ_TIMEOUT = 900.0


class DomainSelector(TypedDict, total=False):
    """Selects output domains. A domain is selected if **any** of the keys selects it.

    Without any key, the platform presumably selects all domains. An empty list is an error.

    * ``input_domains`` selects the output domains that contain one of these input domains;
    * ``functions`` selects the output domains that have one of these functions as their entry point;
    * ``output_domains`` selects these output domains;
    * ``extra_selector`` contains further fields of the request's body, for backends that use other names.
    """

    input_domains: Sequence[str] | None
    functions: Sequence[str] | None
    output_domains: Sequence[str] | None
    extra_selector: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Work:
    """A request that starts work on a small app.

    :param title: what the work is, for errors and logs.
    :param path: the part of the URL's path after the small app.
    :param query: the encoded query of the URL.
    :param body: the body, sent as JSON.
    :param stage: ``staging``, or ``None`` for production.
    :param read_timeout: the read timeout in seconds; ``None`` uses the connection's read timeout.
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
    """Return the request that runs operations in order. The backend returns one id for all of them.

    :param operations: the names of the operations; ``None`` runs :data:`FULL_REFRESH`.
    :param stage: ``staging``, or ``None`` for production.
    :param origin: the value of ``origin`` in the body; ``None`` leaves it out.
    :param output_domains: run the operations for these output domains only.
    :raises InvalidArgumentError: if an argument is invalid.
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
    """Return the request that preprocesses some output domains.

    :param stage: ``staging``, or ``None`` for production.
    :param asynchronous: the value of ``async`` in the body; ``None`` leaves it out.
    :param selector: selects the output domains; see :class:`DomainSelector`.
    :raises InvalidArgumentError: if an argument is invalid.
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
    """Return the request that populates some output domains.

    :param stage: ``staging``, or ``None`` for production.
    :param release: also publish to production. The platform may send an email to the users of the app.
    :param selector: selects the output domains; see :class:`DomainSelector`.
    :raises InvalidArgumentError: if an argument is invalid.
    """
    # In the guide, the parameter "release" has no value and no "=".
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
    """Return the operations that are not in :data:`KNOWN_OPERATIONS`."""
    return [name for name in operations or () if name not in KNOWN_OPERATIONS]


def check_stage(stage: object) -> None:
    """Check that a stage is ``staging`` or ``None``.

    :raises InvalidArgumentError: if the stage has any other value.
    """
    require_choice("stage", stage, (STAGING, None))


def stage_query(stage: str | None) -> str:
    """Return the query parameter for a stage; empty for ``None``.

    :raises InvalidArgumentError: if the stage is neither ``staging`` nor ``None``.
    """
    check_stage(stage)
    return f"stage={stage}" if stage else ""


def check_upload(filename: object, validation: object, stage: object, upload_mode: object) -> None:
    """Check that the arguments of an upload are valid.

    :param filename: the name of the data source; ``None`` if each file is uploaded under its own name.
    :raises InvalidArgumentError: with the argument's name, its value and what is allowed.
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
    # An empty list is an error, because the platform may select all domains for it.
    body: dict[str, Any] = {name: require_texts(name, v) for name, v in domains.items() if v is not None}
    if extra_selector is None:
        return body
    reserved = {*domains, "async"}
    if not isinstance(extra_selector, Mapping) or not all(
        isinstance(key, str) and key not in reserved for key in extra_selector
    ):
        raise InvalidArgumentError(
            f"extra_selector must be a mapping without the keys {', '.join(sorted(reserved))}; "
            f"given: {extra_selector!r}"
        )
    try:
        json.dumps(extra_selector, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"extra_selector must be JSON ({error}); given: {extra_selector!r}"
        ) from None
    return body | dict(extra_selector)
