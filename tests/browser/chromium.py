"""How the tests use Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

#: Milliseconds that the browser may take for a step. On a busy machine, the first page takes the longest.
PATIENCE = 30_000


def new_profile(browser: Browser, base_url: str) -> BrowserContext:
    """Return a browser profile, whose pages always have the same size, language and time zone."""
    profile = browser.new_context(
        base_url=base_url,
        viewport={"width": 1280, "height": 800},
        locale="en-US",
        timezone_id="UTC",
        color_scheme="light",
        reduced_motion="reduce",
    )
    profile.set_default_timeout(PATIENCE)
    return profile
