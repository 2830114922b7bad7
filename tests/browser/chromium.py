"""Debian's Chromium, without a screen and without a network of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def running_chromium(*flags: str) -> Iterator[Browser]:
    """Run one with these flags as well; fails the test, or skips it where services are skipped, without Chromium."""
    path = os.environ.get("CHROME_PATH") or shutil.which("chromium")
    if path is None:
        if os.environ.get("PREAU_SKIP_SERVICES") == "1":
            pytest.skip("Chromium is missing and services are skipped")
        pytest.fail("Chromium is missing: install it, or set PREAU_SKIP_SERVICES=1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        yield browser
        browser.close()
