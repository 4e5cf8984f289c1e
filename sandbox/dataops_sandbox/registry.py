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
        self._platform = platform

    def make(self, world: World) -> PlatformT:
        """Make the platform of a new sandbox."""
        return self._platform(world)

    def __get__(self, sandbox: Registry, owner: type[Registry]) -> PlatformT:
        platform = sandbox.platforms[self._platform.name]
        assert isinstance(platform, self._platform)  # noqa: S101 - tells the type checker
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
        mounts = (mount for mount in vars(Registry).values() if isinstance(mount, Mount))
        self.platforms = {platform.name: platform for platform in (mount.make(world) for mount in mounts)}
