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
    """Gives a sandbox's own instance of a platform, with the platform's own type."""

    def __init__(self, platform: type[PlatformT]) -> None:
        self.platform = platform

    def __get__(self, sandbox: Registry, owner: type[Registry]) -> PlatformT:
        platform = sandbox.platforms[self.platform.name]
        assert isinstance(platform, self.platform)  # noqa: S101 - tells the type checker
        return platform


class Registry:
    """The platforms of the sandbox: one line each."""

    platforms: dict[str, Platform]
    """The platforms by name; each is an attribute too, e.g. ``sandbox.tamr``."""

    quantemplate = Mount(Quantemplate)
    tailer = Mount(Tailer)
    tamr = Mount(Tamr)
    toucan = Mount(Toucan)
    trac = Mount(Trac)

    def mount(self, world: World) -> None:
        """Make an instance of each platform."""
        mounts = [mount for mount in vars(Registry).values() if isinstance(mount, Mount)]
        self.platforms = {mount.platform.name: mount.platform(world) for mount in mounts}

    def operation(self, platform: str | None, operation: str | None) -> str | None:
        """Give the name of an operation as journal and faults have it.

        :param platform: the platform that has it; ``None``: any
        :param operation: its name, with underscores or blanks, or ``unknown``; ``None``: any
        :raises ValueError: if there is no such platform, or it has no such operation
        """
        if platform is not None and platform not in self.platforms:
            raise ValueError(f"no platform {platform!r}; there are {sorted(self.platforms)}")
        chosen = [self.platforms[platform]] if platform else self.platforms.values()
        known = {"unknown", *(known.name for one in chosen for known in one.operations)}
        name = operation and operation.replace(" ", "_")
        if name is not None and name not in known:
            raise ValueError(f"no operation {operation!r}; there are {sorted(known)}")
        return name
