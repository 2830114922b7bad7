"""LemonLDAP::NG as a `Server` of the kit, set up as strictly as it can be: it knows its services and tells them.

What it lacks is left out (`features`): it has no /samlValidate, JSON, method or warn.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.cas_kit.server import Reply
from tests.certificates import ThrowAwayCa
from tests.llng import ELSEWHERE, PERSON, Portal, llng
from tests.upstreams import Asked, Site
from tests.upstreams import Reply as SiteReply

_INPUT = re.compile(r"<input[^>]*>")
_NAME, _VALUE = re.compile(r'name="([^"]*)"'), re.compile(r'value="([^"]*)"')
_ACTION = re.compile(r'<form[^>]*action="([^"]*)"')
_MOST_REDIRECTS, _MOST_PAGES = 6, 3
_FRESH = 1
"""For how many seconds it counts a login as new: the least that it knows."""


@dataclass
class Visitor:
    """A browser: its cookies, and where it stands."""

    cookies: dict[str, str] = field(default_factory=dict)
    url: str = ""


@dataclass
class Lemonldap:
    """A portal that runs, and the services around it. `waiting`: browsers in which the person signed in a while ago."""

    base: str
    http: httpx.Client
    sites: tuple[Site, Site, Site, Site]
    features: frozenset[str] = frozenset({"proxy"})
    waiting: list[Visitor] = field(default_factory=list)

    @property
    def service(self) -> str:
        """A registered address."""
        return f"{self.sites[0].url}/app/"

    @property
    def other(self) -> str:
        """Another."""
        return f"{self.sites[1].url}/entree"

    @property
    def front(self) -> str:
        """That of the proxy."""
        return f"{self.sites[2].url}/facade"

    @property
    def proxied(self) -> str:
        """Where the proxy goes on to."""
        return self.service

    @property
    def callback(self) -> str:
        """Where its proxy-granting tickets go."""
        return f"{self.sites[3].url}/pgt"

    def browser(self) -> Visitor:
        """Nobody signed in."""
        return Visitor()

    def signed_in(self) -> Visitor:
        """Somebody who did not sign in just now."""
        if not self.waiting:
            self.waiting = [self._enter() for _ in range(20)]
            time.sleep(_FRESH + 1.1)
        return self.waiting.pop()

    def log_in(self, browser: Visitor, reply: Reply) -> Reply:
        """Go through the pages that come: that the session is to be renewed, then the password."""
        for _ in range(_MOST_PAGES):
            page = reply.body.decode()
            action, fields = _ACTION.search(page), _fields(page)
            if reply.location or action is None:
                break
            told = {**fields, **(PERSON if "user" in fields else {})}
            url = urljoin(browser.url, action[1])
            reply = self._onward(url, self._send("POST", url, browser, told), browser)
        return reply

    def _onward(self, url: str, answer: Reply, browser: Visitor) -> Reply:
        """Follow redirects until they leave the server."""
        for _ in range(_MOST_REDIRECTS):
            leads = urljoin(url, answer.location) if answer.location else ""
            if not leads.startswith(self.base.removesuffix("/cas")):
                break
            url, answer = leads, self._send("GET", leads, browser)
        return answer

    def get(self, path: str, browser: Visitor | None = None, **parameters: str) -> Reply:
        """Ask it."""
        url = str(httpx.URL(self.base + path, params=parameters))
        return self._send("GET", url, browser or Visitor())

    def post(self, path: str, body: bytes, *, media_type: str, **parameters: str) -> Reply:
        """Post to it."""
        headers = {"content-type": media_type}
        return _reply(self.http.post(self.base + path, params=parameters, content=body, headers=headers))

    def at_callback(self) -> list[dict[str, str]]:
        """The calls of the callback."""
        return [dict(asked.query) for asked in self.sites[3].seen if "pgtId" in asked.query]

    def at_services(self) -> list[tuple[str, str, str]]:
        """It tells services at once."""
        posted = ((site.url, asked) for site in self.sites[:3] for asked in site.seen if asked.method == "POST")
        return [(url + asked.path, asked.headers.get("content-type", ""), asked.body) for url, asked in posted]

    def _enter(self) -> Visitor:
        visitor = Visitor()
        self._send("POST", self.base.removesuffix("cas"), visitor, dict(PERSON))
        return visitor

    def _send(self, method: str, url: str, browser: Visitor, form: dict[str, str] | None = None) -> Reply:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self.http.cookies.clear()  # it would give one browser's to another
        answer = self.http.request(method, url, data=form, headers={"cookie": cookies} if cookies else {})
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            browser.cookies[name] = value
        browser.url = url
        return _reply(answer)


def _reply(answer: httpx.Response) -> Reply:
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)


def _fields(page: str) -> dict[str, str]:
    """What the forms of a page start with."""
    found: dict[str, str] = {}
    for tag in _INPUT.findall(page):
        name, value = _NAME.search(tag), _VALUE.search(tag)
        if name:
            found[name[1]] = unescape(value[1]) if value else ""
    return found


def _said(_: Asked) -> SiteReply:
    return SiteReply()


@contextmanager
def open_lemonldap() -> Iterator[Lemonldap]:
    """A portal of Debian's package. Raises `ServerMissing`."""
    with tempfile.TemporaryDirectory(prefix="preau-kit-") as name, ExitStack() as stack:
        folder = Path(name)
        ca = ThrowAwayCa(folder)
        plain = tuple(stack.enter_context(Site(_said)) for _ in range(3))
        callback = stack.enter_context(Site(_said, certificate=ca.issue()))
        sites = (plain[0], plain[1], plain[2], callback)
        http = stack.enter_context(httpx.Client(trust_env=False, timeout=20))
        portal = stack.enter_context(_portal(folder / "llng", sites, ca))
        yield Lemonldap(f"{portal.base}/cas", http, sites)


@contextmanager
def _portal(folder: Path, sites: tuple[Site, ...], ca: ThrowAwayCa) -> Iterator[Portal]:
    addresses = {"app": f"{sites[0].url}/app/", "entree": f"{sites[1].url}/entree", "facade": f"{sites[2].url}/facade"}
    settings: dict[str, object] = {
        "issuerDBCASActivation": 1, "casAccessControlPolicy": "error", "casStrictMatching": 1,
        "casBackChannelSingleLogout": 1, "casTicketExpiration": 10, "portalForceAuthnInterval": _FRESH,
        "casAttributes": {"cn": "cn", "mail": "mail"},
        "casAppMetaDataOptions": {app: {"casAppMetaDataOptionsService": url} for app, url in addresses.items()},
        "casAppMetaDataExportedVars": {app: {"cn": "cn", "mail": "mail"} for app in addresses},
        "lwpSslOpts": {"SSL_ca_file": str(ca.certificate)},
    }  # fmt: skip
    folder.mkdir()
    with llng(folder, settings, host=ELSEWHERE) as portal:
        yield portal
