"""Which pages of the demo town are looked at, and how a browser gets to each."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page

from broker.storage.sealing import load_master_secret
from broker.web.forms import seal_notice
from broker.wire.http import SESSION_COOKIE
from tests.browser.people import EDUCONNECT, ENT_SECONDAIRE, Visitor
from tests.browser.town import RunningTown
from tests.ux.desk_scenes import desk
from tests.ux.lens import Target
from tests.ux.own_scenes import own_access
from tests.ux.young_scenes import young

MOTHER = "aline.quemeneur"
OTHER = "marie.martin"
"""Who has a second factor: nobody else is asked for one."""
STRANGER = "camille.ailleurs"


def scenes(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """Every page a family can meet, each with the cookies that open it; a login is made when its page is come to."""
    yield _export(browser, town)
    yield from _second(browser, town)
    yield from young(browser, town)
    yield from own_access(browser, town)
    yield from desk(browser, town)
    yield Target(f"{town.origin}/connexion", "sign_in", "sign-in")
    yield _asked_by_a_service(browser, town)
    yield from _signed_in(browser, town)
    yield _weak(browser, town)
    yield Target(f"{town.origin}/integrer", "any", "integrate")
    yield Target(f"{town.origin}/integrer/familles", "any", "sandbox")
    yield Target(f"{town.origin}/codes", "any", "codes")
    yield Target(f"{town.origin}/codes/PRE-2010", "any", "code")
    yield _stranger(browser, town)
    yield Target(f"{town.origin}/au-revoir", "any", "signed-out")
    yield _signed_out(browser, town)
    yield Target(f"{town.origin}/cette-page-n-existe-pas", "any", "not-found", status=404)
    yield Target(f"{town.origin}/authorize?client_id=personne", "any", "unknown-client", status=400)


def _asked_by_a_service(browser: Browser, town: RunningTown) -> Target:
    """The sign-in page of a login that a service began: it names the service."""
    page = browser.new_page()
    Visitor(page, town).sign_in(EDUCONNECT, MOTHER)
    service = page.locator(".services a").first.get_attribute("href") or ""
    page.context.clear_cookies()
    page.goto(service)
    target = Target(page.url, "sign_in", "sign-in-for-a-service", _state(page))
    page.close()
    return target


def _export(browser: Browser, town: RunningTown) -> Target:
    page = browser.new_page()
    Visitor(page, town).sign_in(EDUCONNECT, MOTHER)
    target = Target(f"{town.origin}/donnees/export", "any", "export", _state(page))
    page.close()
    return target


def _second(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """A telephone's key as it is shown to a fresh login; the page that asks for its code; what there is, once shown."""
    page = browser.new_page()
    Visitor(page, town).sign_in(EDUCONNECT, MOTHER)
    yield Target(f"{town.origin}/second/nouveau", "any", "second-new", _state(page))
    enrolled = browser.new_page()
    visitor = Visitor(enrolled, town)
    visitor.sign_in(EDUCONNECT, OTHER)
    visitor.add_factor()
    yield Target(f"{town.origin}/second", "any", "factors", _state(enrolled))
    again = browser.new_page()
    Visitor(again, town).sign_in(EDUCONNECT, OTHER)
    yield Target(f"{town.origin}/second", "any", "second", _state(again))
    for each in (page, enrolled, again):
        each.close()


def _signed_out(browser: Browser, town: RunningTown) -> Target:
    """The page after a sign-out, with what the services of the visit answered."""
    page = browser.new_page()
    visitor = Visitor(page, town)
    visitor.sign_in(EDUCONNECT, MOTHER)
    page.goto(page.locator(".services a").first.get_attribute("href") or "")
    visitor.sign_out()
    target = Target(f"{town.origin}/au-revoir", "any", "signed-out-receipts", _state(page))
    page.close()
    return target


def _signed_in(browser: Browser, town: RunningTown) -> Iterator[Target]:
    page = browser.new_page()
    Visitor(page, town).sign_in(EDUCONNECT, MOTHER)
    page.goto(f"{town.origin}/acces")
    undo = page.locator("a[href$='/annuler']").first.get_attribute("href")
    state = _state(page)
    page.close()
    yield Target(f"{town.origin}/", "portal", "portal", state)
    yield Target(f"{town.origin}/pourquoi", "any", "why", state)
    yield Target(f"{town.origin}/acces", "any", "accesses", state)
    yield Target(f"{town.origin}/moyens", "any", "means", state)
    yield Target(f"{town.origin}/appareils", "any", "places", state)
    yield Target(f"{town.origin}/passages", "any", "passages", state)
    yield Target(f"{town.origin}/toujours-la?de=%2Facces", "any", "still-there", state)
    yield Target(f"{town.origin}/acces-ferme?quoi=acces", "any", "closed", state)
    yield Target(f"{town.origin}/donnees", "any", "data", state)
    yield Target(f"{town.origin}{undo}", "any", "undo", state)
    yield Target(f"{town.origin}/device", "any", "device", state)
    yield _screen_let_in(town, state)
    yield Target(f"{town.origin}/deconnexion", "any", "sign-out", state)
    yield _posts_itself(town, state)
    yield _asked_to_agree(browser, town, state)


def _weak(browser: Browser, town: RunningTown) -> Target:
    """The means of somebody who came in by an ENT: it proves too little to set a passphrase, and the page says so."""
    page = browser.new_page()
    visitor = Visitor(page, town)
    visitor.sign_in(ENT_SECONDAIRE, MOTHER)
    visitor.prove_again(ENT_SECONDAIRE, MOTHER)
    target = Target(f"{town.origin}/moyens", "any", "means-weak", _state(page))
    page.close()
    return target


def _screen_let_in(town: RunningTown, state: Any) -> Target:
    """The page after a yes, with the seal of the session that said it: the town has no screen to be let in."""
    key = load_master_secret(town.folder / "secrets" / "master").derive("csrf")
    handle = next(cookie["value"] for cookie in state["cookies"] if cookie["name"] == SESSION_COOKIE)
    seal = seal_notice(key, ("screen", "done", "oui"), browser=handle)
    return Target(f"{town.origin}/device?fait=oui&s={seal}", "any", "device-done", state)


def _posts_itself(town: RunningTown, state: Any) -> Target:
    """The page that carries an answer to a service by POST, of its own accord where scripts run."""
    cantine = tomllib.loads((town.folder / "services" / "cantine.toml").read_text(encoding="utf-8"))
    (redirect_uri,) = cantine["parties"][0]["redirect_uris"]
    asked = {
        "response_type": "code", "response_mode": "form_post", "client_id": "cantine", "redirect_uri": redirect_uri,
        "scope": "openid", "code_challenge_method": "S256", "code_challenge": "x" * 43,
    }  # fmt: skip
    url = f"{town.origin}/authorize?{urlencode(asked)}"
    return Target(url, "any", "self-post", state, held=True)


def _asked_to_agree(browser: Browser, town: RunningTown, state: Any) -> Target:
    """The question before a client that registered itself: nobody checked it."""
    redirect_uri = "https://visiteur.example/retour"
    told = json.dumps({"redirect_uris": [redirect_uri], "client_name": "Le club photo"}).encode()
    asked = Request(f"{town.origin}/register", told, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urlopen(asked) as answer:  # noqa: S310 - loopback
        client_id = json.load(answer)["client_id"]
    wanted = {
        "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "scope": "openid",
        "code_challenge_method": "S256", "code_challenge": "x" * 43,
    }  # fmt: skip
    context = browser.new_context(storage_state=state)
    page = context.new_page()
    page.goto(f"{town.origin}/authorize?{urlencode(wanted)}")
    target = Target(page.url, "any", "agree", context.storage_state())
    context.close()
    return target


def _stranger(browser: Browser, town: RunningTown) -> Target:
    """The page of somebody whom no school has named."""
    page = browser.new_page()
    Visitor(page, town).sign_in(EDUCONNECT, STRANGER)
    target = Target(page.url, "any", "stranger", _state(page), status=403)
    page.close()
    return target


def _state(page: Page) -> Any:
    return page.context.storage_state()
