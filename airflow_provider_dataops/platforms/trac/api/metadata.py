"""The calls to TRAC's metadata service: objects, their tags, searches, and batches of changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.errors import (
    BadRequestError,
    ConflictError,
    InvalidArgumentError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.platforms.trac.api.gateway import Gateway
from airflow_provider_dataops.platforms.trac.model.jobs import state_of
from airflow_provider_dataops.platforms.trac.model.names import object_type as checked_type
from airflow_provider_dataops.platforms.trac.model.objects import (
    BatchResult,
    SearchResult,
    Tag,
    TagHeader,
    read_found,
)
from airflow_provider_dataops.platforms.trac.model.search import is_flat, search_parameters
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import (
    TagUpdates,
    create_request,
    read_updates,
    update_request,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import Listed

T = TypeVar("T")

#: The maximum number of attempts to change a tag. An attempt fails if another writer changes the tag first.
TAG_ATTEMPTS = 6
#: The pause after attempt n has a random length. The longest pause is ``_TAG_PAUSE * 2**n`` seconds.
_TAG_PAUSE = 0.25


class MetadataCalls(Gateway):
    """The calls to the metadata service: read, search and write objects and their tags."""

    # --- reading ---------------------------------------------------------------------------------------

    def read_object(self, selector: object, *, tenant: str | None = None) -> Exchange[Tag]:
        """Return an object with its attributes and definition."""
        target = Selector.of(selector)
        return self._send(
            f"read {target}",
            Tag.from_json,
            "meta",
            tenant,
            "read-object",
            target.as_json(),
            repeatable=True,
        )

    def read_batch(self, selectors: Sequence[object], *, tenant: str | None = None) -> Exchange[list[Tag]]:
        """Return several objects in the order of their selectors. If one cannot be read, raise an error.

        TRAC's own batch call always responds 503 over REST. So the objects are read one after the other.
        Between two reads, another writer may create a new version of an object.
        """
        if isinstance(selectors, str | Mapping) or not isinstance(selectors, Sequence):
            raise InvalidArgumentError(f"selectors must be a list; given: {selectors!r}")
        targets = [Selector.of(selector, f"selectors[{n}]") for n, selector in enumerate(selectors)]
        return self._read_all(targets, self.tenant(tenant))

    def _read_all(self, targets: list[Selector], tenant: str) -> Exchange[list[Tag]]:
        tags = []
        for target in targets:
            tags.append((yield from self.read_object(target, tenant=tenant)))
        return tags

    def get_object(
        self,
        object_type: str,
        object_id: str,
        object_version: int | None = None,
        tag_version: int | None = None,
        *,
        tenant: str | None = None,
    ) -> Exchange[Tag]:
        """Return a version of an object with a version of its tag. ``None`` means the latest version."""
        target = Selector.of_arguments(object_type, object_id, object_version, tag_version)
        if target.tag_version is not None and not target.is_fixed:
            raise InvalidArgumentError(
                "tag_version needs object_version, because each object version has tag versions of its own; "
                f"given: tag_version={tag_version!r}"
            )
        version, tag = (str(n or "latest") for n in (target.object_version, target.tag_version))
        path = (target.object_type, target.object_id, "versions", version, "tags", tag)
        return _of_known_type(self._read(f"get {target}", Tag.from_json, "meta", tenant, *path), target)

    def search(
        self,
        object_type: str,
        search: object = None,
        *,
        search_as_of: object = None,
        prior_versions: bool = False,
        prior_tags: bool = False,
        tenant: str | None = None,
    ) -> Exchange[SearchResult]:
        """Return the objects of a type that a search finds, newest tag first, without definitions.

        TRAC returns at most 100 objects, and does not report whether there are more. If it returns 100, the
        result's ``possibly_more`` is true, and the hook logs a warning.

        :param search: a term, such as ``["region", "IN", ["UK", "IE"]]`` or ``["withdrawn", "EXISTS"]``. A
            term may also contain the attribute's type: ``["business_date", ">=", "2026-02-01", "DATE"]``.
            ``{"all": [...]}``, ``{"any": [...]}`` and ``{"not": ...}`` combine terms. By default, the search
            finds all objects of the type.
        :param search_as_of: a time in the past. The search then uses the metadata as it was at that time.
        :param prior_versions: search in all versions of each object, not only in the latest.
        :param prior_tags: search in all versions of each tag.
        :raises BadRequestError: if TRAC aborts a search with ``any`` or ``not``. The search is not repeated,
            because its query keeps running in TRAC's database. A few such queries stop TRAC.
        """
        options = {"as_of": search_as_of, "prior_versions": prior_versions, "prior_tags": prior_tags}
        return self._searched(SearchResult.read, object_type, search, tenant, **options)

    def found(
        self, object_type: str, search: object = None, *, tenant: str | None = None
    ) -> Exchange[Listed[Tag]]:
        """Return what :meth:`search` returns. An unreadable object does not affect the others."""
        return self._searched(lambda reply: read_found(reply, Tag.from_json), object_type, search, tenant)

    def _searched(
        self,
        parse: Callable[[Reply], T],
        object_type: str,
        search: object,
        tenant: str | None,
        **options: Any,
    ) -> Exchange[T]:
        message = search_parameters(object_type, search, now=self._clock(), **options)
        operation, flat = f"search {message['objectType']}", is_flat(message)
        search_once = self._post(operation, parse, "meta", tenant, "search", message, repeatable=flat)
        return search_once if flat else _not_repeated(search_once)

    # --- writing ---------------------------------------------------------------------------------------

    def create_object(
        self,
        object_type: str,
        definition: JsonObject,
        *,
        attrs: JsonObject | None = None,
        tag_updates: TagUpdates | None = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create an object and return its tag header: its id and version.

        Each call creates another object, so a failed request is not repeated. After an error without a
        response, search for the object before you call this again.

        :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``. Jobs and uploads create objects of all
            other types.
        :param definition: the definition in TRAC's JSON: ``{"custom": {"customSchemaType":
            "acme_checkpoint", "customSchemaVersion": 1, "customData": b"..."}}``.
        """
        kind = checked_type(object_type)
        message = create_request(kind, definition, attrs, tag_updates)
        return self._send(f"create {kind}", TagHeader.from_json, "meta", tenant, "create-object", message)

    def update_object(
        self,
        object_type: str,
        definition: JsonObject,
        prior_version: object,
        *,
        attrs: JsonObject | None = None,
        tag_updates: TagUpdates | None = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create a new version of an object and return its tag header: its id and version.

        :param prior_version: a selector with the number of the object's latest version.
        :raises ConflictError: if the object has a newer version. Read that version and decide again, so that
            you do not overwrite the change of another writer.
        """
        kind = checked_type(object_type)
        message = update_request(kind, definition, prior_version, attrs, tag_updates)
        operation = f"update {Selector.of(prior_version)}"
        return self._send(operation, TagHeader.from_json, "meta", tenant, "update-object", message)

    def update_tag(
        self,
        selector: object,
        *,
        attrs: JsonObject | None = None,
        tag_updates: TagUpdates | None = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Change an object's attributes. Return the tag header, which contains the new version of its tag.

        If the selector has no tag version, the latest tag is read first. If another writer changes the tag
        meanwhile, the next attempt makes the same changes to the new tag. There are up to six attempts. If
        the selector has a tag version, there is one attempt.

        :raises ConflictError: if other writers changed the tag during all attempts, or if the selected tag is
            not the newest. Also if the object is an active job: the change would delete the job's results.
        """
        return self._tagged(*_tag_change(selector, attrs, tag_updates), self.tenant(tenant))

    def _tagged(self, target: Selector, changes: list[dict[str, Any]], tenant: str) -> Exchange[TagHeader]:
        attempt = 1
        while True:
            message = yield from self._tag_request(target, changes, tenant)
            operation = f"tag {Selector.of(message['priorVersion'])}"
            try:
                return (
                    yield from self._send(
                        operation, TagHeader.from_json, "meta", tenant, "update-tag", message
                    )
                )
            except ConflictError:
                if target.tag_version is not None or attempt == TAG_ATTEMPTS:
                    raise
            # Another writer changed the tag first. The next attempt reads the new tag, and makes the same
            # changes to it.
            yield Pause(self._chance() * _TAG_PAUSE * 2**attempt)
            attempt += 1

    def _tag_request(
        self, target: Selector, changes: list[dict[str, Any]], tenant: str
    ) -> Exchange[dict[str, Any]]:
        """Return the request that changes the newest tag.

        The request creates a new version of the tag, even if ``changes`` is empty.
        """
        prior = target
        is_job = target.object_type == "JOB"
        if target.tag_version is None or is_job:
            tag = yield from self.read_object(target.with_latest_tag(), tenant=tenant)
            status = tag.attrs.get("trac_job_status")
            if is_job and not state_of(status).is_final:
                raise ConflictError(
                    f"the job {tag.header.key} is {status}. A change of its tag would delete its results. "
                    "Change the tag after the job has ended, or give job_attrs when you submit a job",
                    platform=self.platform,
                    operation=f"tag {target}",
                )
            if target.tag_version is None:
                prior = tag.selector
        return {
            "objectType": prior.object_type,
            "priorVersion": prior.as_json(),
            "tagUpdates": changes,
        }

    def write_batch(
        self,
        *,
        create_objects: Sequence[JsonObject] = (),
        update_objects: Sequence[JsonObject] = (),
        update_tags: Sequence[JsonObject] = (),
        tenant: str | None = None,
    ) -> Exchange[BatchResult]:
        """Write several objects and tags in one transaction: all of them or none.

        :param create_objects: dicts with the arguments of :meth:`create_object`.
        :param update_objects: dicts with the arguments of :meth:`update_object`. Each object must occur only
            once.
        :param update_tags: dicts with ``selector``, ``attrs`` and ``tag_updates``. Each object version
            must occur only once.
            The latest tags are read first. So a batch cannot tag a version that it creates.
        :raises ConflictError: if another writer changed one of the objects or tags. Then nothing is written.
        """
        creates = _each("create_objects", create_objects, create_request)
        updates = _each("update_objects", update_objects, update_request)
        _reject_duplicates("update_objects", [update["priorVersion"]["objectId"] for update in updates])
        tags = _each("update_tags", update_tags, _tag_change)
        if not (creates or updates or tags):
            raise InvalidArgumentError(
                "one of create_objects, update_objects and update_tags must be given; given: none of them"
            )
        return self._written(creates, updates, tags, self.tenant(tenant))

    def _written(
        self,
        creates: list[dict[str, Any]],
        updates: list[dict[str, Any]],
        tags: list[tuple[Selector, list[dict[str, Any]]]],
        tenant: str,
    ) -> Exchange[BatchResult]:
        tagged = []
        for target, changes in tags:
            tagged.append((yield from self._tag_request(target, changes, tenant)))
        _reject_duplicates("update_tags", [Selector.of(request["priorVersion"]).key for request in tagged])
        message = {"createObjects": creates, "updateObjects": updates, "updateTags": tagged}
        operation = f"write a batch of {len(creates) + len(updates) + len(tagged)}"
        message = {name: requests for name, requests in message.items() if requests}
        return (
            yield from self._send(operation, BatchResult.from_json, "meta", tenant, "write-batch", message)
        )


def _of_known_type(exchange: Exchange[T], target: Selector) -> Exchange[T]:
    """Send the request. If TRAC responds 404, raise an error that says that TRAC has no such object type."""
    try:
        return (yield from exchange)
    except BadRequestError as error:
        if error.status != 404:
            raise
        message = f"TRAC has no object_type {target.object_type}"
        raise error.again_as(BadRequestError, message) from error


def _not_repeated(search: Exchange[T]) -> Exchange[T]:
    """Return the result of a search. If TRAC aborts the search, raise an error that causes no retry."""
    try:
        return (yield from search)
    except (ServerError, TransportError) as error:
        # A 503 means that TRAC is not available and has not started the search. So the search may be
        # repeated.
        if error.not_sent or error.status == 503:
            raise
        raise error.again_as(
            BadRequestError,
            f"{error.message}; a search with 'any' or 'not' is not repeated, because its query may keep "
            "running in TRAC's database. Search with IN or NE instead, or make one search for each term",
        ) from error


def _tag_change(
    selector: object = None, attrs: JsonObject | None = None, tag_updates: TagUpdates | None = None
) -> tuple[Selector, list[dict[str, Any]]]:
    """Return the selector of the object to tag, and the changes of its attributes.

    :raises InvalidArgumentError: if there are no changes, or if the selector selects the tag by a time.
    """
    target = Selector.of(selector)
    if target.tag_as_of is not None:
        raise InvalidArgumentError(
            "selector must have tagVersion or latestTag, because only the newest tag can be changed; "
            f"given: tagAsOf {target.tag_as_of.isoformat()}"
        )
    if target.tag_version is not None and not target.is_fixed:
        raise InvalidArgumentError(
            "selector['tagVersion'] needs objectVersion, because each object version has tag versions of its "
            f"own; given: {selector!r}"
        )
    changes = read_updates(attrs, tag_updates)
    if changes is None:
        raise InvalidArgumentError("attrs or tag_updates must be given; given: neither of them")
    return target, changes


def _each(name: str, items: object, read: Callable[..., T]) -> list[T]:
    """Return the requests for the items in one list of a batch.

    :param read: a function that returns the request for an item. Its arguments are the item's fields.
    :raises InvalidArgumentError: if an item is wrong. The message contains its index.
    """
    if isinstance(items, str | Mapping) or not isinstance(items, Sequence):
        raise InvalidArgumentError(f"{name} must be a list; given: {items!r}")
    allowed = signature(read).parameters
    requests = []
    for n, item in enumerate(items):
        if not isinstance(item, Mapping) or set(item).difference(allowed):
            raise InvalidArgumentError(
                f"{name}[{n}] must contain only {', '.join(sorted(allowed))}; given: {item!r}"
            )
        try:
            requests.append(read(**item))
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{name}[{n}]: {error}") from error
    return requests


def _reject_duplicates(name: str, keys: list[str]) -> None:
    duplicates = sorted({key for key in keys if keys.count(key) > 1})
    if duplicates:
        raise InvalidArgumentError(
            f"{name} must contain each object only once; given several times: {', '.join(duplicates)}"
        )
