"""The names of datasets, and what a task reports about the datasets that it has read and written.

Assets, hook lineage and OpenLineage get their names from here, so a dataset has the same name everywhere.
Airflow imports this module while it parses DAG files. So these classes are structs of ``msgspec``, which
Airflow has imported already: Python takes a millisecond to make a frozen dataclass.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import SplitResult, quote, unquote, urlsplit

from msgspec import Struct, field

from airflow_provider_dataops.core.paths import local_path
from airflow_provider_dataops.errors import InvalidArgumentError

#: The facts about a dataset have at most this many bytes as JSON. Airflow stores them with each asset event.
MAX_FACTS = 2000


class Dataset(Struct, frozen=True, kw_only=True):
    """A dataset or a file that a task reads or writes.

    :param namespace: scheme, host and further ids of the system that contains the dataset.
    :param name: the name within the namespace. It contains the ids as the platform writes them.
    :param uri: the URI of the asset. It contains the ids percent-encoded.
    :param kind: the platform's word for the dataset: ``dataset``, ``source``; or ``file``.
    :param id: the platform's id of the dataset; the path or URL of a file.
    :param version: the number of the version; ``None`` if it is not known.
    :param size: the size in bytes; ``None`` if it is not known.
    :param url: the URL of a page about the dataset; empty if there is none.
    """

    namespace: str
    name: str
    uri: str
    kind: str
    id: str
    version: int | None = None
    size: int | None = None
    url: str = ""


class ExternalRun(Struct, frozen=True, kw_only=True):
    """A run at the platform.

    :param namespace: the namespace of the datasets of this run.
    :param state: the state in this provider's words.
    :param url: the link to the run.
    :param reattached: whether an earlier try of the task started the run.
    """

    namespace: str
    run_id: str
    state: str
    url: str
    reattached: bool


class Lineage(Struct, frozen=True, kw_only=True):
    """What a task has read and written.

    :param platform: the name of the platform.
    :param facts: further facts about the run, by name.
    :param run: the run at the platform; ``None`` if the task has no run.
    """

    platform: str = ""
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    run: ExternalRun | None = None

    def facts_about(self, dataset: Dataset | None) -> dict[str, Any]:
        """Return what an asset event contains about a dataset and the run that wrote it.

        If the facts have more than :data:`MAX_FACTS` bytes, the longest texts are left out.

        :param dataset: the dataset; ``None`` returns only the facts about the run.
        """
        facts: dict[str, Any] = {"platform": self.platform}
        if self.run is not None:
            facts |= {"run_id": self.run.run_id, "state": self.run.state, "url": self.run.url}
        facts |= self.facts
        if dataset is not None:
            own = {name: getattr(dataset, name) for name in ("kind", "id", "version", "size", "url")}
            facts |= {name: value for name, value in own.items() if value not in (None, "")}
        facts = {name: value for name, value in facts.items() if value not in (None, "")}
        while len(json.dumps(facts)) > MAX_FACTS:
            del facts[max(facts, key=lambda name: len(json.dumps(facts[name])))]
        return facts

    def output_for(self, uri: str) -> Dataset | None:
        """Return the output that an asset with this URI stands for; ``None`` if there is no such output.

        An asset of another system, such as a table that the platform fills, stands for the only output.
        """
        for output in self.outputs:
            if output.uri == uri:
                return output
        if len(self.outputs) == 1 and urlsplit(uri).scheme != urlsplit(self.outputs[0].uri).scheme:
            return self.outputs[0]
        return None


class Names(Struct, frozen=True):
    """The names of the datasets of one platform.

    In ``paths`` and in ``scope``, words in upper case stand for ids. The last word is the kind of dataset.

    :param scheme: the scheme of the URIs.
    :param scope: the ids that follow the host, separated by slashes: ``ACCOUNT/ENVIRONMENT``. May be empty.
    :param paths: the allowed names: ``pipeline/PIPELINE/output/OUTPUT``.
    """

    scheme: str
    scope: str
    paths: tuple[str, ...]

    def namespace(self, host: str, *ids: str) -> str:
        """Return the namespace of the datasets on a host.

        :param host: the host, with the port if it is not the usual one; or the base URL of the API.
        :param ids: the ids of ``scope``.
        """
        return "/".join([f"{self.scheme}://{authority(host)}", *map(_encoded, ids)])

    def dataset(self, namespace: str, *path: str, **facts: Any) -> Dataset:
        """Return a dataset.

        :param path: the parts of the name, each as the platform writes it.
        :param facts: ``version``, ``size`` and ``url``, as far as they are known.
        :raises InvalidArgumentError: if an id is empty or not a text.
        """
        kind = next((form[-1] for form in map(_parts, self.paths) if _fits(path, form)), None)
        if kind is None:
            raise InvalidArgumentError(
                f"a name must be {self._choices}, and no id may be empty; given: {path!r}"
            )
        uri = "/".join([namespace, *map(_encoded, path)])
        kind = kind.lower().replace("_", "-")
        return Dataset(namespace=namespace, name="/".join(path), uri=uri, kind=kind, id=path[-1], **facts)

    def parse(self, uri: SplitResult) -> Dataset:
        """Return the dataset of a URI. The host is converted to lower case, ids to one percent-encoding.

        :raises InvalidArgumentError: if the URI is not allowed. The message does not contain a user or a
            password.
        """
        if "@" in uri.netloc:
            self._refuse("it must not contain a user or a password")
        if uri.query or uri.fragment:
            self._refuse("it must not contain a query or a fragment; encode '?' as %3F and '#' as %23")
        try:
            host = authority(uri.netloc)
            parts = [unquote(part, errors="strict") for part in uri.path.split("/")[1:]]
        except ValueError:
            self._refuse(f"the host or an id is not valid; given: {uri.netloc}{uri.path}")
        length = len(_parts(self.scope))
        scope, path = parts[:length], parts[length:]
        if not all(map(_is_id, scope)) or not any(_fits(path, _parts(form)) for form in self.paths):
            self._refuse(f"given: {uri.netloc}{uri.path}")
        return self.dataset(self.namespace(host, *scope), *path)

    @property
    def _choices(self) -> str:
        return " or ".join(self.paths)

    def _refuse(self, fault: str) -> NoReturn:
        start = "/".join(filter(None, [f"{self.scheme}://HOST[:PORT]", self.scope]))
        raise InvalidArgumentError(f"a URI must be {start}/ and then {self._choices}; {fault}")


def authority(host: str) -> str:
    """Return the host and the port of a URL or a host, with the host in lower case.

    The usual port of ``http`` and ``https`` is left out.

    :raises InvalidArgumentError: if there is no host, or if there is a user or a password before it.
    """
    try:
        parts = urlsplit(host if "://" in host else f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        name = port = None
    if not name or not name.isprintable() or " " in name or "@" in parts.netloc:
        # The message does not contain the value, because the value may contain a password.
        raise InvalidArgumentError("host must be a host name with an optional port, without a user")
    if port == {"https": 443, "http": 80}.get(parts.scheme):
        port = None
    name = f"[{name}]" if ":" in name else name
    return name if port is None else f"{name}:{port}"


def file_dataset(where: str, size: int | None = None) -> Dataset:
    """Return the dataset for a file.

    The name of a local file is its absolute path. The namespace of an object store is the bucket. Users,
    passwords and the query of an ``http`` URL are left out, because they may contain credentials.

    :param where: a path, or a URL of an object store.
    :param size: the size in bytes; ``None`` if it is not known.
    """
    local = local_path(where)
    if local is not None:
        path = "/" + os.path.abspath(local).lstrip("/")
        return Dataset(
            namespace="file", name=path, uri=f"file://{_readable(path)}", kind="file", id=path, size=size
        )
    scheme, _, rest = where.partition("://")
    bucket, _, key = rest.partition("/")
    scheme = scheme.lower()
    if scheme in ("http", "https"):
        key = key.partition("?")[0].partition("#")[0]
    namespace = f"{scheme}://{bucket.rpartition('@')[2]}"
    key = key.lstrip("/")
    uri = f"{namespace}/{_readable(key)}"
    return Dataset(namespace=namespace, name=key, uri=uri, kind="file", id=f"{namespace}/{key}", size=size)


def distinct(datasets: list[Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets without repeated ones. The first one with a URI stays."""
    by_uri: dict[str, Dataset] = {}
    for one in datasets:
        by_uri.setdefault(one.uri, one)
    return tuple(by_uri.values())


def _parts(form: str) -> list[str]:
    return form.split("/") if form else []


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _fits(path: Any, form: list[str]) -> bool:
    """Return whether the parts of a name have the form of a path."""
    return len(path) == len(form) and all(
        _is_id(part) if word.isupper() else part == word for part, word in zip(path, form, strict=True)
    )


def _encoded(part: str) -> str:
    return quote(part, safe="", errors="replace")


def _readable(path: str) -> str:
    """Return a file's path for a URI. Airflow's converters for files and object stores decode nothing."""
    return path.replace("?", "%3F").replace("#", "%23")
