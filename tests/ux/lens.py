"""The browser that looks: contexts of any size, language and colours, signed in or not; probes run in the page."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parent
NODE_MODULES = Path(os.environ.get("PREAU_NODE_MODULES", HERE / "node_modules"))
CHROMIUM = os.environ.get("CHROME_PATH", "/usr/bin/chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 15_000

PHONE = (390, 844)
SMALL_PHONE = (320, 640)
DESK = (1280, 900)


def probe(name: str) -> str:
    """The script of a probe, without its opening comment (the browser wants an expression)."""
    text = (HERE / "probes" / f"{name}.js").read_text(encoding="utf-8")
    return re.sub(r"\A(//[^\n]*\n)+", "", text)


def in_language(url: str, code: str) -> str:
    """The same address, asked for in a language."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "lang"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("lang", code)])))


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Target:
    """A page to look at. `kind` names its budget; `state` is a signed-in browser's cookies, None when signed out.

    `held`: its script sends its form; here the form stays, so that there is a page to look at.
    """

    url: str
    kind: str
    slug: str
    state: Any = None
    status: int = 200
    held: bool = False
    languages: tuple[str, ...] = ("fr", "en", "ar")


@dataclass(frozen=True, slots=True)
class Lens:
    """A browser, and where its pictures go."""

    browser: Browser
    pictures: Path

    @contextmanager
    def open(self, target: Target, *, size: tuple[int, int] = DESK, **options: Any) -> Iterator[Page]:
        """Open the target in a fresh context."""
        with self.blank(target, size=size, **options) as page:
            page.goto(target.url, wait_until="load")
            yield page

    @contextmanager
    def blank(self, target: Target, *, size: tuple[int, int] = DESK, **options: Any) -> Iterator[Page]:
        """A fresh context that has not gone anywhere yet."""
        viewport = {"width": size[0], "height": size[1]}
        context = self.browser.new_context(viewport=viewport, storage_state=target.state, **options)
        context.set_default_timeout(PATIENCE_MS)
        if target.held:
            context.add_init_script("HTMLFormElement.prototype.submit = () => {}")
        try:
            yield context.new_page()
        finally:
            context.close()

    def picture(self, page: Page, target: Target, name: str) -> None:
        """Keep a picture of the whole page."""
        page.screenshot(path=str(self.pictures / f"{target.slug}-{name}.png"), full_page=True)

    def run_axe(self, page: Page, name: str, *arguments: Any) -> Any:
        """Put axe into the page (through the debugger, so it passes a strict CSP) and run a probe that uses it."""
        page.evaluate((NODE_MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        return page.evaluate(probe(name), *arguments)
