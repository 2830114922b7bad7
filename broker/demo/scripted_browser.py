"""A browser without a screen: cookies by host, redirects, forms. Secure cookies go to loopback, as browsers do."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

_MOST_REDIRECTS = 20


class Lost(Exception):
    """The visit does not go on from here; the text says why."""


@dataclass(slots=True)
class Form:
    """A form as the page gives it: where it goes, and the values it starts with."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value and text of each button."""


@dataclass(slots=True)
class Link:
    """A link and its text."""

    href: str
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[Link] = []
        self.text: list[str] = []
        self._in_link = False
        self._in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif tag == "a" and "href" in given:
            self.links.append(Link(given["href"]))
            self._in_link = True
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((given.get("name", ""), given.get("value", ""), ""))
            self._in_button = True
        elif tag == "input" and self.forms and given.get("name"):
            self._input(given)

    def _input(self, given: dict[str, str]) -> None:
        if given.get("type") in {"radio", "checkbox"} and "checked" not in given:
            return
        self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._in_link = self._in_link and tag != "a"
        self._in_button = self._in_button and tag != "button"

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._in_link:
            self.links[-1].text += data
        if self._in_button and self.forms:
            name, value, text = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (name, value, text + data)


@dataclass(slots=True)
class Page:
    """Where the browser stands."""

    url: str
    status: int
    body: str
    forms: list[Form]
    links: list[Link]
    text: str


class ScriptedBrowser:
    """One browser. `page` is what it shows; `trust` is for https, else the public authorities."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        """Open it. It calls whatever address it is led to: for a town on the loopback, and nothing else."""
        self._http = httpx.Client(timeout=20, trust_env=False, verify=trust or True)
        self._jar: dict[str, dict[str, str]] = {}
        self.page = Page("about:blank", 0, "", [], [], "")

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def open(self, url: str) -> Page:
        """Go to an address, from the page that is shown."""
        return self._go("GET", urljoin(self.page.url, url), {})

    def submit(self, form: Form, *, button: str = "", **values: str) -> Page:
        """Send a form. `button` is a part of the text of the button pressed."""
        pressed = {name: value for name, value, text in form.buttons if button and button in text and name}
        data = {**form.fields, **values, **pressed}
        return self._go(form.method.upper(), urljoin(self.page.url, form.action or self.page.url), data)

    def follow(self, text: str, *, within: str = "") -> Page:
        """Follow the first link whose text holds `text` and whose address holds `within`."""
        link = next(link for link in self.page.links if text in link.text and within in link.href)
        return self.open(link.href)

    def cookies(self, host: str) -> dict[str, str]:
        """The cookies of a host, by name."""
        return self._jar.setdefault(host, {})

    def _go(self, method: str, url: str, data: dict[str, str]) -> Page:
        for _ in range(_MOST_REDIRECTS):
            answer = self._send(method, url, data)
            if answer.status_code not in {301, 302, 303, 307, 308}:
                return self._show(url, answer)
            url, method, data = urljoin(url, answer.headers["location"]), "GET", {}
        raise Lost("too many redirects")

    def _send(self, method: str, url: str, data: dict[str, str]) -> httpx.Response:
        host = urlsplit(url).hostname or ""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies(host).items())
        headers = {"Cookie": cookies} if cookies else {}
        if method == "POST":
            parts = urlsplit(self.page.url)
            headers["Origin"] = f"{parts.scheme}://{parts.netloc}"
            answer = self._http.request(method, url, data=data, headers=headers)
        else:
            answer = self._http.request(method, url, params=data or None, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            self._keep(host, line)
        return answer

    def _keep(self, host: str, line: str) -> None:
        pair, *flags = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        gone = any(flag.lower() == "max-age=0" for flag in flags) or not value
        if gone:
            self.cookies(host).pop(name, None)
        else:
            self.cookies(host)[name] = value

    def _show(self, url: str, answer: httpx.Response) -> Page:
        reader = _Reader()
        reader.feed(answer.text)
        text = " ".join(" ".join(reader.text).split())
        self.page = Page(url, answer.status_code, answer.text, reader.forms, reader.links, text)
        return self.page
