"""Several things written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.api.metadata import MetadataCalls, tag_change
from airflow_provider_dataops.platforms.trac.model.objects import BatchResult
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import create_request, update_request

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.trac.model.messages import JsonObject

T = TypeVar("T")


class BatchCalls(MetadataCalls):
    """What the metadata service can do with several objects at a time."""

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
        tags = _each("update_tags", update_tags, tag_change)
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
