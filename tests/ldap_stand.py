"""The whole broker before a directory: people who write a login and a password on its page, each at a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import delete, func, select

from broker.app import Broker
from broker.storage import schema
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.clock import FakeClock
from tests.directories import PEOPLE, READER
from tests.oidc_stand import Answer, Browser
from tests.whole_app import call, open_app

LOGIN, PASSWORD, WRONG = "aline.quemeneur", "le grand cartable bleu", "le petit cartable bleu"
PAGE = "/connexion/annuaire"
SOURCE = """
[[sources]]
id = "annuaire"
kind = "ldap"
tenant = "ville"
label = {{ fr = "Mon collège" }}
url = "{url}"
ca_file = "{ca}"
reader_dn = "{reader}"
reader_password_file = "reader"
people_dn = "{people}"
feeds = ["99-2d"]
releases_references = true
academies = {{ AC-TEST = "99" }}
{more}
"""
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_CODE = re.compile(r"[?&]c=(PRE-\d{4})")


@dataclass(slots=True)
class Writer:
    """Somebody at a browser of their own, before the page of the directory."""

    broker: Broker
    address: str = "192.0.2.1"
    browser: Browser = field(default_factory=Browser)
    interaction: str = ""
    token: str = ""

    def get(self, target: str) -> Answer:
        return self._keep(call(self.broker, "GET", target, self.browser, address=self.address))

    def post(self, target: str, form: dict[str, str]) -> Answer:
        return self._keep(call(self.broker, "POST", target, self.browser, address=self.address, form=form))

    def choose(self, *, device: str = "shared", target: str = "/connexion") -> Answer:
        """From the sign-in page to the page of the directory; whoever is signed in already proves it again."""
        if SESSION_COOKIE in self.browser.cookies:
            target = "/connexion?but=acces"
        self.get(target)
        asked = dict(parse_qsl(urlsplit(target).query))
        left = self.post("/connexion", {"csrf": self.token, "source": "annuaire", "device": device, **asked})
        assert left.status == 303, left.body
        return self.go(left.headers["location"])

    def go(self, page: str) -> Answer:
        self.interaction = dict(parse_qsl(urlsplit(page).query)).get("i", "")
        return self.get(page)

    def write(self, login: str = LOGIN, password: str = PASSWORD) -> Answer:
        """Send the form of the page."""
        form = {"csrf": self.token, "i": self.interaction, "login": login, "password": password}
        return self.post(PAGE, form)

    def sign_in(self, *, device: str = "shared") -> Answer:
        self.choose(device=device)
        return self.write()

    def _keep(self, answer: Answer) -> Answer:
        found = _TOKEN.search(answer.body.decode())
        self.token = found[1] if found else self.token
        self.browser.cookies = {name: value for name, value in self.browser.cookies.items() if value}
        return answer


def text_of(answer: Answer) -> str:
    """What a person reads, without what is of this browser alone."""
    plain = re.sub(r'value="(pcs|pin)_[^"]*"|i=pin_[\w-]+', "", answer.body.decode())
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", plain)).split())


def refusal(answer: Answer) -> str:
    """The code of the page of an error that the browser is led to."""
    found = _CODE.search(answer.headers.get("location", ""))
    return found[1] if found else ""


@contextmanager
def open_ldap(
    folder: Path, clock: FakeClock, *, url: str, ca: Path, secret: str, template: Path, more: str = ""
) -> Iterator[Broker]:
    """The broker with that directory beside another source, on a copy of a migrated database, at the builders' time."""
    clock.set(builders.NOW)
    (folder / "var").mkdir()
    shutil.copy(template, folder / "var" / "preau.sqlite")
    (folder / "reader").write_text(secret, "utf-8")
    source = SOURCE.format(url=url, ca=ca, reader=READER, people=PEOPLE, more=more)
    top = 'policies_dir = "policies"\n'
    with open_app(folder, clock, more=top, sources=source) as broker:
        yield broker


def add_mother(broker: Broker, *, key: str = "500101", child: str = "Maëlys") -> str:
    """The mother whose number the directory tells, with one child; returns her person's id."""
    with broker.stores.engine.begin() as conn:
        builders.add_school(conn)
    return add_another_mother(broker, key=key, child=child)


def add_another_mother(broker: Broker, *, key: str, child: str) -> str:
    """One more at the same school."""
    with broker.stores.engine.begin() as conn:
        mother, record = builders.add_guardian(conn, key)
        _, pupil = builders.add_pupil(conn, f"9{key}", given=child)
        builders.add_guardianship(conn, record, pupil)
        builders.enrol(conn, pupil)
    return mother


def audited(broker: Broker) -> list[str]:
    with broker.stores.engine.connect() as conn:
        return list(conn.execute(select(schema.audit_events.c.action).order_by(schema.audit_events.c.id)).scalars())


def counted(broker: Broker) -> int:
    """How many keys guesses are counted under."""
    with broker.stores.engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.guesses)).scalar_one())


def begin_anew(broker: Broker, clock: FakeClock) -> None:
    """Some days later, with nothing counted: a broker that serves another test."""
    with broker.stores.engine.begin() as conn:
        conn.execute(delete(schema.guesses))
    clock.advance(timedelta(days=3))
