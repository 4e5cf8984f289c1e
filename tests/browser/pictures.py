"""Takes the pictures that the docs show."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

#: Bytes of the largest picture. The docs must load fast, and the repository keeps every version.
LIMIT = 150_000
#: Pixels of the highest picture of a dialogue.
HIGHEST = 1350

_ANIMATIONS_END = """element => Promise.allSettled(
    element.getAnimations({subtree: true}).map(animation => animation.finished)
).then(() => null)"""


@dataclass(frozen=True)
class Pictures:
    """A folder of PNG files."""

    folder: Path

    def of_page(self, page: Page, name: str, *, height: int = 800) -> None:
        """Write a picture of what the page shows.

        :param height: height of the page in pixels.
        """
        with _height(page, height):
            self._keep(page.screenshot(animations="disabled"), name)

    def of_dialogue(self, element: Locator, name: str) -> None:
        """Write a picture of a dialogue, including what a user has to scroll to, up to a height."""
        element.evaluate(_ANIMATIONS_END)
        box = element.bounding_box()
        assert box
        # A dialogue scrolls within the page, so the page must be higher than the dialogue.
        with _height(element.page, int(box["height"]) + 200):
            clip = element.bounding_box()
            assert clip
            clip["height"] = min(clip["height"], HIGHEST)
            self._keep(element.page.screenshot(animations="disabled", clip=clip), name)

    def _keep(self, png: bytes, name: str) -> None:
        assert len(png) < LIMIT, f"{name} has {len(png)} bytes"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.png").write_bytes(png)


@contextlib.contextmanager
def _height(page: Page, height: int) -> Iterator[None]:
    size = page.viewport_size
    assert size
    page.set_viewport_size({"width": size["width"], "height": height})
    yield
    page.set_viewport_size(size)
