"""A headless browser for tests, or a skip with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium driven by playwright, which is in no extra: both are large."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as driver:
        # no sandbox: containers have no user namespaces, and all pages are our own
        one = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield one
        finally:
            one.close()


def watched(page: Any, own: str) -> list[str]:
    """What a page should not do, as it happens: console messages, errors, foreign requests."""
    seen: list[str] = []
    page.on("console", lambda message: seen.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("dialog", lambda dialog: seen.append(f"dialog: {dialog.message}"))
    page.on(
        "request",
        lambda request: (
            seen.append(f"request: {request.url}")
            if not request.url.startswith((own, "data:"))
            else None
        ),
    )
    return seen
