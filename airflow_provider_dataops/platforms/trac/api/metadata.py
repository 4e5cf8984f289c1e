"""The metadata service: objects, their tags, searches; and the configuration, which tells of resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.http import Exchange, Pause, Reply
from airflow_provider_dataops.errors import (
    BadRequestError,
    ConflictError,
    ConnectionSettingsError,
    InvalidArgumentError,
)
from airflow_provider_dataops.platforms.trac.api.gateway import Gateway
from airflow_provider_dataops.platforms.trac.model.names import object_type as checked_type
from airflow_provider_dataops.platforms.trac.model.objects import (
    BatchResult,
    ConfigEntry,
    PlatformInfo,
    Resource,
    SearchResult,
    Tag,
    TagHeader,
    Tenant,
)
from airflow_provider_dataops.platforms.trac.model.search import search_parameters
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.states import is_ended
from airflow_provider_dataops.platforms.trac.model.updates import (
    create_request,
    tag_request,
    tag_updates,
    update_request,
)

T = TypeVar("T")

#: How often a tag is written that others keep changing.
TAG_ATTEMPTS = 6
_TAG_PAUSE = 0.25

RESOURCES = "trac_resources"


class MetadataCalls(Gateway):
    """What the metadata service can do. Each call is an exchange; arguments are checked before it begins."""

    def platform_info(self) -> Exchange[PlatformInfo]:
        """Return what the platform says of itself."""
        return self._get(
            "meta",
            "trac",
            "platform-info",
            operation="get platform info",
            parse=lambda reply: PlatformInfo.from_json(reply.json()),
        )

    def list_tenants(self) -> Exchange[list[Tenant]]:
        """Return the tenants that we may use."""
        return self._get(
            "meta",
            "trac",
            "list-tenants",
            operation="list tenants",
            parse=lambda reply: [Tenant.from_json(told) for told in reply.json().get("tenants") or []],
        )

    def test(self) -> Exchange[str]:
        """Ask for the tenants, which needs whatever the gateway needs."""
        tenants = yield from self.list_tenants()
        if not self._tenant:
            return "the gateway answers; no tenant is set in the connection"
        if self._tenant not in {tenant.code for tenant in tenants}:
            raise ConnectionSettingsError(
                f"connection {self.settings.conn_id!r}: the gateway does not list the tenant {self._tenant!r}"
            )
        return "the gateway answers, and the tenant is there"

    def list_resources(self, resource_type: str, *, tenant: str | None = None) -> Exchange[list[Resource]]:
        """Return a tenant's repositories or storages; platforms up to 0.8 only."""
        kind = checked_type(resource_type, "resource_type")
        return self._of_old(
            self._get(
                "meta",
                self.tenant(tenant),
                "list-resources",
                kind,
                operation=f"list resources of type {kind}",
                parse=lambda reply: [
                    Resource.from_json(told) for told in reply.json().get("resources") or []
                ],
            )
        )

    def resource_info(
        self, resource_type: str, resource_key: str, *, tenant: str | None = None
    ) -> Exchange[Resource]:
        """Return one repository or storage of a tenant; platforms up to 0.8 only."""
        require_text(resource_key=resource_key)
        kind = checked_type(resource_type, "resource_type")
        return self._of_old(
            self._get(
                "meta",
                self.tenant(tenant),
                "resource-info",
                kind,
                resource_key,
                operation=f"get resource {resource_key}",
                parse=lambda reply: Resource.from_json(reply.json()),
            )
        )

    def _of_old(self, exchange: Exchange[T]) -> Exchange[T]:
        """Say what to do where a platform no longer has a call."""
        try:
            return (yield from exchange)
        except BadRequestError as error:
            if error.status != 404:
                raise
            raise BadRequestError(
                "TRAC has had no such call since 0.9; list_config_entries lists resources there, but not "
                "those of the tenant's configuration file",
                **error.context,
            ) from error

    def list_config_entries(
        self,
        config_class: str = RESOURCES,
        *,
        resource_type: str | None = None,
        include_deleted: bool = False,
        tenant: str | None = None,
    ) -> Exchange[list[ConfigEntry]]:
        """Return entries of a tenant's configuration; platforms from 0.8 on."""
        require_text(config_class=config_class)
        body: dict[str, Any] = {"configClass": config_class}
        if resource_type is not None:
            body["resourceType"] = checked_type(resource_type, "resource_type")
        if include_deleted:
            body["includeDeleted"] = True
        return self._post(
            "admin",
            self.tenant(tenant),
            "list-config-entries",
            body=body,
            operation=f"list {config_class} entries",
            parse=lambda reply: [ConfigEntry.from_json(told) for told in reply.json().get("entries") or []],
            repeatable=True,
        )

    # --- reading ---------------------------------------------------------------------------------------

    def read_object(self, selector: object, *, tenant: str | None = None) -> Exchange[Tag]:
        """Return the object that a selector points at, with its definition."""
        target = Selector.of(selector)
        return self._post(
            "meta",
            self.tenant(tenant),
            "read-object",
            body=target.as_json(),
            operation=f"read {target}",
            parse=_read_tag,
            repeatable=True,
        )

    def read_batch(self, selectors: Sequence[object], *, tenant: str | None = None) -> Exchange[list[Tag]]:
        """Return several objects in the order of their selectors, or fail as a whole.

        They are read one by one: the gateway answers every ``read-batch`` over REST with 503, whatever it is
        sent, and its only other way in takes the platform's compiled protobuf classes. So this is no
        snapshot: between the first and the last read an object may get a new version, which selectors without
        a fixed version would show.
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
        """Return a version of an object with a version of its tag; the latest where none is given."""
        told: dict[str, Any] = {
            "objectType": object_type,
            "objectId": object_id,
            "objectVersion": object_version,
            "tagVersion": tag_version,
        }
        target = Selector.of(told, "get_object")
        if target.tag_version is not None and not target.is_fixed:
            raise InvalidArgumentError(
                "tag_version counts within an object version; give object_version, too"
            )
        version = "latest" if target.object_version is None else str(target.object_version)
        tag = "latest" if target.tag_version is None else str(target.tag_version)
        return self._get(
            "meta",
            self.tenant(tenant),
            target.object_type,
            target.object_id,
            "versions",
            version,
            "tags",
            tag,
            operation=f"get {target}",
            parse=_read_tag,
        )

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
        """Return the objects of a type that an expression finds, at most 100, the newest tag first."""
        body = search_parameters(
            object_type,
            search,
            as_of=search_as_of,
            prior_versions=prior_versions,
            prior_tags=prior_tags,
            now=self._clock(),
        )
        return self._post(
            "meta",
            self.tenant(tenant),
            "search",
            body=body,
            operation=f"search {body['objectType']}",
            parse=lambda reply: SearchResult(
                tuple(Tag.from_json(told) for told in reply.json().get("searchResult") or [])
            ),
            repeatable=True,
        )

    # --- writing ---------------------------------------------------------------------------------------

    def create_object(
        self,
        object_type: str,
        definition: Mapping[str, Any],
        *,
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Create an object. Never repeated by itself: each call creates another one."""
        kind = checked_type(object_type)
        return self._post(
            "meta",
            self.tenant(tenant),
            "create-object",
            body=create_request(kind, definition, attrs, tag_updates),
            operation=f"create {kind}",
            parse=read_header,
        )

    def update_object(
        self,
        object_type: str,
        definition: Mapping[str, Any],
        prior_version: object,
        *,
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Make a new version of an object.

        :raises ConflictError: if the prior version is no longer the latest.
        """
        kind = checked_type(object_type)
        body = update_request(kind, definition, prior_version, attrs, tag_updates)
        return self._post(
            "meta",
            self.tenant(tenant),
            "update-object",
            body=body,
            operation=f"update {Selector.of(prior_version)}",
            parse=read_header,
        )

    def update_tag(
        self,
        selector: object,
        *,
        attrs: Mapping[str, Any] | None = None,
        tag_updates: Sequence[Mapping[str, Any]] | None = None,
        tenant: str | None = None,
    ) -> Exchange[TagHeader]:
        """Change an object's attributes; see :meth:`TracHook.update_tag`."""
        target = _taggable(selector, "selector")
        changes = _changes(attrs, tag_updates)
        return self._tagged(target, changes, self.tenant(tenant))

    def _tagged(self, target: Selector, changes: list[dict[str, Any]], tenant: str) -> Exchange[TagHeader]:
        attempt = 1
        while True:
            prior = yield from self._prior(target, tenant)
            try:
                return (
                    yield from self._post(
                        "meta",
                        tenant,
                        "update-tag",
                        body=tag_request(prior, changes),
                        operation=f"tag {prior}",
                        parse=read_header,
                    )
                )
            except ConflictError:
                if target.tag_version is not None or attempt == TAG_ATTEMPTS:
                    raise
            # Somebody else was faster: his tag is read, and the same changes are made to it.
            yield Pause(self._chance() * _TAG_PAUSE * 2**attempt)
            attempt += 1

    def _prior(self, target: Selector, tenant: str) -> Exchange[Selector]:
        """Return exactly what is to be tagged, as it is now."""
        is_job = target.object_type == "JOB"
        if target.tag_version is not None and not is_job:
            return target
        tag = yield from self.read_object(target.with_latest_tag(), tenant=tenant)
        if is_job and not is_ended(tag.attrs.get("trac_job_status")):
            raise ConflictError(
                f"{tag.header.key} is {tag.attrs.get('trac_job_status')}: a job whose tag is changed before "
                "its end loses its results; give job_attrs when it is submitted, or tag it afterwards",
                platform=self.platform,
                operation=f"tag {target}",
            )
        return tag.selector if target.tag_version is None else target

    def write_batch(
        self,
        *,
        create_objects: Sequence[Mapping[str, Any]] = (),
        update_objects: Sequence[Mapping[str, Any]] = (),
        update_tags: Sequence[Mapping[str, Any]] = (),
        tenant: str | None = None,
    ) -> Exchange[BatchResult]:
        """Write several things in one transaction; see :meth:`TracHook.write_batch`."""
        creates = _each("create_objects", create_objects, _CREATE, _creation)
        updates = _each("update_objects", update_objects, _UPDATE, _update)
        _refuse_twins("update_objects", [update["priorVersion"]["objectId"] for update in updates])
        tags = _each("update_tags", update_tags, _TAG, _tagging)
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
            prior = yield from self._prior(target, tenant)
            tagged.append(tag_request(prior, changes))
        _refuse_twins("update_tags", [Selector.of(told["priorVersion"]).key for told in tagged])
        body = {"createObjects": creates, "updateObjects": updates, "updateTags": tagged}
        return (
            yield from self._post(
                "meta",
                tenant,
                "write-batch",
                body={name: requests for name, requests in body.items() if requests},
                operation=f"write a batch of {len(creates) + len(updates) + len(tagged)}",
                parse=_read_batch,
            )
        )


_CREATE = frozenset({"object_type", "definition", "attrs", "tag_updates"})
_UPDATE = _CREATE | {"prior_version"}
_TAG = frozenset({"selector", "attrs", "tag_updates"})


def _each(
    name: str, given: object, allowed: frozenset[str], read: Callable[[Mapping[str, Any]], T]
) -> list[T]:
    """Read the items of one of a batch's lists.

    :raises InvalidArgumentError: naming the item that is wrong.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        raise InvalidArgumentError(f"{name} must be a list; given: {given!r}")
    told = []
    for n, item in enumerate(given):
        if not isinstance(item, Mapping) or set(item) - allowed:
            raise InvalidArgumentError(f"{name}[{n}] may hold {', '.join(sorted(allowed))}; given: {item!r}")
        try:
            told.append(read(item))
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{name}[{n}]: {error}") from error
    return told


def _creation(item: Mapping[str, Any]) -> dict[str, Any]:
    return create_request(_kind(item), item.get("definition"), item.get("attrs"), item.get("tag_updates"))


def _update(item: Mapping[str, Any]) -> dict[str, Any]:
    definition, prior = item.get("definition"), item.get("prior_version")
    return update_request(_kind(item), definition, prior, item.get("attrs"), item.get("tag_updates"))


def _tagging(item: Mapping[str, Any]) -> tuple[Selector, list[dict[str, Any]]]:
    target = _taggable(item.get("selector"), "selector")
    return target, _changes(item.get("attrs"), item.get("tag_updates"))


def _kind(item: Mapping[str, Any]) -> str:
    """Return an item's type of object, which its definition may tell as well."""
    definition = item.get("definition")
    told = definition.get("objectType") if isinstance(definition, Mapping) else None
    return checked_type(item.get("object_type") or told)


def _refuse_twins(name: str, keys: list[str]) -> None:
    twins = sorted({key for key in keys if keys.count(key) > 1})
    if twins:
        raise InvalidArgumentError(
            f"{name} must not hold anything twice; given more than once: {', '.join(twins)}"
        )


def _taggable(given: object, what: str) -> Selector:
    """Return a selector of what can be tagged: the newest tag, or one that is told by its number."""
    target = Selector.of(given, what)
    if target.tag_as_of is not None:
        raise InvalidArgumentError(
            f"{what}: only the newest tag can be changed; give tagVersion or latestTag"
        )
    if target.tag_version is not None and not target.is_fixed:
        raise InvalidArgumentError(
            f"{what}: tagVersion counts within an object version; give objectVersion, too"
        )
    return target


def _changes(
    attrs: Mapping[str, Any] | None, updates: Sequence[Mapping[str, Any]] | None
) -> list[dict[str, Any]]:
    changes = tag_updates(attrs, updates)
    if changes is None:
        raise InvalidArgumentError("attrs or tag_updates must be given")
    return changes


def _read_tag(reply: Reply) -> Tag:
    return Tag.from_json(reply.json())


def read_header(reply: Reply) -> TagHeader:
    """Read the header that a write is answered by."""
    return TagHeader.from_json(reply.json())


def _read_batch(reply: Reply) -> BatchResult:
    told = reply.json()

    def headers(name: str) -> tuple[TagHeader, ...]:
        return tuple(TagHeader.from_json(header) for header in told.get(name) or [])

    return BatchResult(
        created=headers("createObjects"), updated=headers("updateObjects"), tagged=headers("updateTags")
    )
