from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from dataops_sandbox.platform import Platform
from dataops_sandbox.quantemplate.wire import Quantemplate
from dataops_sandbox.tailer.wire import Tailer
from dataops_sandbox.tamr.wire import Tamr
from dataops_sandbox.toucan.wire import Toucan
from dataops_sandbox.trac.wire import Trac

if TYPE_CHECKING:
    from dataops_sandbox.platform import World

PlatformT = TypeVar("PlatformT", bound=Platform)


class Mount(Generic[PlatformT]):
    """Descriptor: returns the sandbox's instance of a platform, typed as that platform's class."""

    def __init__(self, platform: type[PlatformT]) -> None:
        self.platform = platform

    def __get__(self, sandbox: Registry, owner: type[Registry]) -> PlatformT:
        platform = sandbox.platforms[self.platform.name]
        assert isinstance(platform, self.platform)  # noqa: S101 - for the type checker
        return platform


class Registry:
    """The platforms of the sandbox. Each platform has one line here."""

    platforms: dict[str, Platform]
    """The platforms by name. Each one is also an attribute, e.g. ``sandbox.tamr``."""

    quantemplate = Mount(Quantemplate)
    tailer = Mount(Tailer)
    tamr = Mount(Tamr)
    toucan = Mount(Toucan)
    trac = Mount(Trac)

    def mount(self, world: World) -> None:
        """Create an instance of each platform."""
        mounts = [mount for mount in vars(Registry).values() if isinstance(mount, Mount)]
        self.platforms = {mount.platform.name: mount.platform(world) for mount in mounts}

    def operation(self, platform: str | None, operation: str | None) -> str | None:
        """Return the name of an operation as the journal and faults use it.

        :param platform: name of the operation's platform; ``None``: any platform
        :param operation: name of the operation, with underscores or blanks; ``unknown`` for requests that
            match no operation; ``None``: any operation
        :raises ValueError: if there is no such platform, or it has no such operation
        """
        if platform is not None and platform not in self.platforms:
            raise ValueError(f"unknown platform {platform!r}; known: {sorted(self.platforms)}")
        chosen = [self.platforms[platform]] if platform else self.platforms.values()
        known = {"unknown", *(known.name for one in chosen for known in one.operations)}
        name = operation and operation.replace(" ", "_")
        if name is not None and name not in known:
            raise ValueError(f"unknown operation {operation!r}; known: {sorted(known)}")
        return name
