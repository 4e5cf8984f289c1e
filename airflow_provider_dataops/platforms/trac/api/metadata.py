"""The metadata service: objects, their tags, searches, and batches of changes."""

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
from airflow_provider_dataops.platforms.trac.model.objects import BatchResult, SearchResult, Tag, TagHeader
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

T = TypeVar("T")

#: How often a tag is written that others keep changing.
TAG_ATTEMPTS = 6
_TAG_PAUSE = 0.25


class MetadataCalls(Gateway):
    """What the metadata service can do."""

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
        """Return several objects in the order of their selectors; one that cannot be read fails all.

        The platform's own batch call answers 503 over REST, whatever it is sent, and its only other way in
        takes the platform's compiled protobuf classes. So the objects are read one by one. Selectors of the
        latest version may therefore show objects as they were at slightly different times.
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
        """Return a version of an object with a version of its tag, the latest for either that is ``None``."""
        target = Selector.of(
            {
                "objectType": object_type,
                "objectId": object_id,
                "objectVersion": object_version,
                "tagVersion": tag_version,
            },
            "get_object",
        )
        if target.tag_version is not None and not target.is_fixed:
            raise InvalidArgumentError(
                "tag_version counts within an object version; give object_version, too"
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
        """Return the objects of a type that an expression finds, without definitions, the newest tag first.

        At most 100 are returned, and the platform does not report whether there are more: the result's
        ``possibly_more`` is true then, and the hook logs a warning.

        :param search: a term: ``["region", "IN", ["UK", "IE"]]``, ``["withdrawn", "EXISTS"]``, or with the
            attribute's type ``["business_date", ">=", "2026-02-01", "DATE"]``; or terms combined:
            ``{"all": [...]}``, ``{"any": [...]}``, ``{"not": ...}``. Without one, all objects of the type.
        :param search_as_of: a time in the past, to search the metadata as it was then.
        :param prior_versions: search all versions of each object, not the latest alone.
        :param prior_tags: search all versions of each tag.
        :raises BadRequestError: if a search with ``any`` or ``not`` was cut off: it goes on in the platform's
            database, and a few of them stop the platform. It is not repeated.
        """
        options = {"as_of": search_as_of, "prior_versions": prior_versions, "prior_tags": prior_tags}
        return self._searched(SearchResult.read, object_type, search, tenant, **options)

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
        """Create an object and return its header.

        Each call creates another one, and none is repeated by itself: after an error without an answer,
        search before repeating.

        :param object_type: ``FLOW``, ``CUSTOM`` or ``SCHEMA``; others come from jobs and uploads.
        :param definition: in the platform's JSON: ``{"custom": {"customSchemaType": "acme_checkpoint",
            "customSchemaVersion": 1, "customData": b"..."}}``.
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
        """Make a new version of an object and return its header.

        :param prior_version: a selector with the version that this one follows.
        :raises ConflictError: if there is a newer version by now. Read it, and decide anew: what another has
            written is not written over unseen.
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
        """Change an object's attributes and return the header with the new version of its tag.

        With a selector of the latest tag the tag is read first, and where another writer was faster it is
        read again and the same changes are made to the new one, six times at the most. A selector with a tag
        version is taken at its word.

        :raises ConflictError: if others kept being faster, if the tag that was named is not the newest, or if
            the object is a job that has not ended: its tag belongs to the platform until then.
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
            # Another writer was faster: its tag is read, and the same changes are made to it.
            yield Pause(self._chance() * _TAG_PAUSE * 2**attempt)
            attempt += 1

    def _tag_request(
        self, target: Selector, changes: list[dict[str, Any]], tenant: str
    ) -> Exchange[dict[str, Any]]:
        """Return the request that makes a new version of a tag, as it is now; no changes make one, too."""
        prior = target
        is_job = target.object_type == "JOB"
        if target.tag_version is None or is_job:
            tag = yield from self.read_object(target.with_latest_tag(), tenant=tenant)
            status = tag.attrs.get("trac_job_status")
            if is_job and not state_of(status).is_final:
                raise ConflictError(
                    f"{tag.header.key} is {status}: a job whose tag is changed before its end loses its "
                    "results; give job_attrs when it is submitted, or tag it afterwards",
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
        """Write several things in one transaction: all of them, or nothing.

        :param create_objects: dicts of the arguments of :meth:`create_object`.
        :param update_objects: dicts of the arguments of :meth:`update_object`, each object once.
        :param update_tags: dicts with ``selector``, ``attrs`` and ``tag_updates``, each object version once.
            The latest tags are looked up first; the version that the same batch creates cannot be tagged.
        :raises ConflictError: if something was changed by another meanwhile; nothing was written.
        """
        creates = _each("create_objects", create_objects, create_request)
        updates = _each("update_objects", update_objects, update_request)
        _refuse_twins("update_objects", [update["priorVersion"]["objectId"] for update in updates])
        tags = _each("update_tags", update_tags, _tag_change)
        if not (creates or updates or tags):
            raise InvalidArgumentError(
                "a batch must hold something; create_objects, update_objects, update_tags are empty"
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
        _refuse_twins("update_tags", [Selector.of(request["priorVersion"]).key for request in tagged])
        message = {"createObjects": creates, "updateObjects": updates, "updateTags": tagged}
        operation = f"write a batch of {len(creates) + len(updates) + len(tagged)}"
        message = {name: requests for name, requests in message.items() if requests}
        return (
            yield from self._send(operation, BatchResult.from_json, "meta", tenant, "write-batch", message)
        )


def _of_known_type(exchange: Exchange[T], target: Selector) -> Exchange[T]:
    """Say that a type is unknown. It stands in the path, so the gateway says that there is no such call."""
    try:
        return (yield from exchange)
    except BadRequestError as error:
        if error.status != 404:
            raise
        message = f"TRAC knows no object type {target.object_type}"
        raise error.again_as(BadRequestError, message) from error


def _not_repeated(search: Exchange[T]) -> Exchange[T]:
    """Return what a search finds; if the platform cuts it off, raise an error that is not retried."""
    try:
        return (yield from search)
    except (ServerError, TransportError) as error:
        # A 503 says that the platform is away; it has not begun to search.
        if error.not_sent or error.status == 503:
            raise
        raise error.again_as(
            BadRequestError,
            f"{error.message}; a search with any or not is not repeated, since it goes on in the platform's "
            "database when it is cut off: search for IN or NE instead, or for one term at a time",
        ) from error


def _tag_change(
    selector: object = None, attrs: JsonObject | None = None, tag_updates: TagUpdates | None = None
) -> tuple[Selector, list[dict[str, Any]]]:
    """Return what is to be tagged, and the changes of its attributes.

    :raises InvalidArgumentError: if there are no changes, or another tag is meant than the newest or one by
        its number.
    """
    target = Selector.of(selector)
    if target.tag_as_of is not None:
        raise InvalidArgumentError(
            "selector: only the newest tag can be changed; give tagVersion or latestTag"
        )
    if target.tag_version is not None and not target.is_fixed:
        raise InvalidArgumentError(
            "selector: tagVersion counts within an object version; give objectVersion, too"
        )
    changes = read_updates(attrs, tag_updates)
    if changes is None:
        raise InvalidArgumentError("attrs or tag_updates must be given")
    return target, changes


def _each(name: str, items: object, read: Callable[..., T]) -> list[T]:
    """Read the items of one of a batch's lists.

    :param read: makes a request of an item, whose fields are its arguments.
    :raises InvalidArgumentError: naming the item that is wrong.
    """
    if isinstance(items, str | Mapping) or not isinstance(items, Sequence):
        raise InvalidArgumentError(f"{name} must be a list; given: {items!r}")
    allowed = signature(read).parameters
    requests = []
    for n, item in enumerate(items):
        if not isinstance(item, Mapping) or set(item).difference(allowed):
            raise InvalidArgumentError(f"{name}[{n}] may hold {', '.join(sorted(allowed))}; given: {item!r}")
        try:
            requests.append(read(**item))
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{name}[{n}]: {error}") from error
    return requests


def _refuse_twins(name: str, keys: list[str]) -> None:
    twins = sorted({key for key in keys if keys.count(key) > 1})
    if twins:
        raise InvalidArgumentError(
            f"{name} must not hold anything twice; given more than once: {', '.join(twins)}"
        )
