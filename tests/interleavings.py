"""Two or three people at one browser, in several windows, in any order; and who is whom after every single act.

A walk is a seeded row of acts: somebody asks a service or the sign-in page, types a password at a source, comes back
(now, late, or again), proves more, signs out here or at a service, goes back in the history, sends an old form again,
leaves the computer on. The walk keeps one belief: who came in last. After every act the cookie, the page, every code,
token and userinfo answer is hers, or nobody's (security K-12, LR-16).
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from broker.domain.handles import digest
from broker.domain.people import Space
from broker.domain.services import ClaimName, Service
from broker.storage.sql_grants import SqlGrants
from broker.wire.http import SESSION_COOKIE
from policies import Assurance
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import SECRET, authorize_url, basic, redemption
from tests.web_stand import UAI, Answer, Client, WebStand, open_web, service

PEOPLE = ("aline", "bruno", "chloe")
SOURCES = ("educonnect", "ent1", "ent2")
SCOPE = "openid profile children offline_access"
ACTS_A_WALK = 12
LOOKS_AT_A_PAGE = 0.25
"""After so many of the acts: a page costs twenty times as much as asking whose the cookie is."""
PERSONAL = (
    "/", "/pourquoi", "/acces", "/donnees", "/donnees/export", "/donnees/export.json", "/appareils", "/passages",
)  # fmt: skip
PAGES = (*PERSONAL, "/connexion", "/deconnexion")
FRESH = {"prompt": (None, None, "none", "login"), "max_age": (None, None, None, "0", "300")}
STAYS_OPEN = 0.4
COPY = timedelta(seconds=30)
"""How long a copy may tell of what has ended, while no worker drops it (`policies/sessions.toml`)."""
PAUSES = (1, 1, 31, 301, 1_201)
"""Seconds: at once, a copy's life, a proof's freshness, a shared device's idleness."""


def served(service_id: str, **changes: Any) -> Service:
    """A service that is told of the children, and may renew its tokens where the device is the person's own."""
    plain = service(service_id, claims=(ClaimName.GIVEN_NAME, ClaimName.CHILDREN), **changes)
    party = replace(plain.parties[0], secret_digest=digest(SECRET), scopes=tuple(SCOPE.split()))
    return replace(plain, parties=(party,))


SERVICES = (served("cantine"), served("cahier"), served("notes", requires=Assurance.STANDARD))


@dataclass(slots=True)
class Answered:
    """What a source gave the browser to bring back."""

    source: str
    query: str
    user: str
    spent: bool = False


@dataclass(slots=True)
class Issued:
    """A code, and who was here when it came."""

    client_id: str
    code: str
    owner: str
    session: str
    spent: bool = False


@dataclass(slots=True)
class Held:
    """Tokens of a service."""

    client_id: str
    owner: str
    session: str
    access: str
    refresh: str
    id_token: str
    renewed: bool = False


@dataclass(slots=True)
class Form:
    """A form as some page gave it, and the session it was given in."""

    path: str
    values: dict[str, str]
    session: str


@dataclass(frozen=True, slots=True)
class Household:
    """The broker and the people: their persons, the words that only one of them may read, their name at a service."""

    web: WebStand
    persons: Mapping[str, str]
    canaries: Mapping[str, tuple[str, ...]]
    subjects: Mapping[tuple[str, str], str]


@contextmanager
def open_household(url: str, clock: FakeClock) -> Iterator[Household]:
    """Three mothers of one child each, whom every source knows; one source proves too little for one service."""
    with open_web(url, clock, services=SERVICES, levels={"ent2": Assurance.LOW}) as web:
        persons, canaries = {}, {}
        with web.world.engine.begin() as conn:
            builders.add_school(conn, UAI)
            for place, user in enumerate(PEOPLE):
                given, child = f"Mere-{user}", f"Enfant-{user}"
                persons[user], record = builders.add_guardian(conn, f"50010{place}", given=given)
                _, pupil = builders.add_pupil(conn, f"9{place}", given=child)
                builders.add_guardianship(conn, record, pupil)
                builders.enrol(conn, pupil, UAI)
                canaries[user] = (given, child, persons[user])
        for place, user in enumerate(PEOPLE):
            web.knows(user, f"50010{place}")
        port, now = SqlGrants(web.world.engine), clock()
        subjects = {
            (user, each.service_id): port.subject(person, sector=each.service_id, space=Space.FAMILY, now=now)
            for user, person in persons.items()
            for each in SERVICES
        }
        yield Household(web, persons, canaries, subjects)


Act = Callable[["Walk"], None]


@dataclass(slots=True)
class Walk:
    """One browser and the people who use it. `holder`: who came in last and has not left; None: nobody."""

    home: Household
    random: Random
    people: tuple[str, ...]
    tally: Counter[str]
    acts: Sequence[Act]
    browser: Client = field(init=False)
    holder: str | None = None
    whose: dict[str, str] = field(default_factory=dict)
    """Who came in by each session: also one that was idle too long is theirs alone to end."""
    over: dict[str, datetime] = field(default_factory=dict)
    history: list[str] = field(default_factory=lambda: [*PAGES])
    departures: list[tuple[str, str]] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    codes: list[Issued] = field(default_factory=list)
    tokens: list[Held] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    meant: list[str | None] = field(default_factory=list)
    """Of each request to a service, in order: whom its hint names."""

    def __post_init__(self) -> None:
        self.browser = self.home.web.client()

    def run(self) -> None:
        """Walk. Raises `AssertionError` as soon as anything is another's."""
        self.sign_in()
        for _ in range(ACTS_A_WALK):
            self.random.choice(self.acts)(self)
            self.look()

    # ---- what everybody does ---------------------------------------------------------------------------------------

    def sign_in(self) -> None:
        """The whole way in, without a pause: by the sign-in page, whoever is signed in."""
        source = self.random.choice(SOURCES)
        self.choose("/connexion?but=acces", source)
        self.type_password(latest=1)
        self.return_late(latest=1)

    def ask_service(self) -> None:
        """A service asks: silently, anew, freshly enough, or for somebody it has seen before."""
        hinted = self.random.choice([*self.tokens[-2:], None])
        client_id = hinted.client_id if hinted else self.random.choice(SERVICES).service_id
        asked = {name: self.random.choice(values) for name, values in FRESH.items()}
        more = {"scope": SCOPE, "state": str(len(self.meant)), "id_token_hint": hinted.id_token if hinted else None}
        self.meant.append(hinted.owner if hinted else None)
        self.open(authorize_url(client_id, **asked, **more))

    def go_on(self) -> None:
        """Go on with what was begun last, at the sign-in page or back at the service."""
        self.open(self.history[-1])

    def go_back(self) -> None:
        """The history of any window: pages, sign-in pages, requests that wait or are long answered."""
        self.open(self.random.choice(self.history))

    def choose_source(self) -> None:
        """On any sign-in page."""
        begun = [each for each in self.history if each.startswith("/connexion")]
        self.choose(self.random.choice([*begun, "/connexion?but=donnees"]), self.random.choice(SOURCES))

    def choose(self, target: str, source: str) -> None:
        """Leave a sign-in page for a source."""
        page = self.open(target)
        if 'name="csrf"' not in page.body:
            return
        device = "own" if self.random.random() < 0.3 else "shared"
        asked = dict(parse_qsl(urlsplit(target).query))
        self.send(Form("/connexion", {"csrf": page.token, "source": source, "device": device, **asked}, self.session))

    def type_password(self, latest: int = 3) -> None:
        """Somebody, not always who began, types a password at a source."""
        if self.departures:
            source, url = self.random.choice(self.departures[-latest:])
            user = self.random.choice(self.people)
            brought = self.home.web.world.upstreams[source].sign_in(url, user)
            self.answers.append(Answered(source, urlencode(brought.params), user))

    def return_late(self, latest: int = 5) -> None:
        """Any answer of any source: at once, after somebody else came in, or for the second time."""
        if self.answers:
            self.come_back(self.random.choice(self.answers[-latest:]))

    def redeem(self) -> None:
        """A service redeems a code, now or late, for the first or second time."""
        if self.codes:
            issued = self.random.choice(self.codes[-3:])
            uri = f"https://{issued.client_id}.example/retour"
            self.take_tokens(issued, redemption(issued.code, redirect_uri=uri))

    def renew(self) -> None:
        """A service renews its tokens by itself, now or late, for the first or second time."""
        renewable = [each for each in self.tokens if each.refresh]
        if renewable:
            held = self.random.choice(renewable)
            spent, held.renewed = held.renewed, True
            issued = Issued(held.client_id, "", held.owner, held.session, spent)
            self.take_tokens(issued, {"grant_type": "refresh_token", "refresh_token": held.refresh})

    def sign_out(self) -> None:
        """By our own page, which may also stay open in some window for later."""
        page = self.open("/deconnexion")
        if 'name="csrf"' in page.body:
            onward = self.random.choice(({}, {"suite": "connexion"}))
            form = Form("/deconnexion", {"csrf": page.token, **onward}, self.session)
            if self.random.random() < STAYS_OPEN:
                self.forms.append(form)
            else:
                self.send(form)

    def sign_out_at_service(self) -> None:
        """A service asks for the end, and shows an ID token: of who is here, or of who was."""
        if self.tokens:
            held, before = self.random.choice(self.tokens[-2:]), self.session
            self.open(
                "/end-session?" + urlencode({"id_token_hint": held.id_token}),
                leaving=held.owner == self.whose.get(before),
            )
            self.tally["ended by a service"] += self.session != before

    def send_again(self) -> None:
        """Any form of any page, as it was."""
        if self.forms:
            self.send(self.random.choice(self.forms))

    def wait(self) -> None:
        """The computer is left on."""
        self.clock.advance(self.random.choice(PAUSES))

    # ---- what must hold ---------------------------------------------------------------------------------------------

    @property
    def clock(self) -> FakeClock:
        """The clock of everything here."""
        return self.home.web.world.clock

    @property
    def session(self) -> str:
        """The session's cookie; empty without one."""
        return self.browser.cookies.get(SESSION_COOKIE, "")

    def end(self, handle: str) -> None:
        """This session is over from now on."""
        if handle:
            self.over[handle] = self.clock()

    def person(self, handle: str) -> str | None:
        """Who is behind a cookie."""
        session = self.home.web.world.federation.session(handle) if handle else None
        return next((name for name, each in self.home.persons.items() if session and each == session.person_id), None)

    def look(self) -> None:
        """Nobody but who came in last is here, on any page; and no session that was ended lives."""
        here = self.person(self.session)
        assert here in {self.holder, None}, f"{here} is here, {self.holder} came in"
        self.holder = here
        if self.random.random() < LOOKS_AT_A_PAGE:
            self.open(self.random.choice(PERSONAL))
        for handle in self.over:
            assert self.person(handle) is None, "a session that was ended lives"
        if self.tokens:
            self.ask_userinfo(self.random.choice(self.tokens))

    def read(self, answer: Answer) -> None:
        """No word of anybody else."""
        for name, words in self.home.canaries.items():
            if name != self.holder:
                assert not any(word in answer.body for word in words), f"{name} is told to {self.holder}"
        self.tally["pages of somebody"] += self.holder is not None and self.holder in answer.body

    def open(self, target: str, *, leaving: bool = False) -> Answer:
        """GET an address of ours. Only who is here leaves by it."""
        before = self.session
        answer = self.browser.get(target)
        self.keep(before, leaving=leaving)
        self.read(answer)
        self.land(answer)
        return answer

    def send(self, form: Form) -> None:
        """POST a form. One that was given in another session changes nothing in this one."""
        before = self.session
        answer = self.browser.post(form.path, form.values)
        leaving = form.path == "/deconnexion"
        assert before in {form.session, self.session} or not leaving, "a form of another session"
        self.keep(before, leaving=leaving)
        self.read(answer)
        self.land(answer)
        self.forms.append(form)

    def keep(self, before: str, *, leaving: bool) -> None:
        """The session's cookie stays as it was, or goes when its person leaves."""
        if self.session == before:
            return
        assert leaving, "a session changed that nobody came into"
        assert not self.session
        self.end(before)
        self.holder = None
        self.tally["signed out"] += 1

    def come_back(self, answered: Answered) -> None:
        """A return opens a session once, for whoever typed the password; it ends the one that was here."""
        before = self.session
        answer = self.browser.get(f"/retour/{answered.source}?{answered.query}")
        if self.session != before:
            assert not answered.spent, "an answer opened a second session"
            assert self.person(self.session) == answered.user
            self.tally["came in"] += 1
            self.tally["after somebody else"] += self.holder not in {None, answered.user}
            self.end(before)
            self.holder, answered.spent = answered.user, True
            self.whose[self.session] = answered.user
        self.land(answer)

    def land(self, answer: Answer) -> None:
        """Where the browser is led: a code is of who is here, and of whom the service asked for."""
        parts = urlsplit(answer.location)
        told, host = dict(parse_qsl(parts.query)), parts.netloc.partition(".")[0]
        if host in SOURCES and "state" in told:
            self.departures.append((host, answer.location))
        elif "code" in told:
            here, meant = self.person(self.session), self.meant[int(told["state"])]
            assert here is not None, "a code for nobody"
            assert here == self.holder
            assert meant in {None, here}, f"asked for {meant}, {here} was sent"
            self.codes.append(Issued(host, told["code"], here, self.session))
            self.tally["codes"] += 1
        elif parts.path and not parts.netloc:
            self.history.append(answer.location)

    def take_tokens(self, issued: Issued, form: Mapping[str, str]) -> None:
        """Tokens are of who was here when the code came: once, and not after their session was ended."""
        answer = self.browser_of_service(form, issued.client_id)
        if answer.status != 200:
            self.tally["refused"] += 1
            issued.spent = True
            return
        assert not issued.spent, "redeemed twice"
        assert issued.session not in self.over, "tokens of a session that was ended"
        issued.spent, told = True, json.loads(answer.body)
        claims = json.loads(_decoded(told["id_token"].split(".")[1]))
        assert claims["sub"] == self.home.subjects[issued.owner, issued.client_id], "tokens of another"
        self.tally["tokens"] += 1
        self.tokens.append(
            Held(issued.client_id, issued.owner, issued.session, told["access_token"], told.get("refresh_token", ""),
                 told["id_token"])
        )  # fmt: skip

    def browser_of_service(self, form: Mapping[str, str], client_id: str) -> Answer:
        """A service calls from its own machine: without a cookie."""
        return self.home.web.client().post("/token", form, **basic(client_id))

    def ask_userinfo(self, held: Held) -> None:
        """Userinfo speaks of whose token it is, or not at all."""
        answer = self.home.web.client().get("/userinfo", Authorization=f"Bearer {held.access}")
        if answer.status != 200:
            return
        ended = self.over.get(held.session)
        assert ended is None or self.clock() - ended <= COPY, "a token of a session that was ended"
        assert json.loads(answer.body)["sub"] == self.home.subjects[held.owner, held.client_id]
        self.tally["told"] += 1


ACTS: Sequence[Act] = (
    Walk.sign_in, Walk.sign_in, Walk.ask_service, Walk.ask_service, Walk.ask_service, Walk.go_on, Walk.go_on,
    Walk.go_back, Walk.choose_source, Walk.type_password, Walk.type_password, Walk.return_late, Walk.return_late,
    Walk.redeem, Walk.redeem, Walk.redeem, Walk.renew, Walk.sign_out, Walk.sign_out_at_service, Walk.send_again,
    Walk.wait,
)  # fmt: skip


def walks(home: Household, random: Random, *, count: int, acts: Sequence[Act] = ACTS) -> Counter[str]:
    """Walk so often, each time with a new browser; two walks in three with two people. Returns what happened."""
    tally: Counter[str] = Counter()
    for number in range(count):
        home.web.world.clock.advance(60)
        people = PEOPLE if number % 3 == 2 else PEOPLE[:2]
        Walk(home, random, people, tally, acts).run()
    return tally


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
