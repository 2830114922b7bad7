"""Text of others never becomes markup: a corpus of payloads through every field that a page shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import pytest
from markupsafe import Markup

from broker.domain.services import (
    Accessibility,
    ClaimName,
    OpeningDates,
    Operator,
    Service,
    ServiceInstance,
)
from broker.domain.standings import InForce, StandingKind
from tests.clock import FakeClock
from tests.federations import SOURCES
from tests.ledgers import told
from tests.web_stand import Client, WebStand, open_web, service

PAYLOADS = (
    "<script>alert(1)</script>", "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"", "' onmouseover='alert(1)", "</title><script>alert(1)</script>",
    "{{7777*9999}}",
    "{% for x in ().__class__.__bases__ %}{% endfor %}", "%(name)s%s%d%%", "javascript:alert(1)",
    "</bdi><iframe src=//e>",
    "<a href=javascript:alert(1)>x</a>", "\u202e<b>tfel", "<!--", "]]>", "&lt;script&gt;", "<math><mtext></form><form>",
    "<base href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<input name=csrf value=x>",
)  # fmt: skip
ALLOWED = {
    "html", "head", "meta", "title", "link", "body", "a", "header", "div", "svg", "path", "bdi", "nav", "ul", "li",
    "span", "main", "h1", "h2", "h3", "p", "form", "input", "fieldset", "legend", "label", "button", "article",
    "section", "dl", "dt", "dd", "br", "ol", "strong", "footer", "details", "summary",
}  # fmt: skip


class _Tags(HTMLParser):
    """Collects what a browser would build."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.shape: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append(tag)
        if tag not in ALLOWED:
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "srcdoc", "autofocus", "http-equiv"}:
                self.bad.append(f"{tag} {name}")
            if name in {"href", "action", "src", "formaction"} and (value or "").strip().lower().startswith(
                "javascript"
            ):
                self.bad.append(f"{tag} {name}={value}")


def faults(body: str) -> list[str]:
    reader = _Tags()
    reader.feed(body)
    return reader.bad


def shape(body: str) -> list[str]:
    reader = _Tags()
    reader.feed(body)
    return reader.shape


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        yield stand


def test_the_reader_of_this_file_sees_a_payload_that_got_through() -> None:
    for payload in PAYLOADS[:6]:
        assert faults(f'<p title="x">{payload}</p><p title="{payload}">x</p><p title=\'{payload}\'>x</p>'), payload


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_request_says_never_becomes_markup(web: WebStand, payload: str) -> None:
    targets = (
        f"/?{urlencode({'lang': payload})}", f"/connexion?{urlencode({'lang': payload})}",
        f"/connexion?{urlencode({'i': payload})}", f"/connexion?{urlencode({'but': payload})}",
        f"/donnees?{urlencode({'lang': payload})}", f"/donnees/{quote(payload, safe='')}",
        f"/retour/{quote(payload, safe='')}", f"/{quote(payload, safe='')}", f"/static/{quote(payload, safe='')}",
        f"/avis?{urlencode({'c': payload, 'n': payload, 'r': payload, 's': payload})}",
        f"/acces/{quote(payload, safe='')}/annuler", f"/acces?{urlencode({'fait': payload})}",
        f"/retour/ent1?{urlencode({'error': payload, 'error_description': payload, 'state': payload})}",
        f"/authorize?{urlencode({'client_id': payload, 'redirect_uri': payload, 'state': payload})}",
    )  # fmt: skip
    for target in targets:
        browser = web.client()
        answer = browser.get(target)
        pages = [answer.body]
        if answer.location:
            assert not answer.location.lower().startswith(("javascript", "data", "//")), target
            pages.append(browser.get(answer.location).body)
        for body in pages:
            assert not faults(body), target
            assert "alert(1)" not in body, target
            assert "77762223" not in body, target


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_form_says_never_becomes_markup(web: WebStand, payload: str) -> None:
    browser = web.client()
    token = browser.get("/connexion").token
    for form in (
        {"csrf": payload},
        {"csrf": token, "source": payload},
        {"csrf": token, "source": "ent1", "i": payload},
        {"csrf": token, "source": "ent1", "device": payload, "but": payload},
    ):
        answer = browser.post("/connexion", form)
        assert not faults(answer.body), form
        assert "alert(1)" not in answer.body, form


PAGES = (
    "/",
    "/pourquoi",
    "/acces",
    "/connexion?but=acces",
    "/donnees",
    "/donnees/export",
    "/?lang=ar",
    "/donnees?lang=ar",
)


def hostile_services(payload: str) -> tuple[Service, ...]:
    """The same words of an attacker in every field of a descriptor: open, ahead of its day, suspended."""
    texts = {"fr": payload, "ar": payload}
    opening = OpeningDates("", None, "", date(2027, 9, 1), None, texts)
    hostile = service(
        "cantine", names=texts, purpose=payload, operator=Operator(payload, payload, processor=True), data=payload,
        legal_basis=payload, retention=payload, rights_url=payload, accessibility=Accessibility(50, payload),
        claims=tuple(ClaimName), instances=(ServiceInstance("", "https://c.example/"),),
    )  # fmt: skip
    return (
        hostile,
        replace(hostile, service_id="bientot", openings=(opening,)),
        replace(hostile, service_id="ferme"),
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_feed_a_register_and_the_settings_say_never_becomes_markup(
    sqlite_url: str, clock: FakeClock, payload: str
) -> None:
    labels = {name: {"fr": payload} for name in SOURCES}
    with open_web(sqlite_url, clock, services=hostile_services(payload), labels=labels) as stand:
        stand.register.value = stand.register.value.standing(InForce(frozenset({(StandingKind.SERVICE, "ferme")})))
        mother_id = stand.add_mother(payload, "Léa", school=payload)
        for name in ("cantine", "parti-" + payload):
            stand.ledger.note(told(mother_id, name, date(2026, 9, 1), payload))
        mother = stand.client()
        mother.sign_in()
        pages = {path: mother.get(path) for path in PAGES}
        undo = pages["/acces"].body.partition('href="/acces/acc')[2].partition('"')[0]
        pages["undo"] = mother.get(f"/acces/acc{undo}")
        for path, answer in pages.items():
            assert answer.status == 200, path
            assert not faults(answer.body), path
        for path in ("/", "/pourquoi", "/donnees", "/donnees/export"):
            assert payload in pages[path].text, path


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_downloaded_file_is_never_a_page(sqlite_url: str, clock: FakeClock, payload: str) -> None:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother(payload)
        mother = stand.client()
        mother.sign_in()
        answer = mother.get("/donnees/export.json")
    assert (answer.header("Content-Type"), answer.header("X-Content-Type-Options")) == ("application/json", "nosniff")
    assert answer.header("Content-Disposition").startswith("attachment")
    assert "default-src 'none'" in answer.header("Content-Security-Policy")
    assert json.loads(answer.body)["children"][0]["given_name"] == payload


def test_a_hostile_name_changes_no_page_by_a_single_tag(sqlite_url: str, clock: FakeClock) -> None:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("</h2><h2>Tom", "Léa")
        mother: Client = stand.client()
        mother.sign_in()
        hostile = shape(mother.get("/").body)
    assert hostile.count("article") == 2
    assert hostile.count("h2") == 3


def test_only_the_isolation_of_names_stops_a_hostile_name(sqlite_url: str, clock: FakeClock) -> None:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother(PAYLOADS[0])
        mother = stand.client()
        mother.sign_in()
        assert not faults(mother.get("/").body)
        stand.pages.jinja_env.globals["isolate"] = lambda text, language="": Markup(text)  # noqa: S704 - the fault to be seen
        assert faults(mother.get("/").body)
