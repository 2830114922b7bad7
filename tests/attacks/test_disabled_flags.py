"""What an administrator closed stays closed at every endpoint, whatever was already under way (threat K-10).

Each flag meets each endpoint: the request is prepared while all is open, the flag closes, the request must fail; the
flag is lifted, and the same request, prepared anew, passes (a session that ended stays ended). Where a flag does not
concern an endpoint the table says why, and the request must pass while the flag stands: a reason that no longer holds
fails too. Of two flags that stand at once, lifting one leaves the other in force (the class of CVE-2026-18218).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from broker.domain.acts import LiftStanding, SetStanding
from broker.domain.audit import Action, AuditEvent
from broker.domain.cas import CasClient
from broker.domain.errors import every_fault
from broker.domain.handles import digest
from broker.domain.services import ClaimName, Protocol, RelyingParty, TokenAuthMethod
from broker.domain.standings import StandingKind, StandingState
from broker.jobs.deliver import deliverers
from broker.storage.schema import accounts
from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_standings import SqlStandings
from broker.wire.http import SESSION_COOKIE
from tests.attacks.cas_attempts import AT_CAS, CAS_VALIDATIONS, cas_login, cas_resume, cas_validation
from tests.attacks.oidc_attempts import authorize, code_of, introspection, posted, pushed, resume, token, userinfo
from tests.clock import FakeClock
from tests.federations import RIGHT
from tests.oidc_stand import REDIRECT, SECRET, authorize_url, basic, redemption
from tests.saml_stand import SAML_ROUTES
from tests.web_stand import MOTHER, UAI, Client, WebStand, open_web, service

CHILD = "Léa"
SOURCE, DIRECTORY = "educonnect", "annuaire"
SCOPES = ("openid", "profile", "school", "children")


@dataclass
class Town:
    """A mother, her one child, one service; everything open at first."""

    stand: WebStand
    mother: str
    child: str

    def account(self) -> str:
        with self.stand.world.engine.connect() as conn:
            return str(conn.execute(select(accounts.c.id).where(accounts.c.source_id == SOURCE)).scalar_one())

    def accounts(self) -> list[str]:
        with self.stand.world.engine.connect() as conn:
            return list(conn.execute(select(accounts.c.id)).scalars())

    def signed_in(self) -> Client:
        client = self.stand.client()
        client.sign_in(SOURCE)
        assert SESSION_COOKIE in client.cookies
        return client

    def take_effect(self) -> None:
        """What the watcher and the worker of every process do within their seconds."""
        world = self.stand.world
        outbox, tell = SqlOutbox(world.engine), deliverers(world.store)
        for entry in outbox.due(now=world.clock(), limit=99, topics=tuple(tell)):
            tell[entry.row.topic](entry.row)
            outbox.done(entry.entry_id, now=world.clock())
        world.standings.value = SqlStandings(world.engine).in_force()
        self.stand.register.value = self.stand.register.value.standing(world.standings.value)

    def standing(self, kind: StandingKind, subject: str, *, closes: bool, tenant: str = "ac-test") -> None:
        world = self.stand.world
        port, now, state = SqlStandings(world.engine), world.clock(), StandingState.SUSPENDED
        event = AuditEvent(tenant, now, Action.STANDING_SET if closes else Action.STANDING_LIFTED, actor="cli:test")
        if closes:
            port.set(SetStanding(kind, subject, state, tenant=tenant, reason="essai", now=now, audit=event))
        else:
            port.lift(LiftStanding(kind, subject, state, tenant=tenant, reason="fini", now=now, audit=event))
        self.take_effect()

    def restriction(self, *, closes: bool) -> None:
        world = self.stand.world
        port, now = SqlGuardianships(world.engine), world.clock()
        event = AuditEvent("ac-test", now, Action.RESTRICTION_SET, actor="cli:test")
        if closes:
            port.restrict(adult_id=self.mother, child_id=self.child, since=now, audit=event)
        else:
            port.lift(adult_id=self.mother, child_id=self.child, until=now, audit=event)
        self.take_effect()


@contextmanager
def open_town(url: str, clock: FakeClock) -> Iterator[Town]:
    party = RelyingParty("cantine", digest(SECRET), (REDIRECT,), TokenAuthMethod.BASIC, scopes=SCOPES)
    offered = service(
        claims=(ClaimName.GIVEN_NAME, ClaimName.UAI, ClaimName.CHILDREN),
        parties=(party,),
        protocols=(Protocol.OIDC, Protocol.CAS),
        cas=CasClient((AT_CAS,)),
    )
    with open_web(url, clock, services=(offered,), directory=DIRECTORY) as stand:
        mother = stand.add_mother(CHILD)
        child = next(iter(stand.world.federation.people.children_of(mother, now=clock()))).child_id
        town = Town(stand, mother, child)
        town.signed_in()
        yield town


@pytest.fixture
def town(sqlite_url: str, clock: FakeClock) -> Iterator[Town]:
    with open_town(sqlite_url, clock) as opened:
        yield opened


# ---- endpoints: prepared while all is open, then tried ------------------------------------------------------------

Attempt = Callable[[], bool]
"""Tells whether the request was answered as if nothing were closed."""


def request_of_a_stranger(town: Town) -> Attempt:
    client = town.stand.client()

    def attempt() -> bool:
        asked = client.get(authorize_url())
        return asked.status == 303 and f'value="{SOURCE}"' in client.get(asked.location).body

    return attempt


def departure(town: Town) -> Attempt:
    client = town.stand.client()
    form = {"csrf": client.get("/connexion").token, "source": SOURCE, "device": "shared"}
    return lambda: client.post("/connexion", form).location.startswith(f"https://{SOURCE}.example/")


def callback(town: Town) -> Attempt:
    client = town.stand.client()
    left = client.leave(SOURCE)

    def attempt() -> bool:
        client.come_back(left.location, source=SOURCE, user=MOTHER)
        return SESSION_COOKIE in client.cookies

    return attempt


def password_page(town: Town) -> Attempt:
    client = town.stand.client()
    left = client.leave(DIRECTORY)
    return lambda: 'type="password"' in client.get(left.location).body


def password(town: Town) -> Attempt:
    assert with_password(town)()  # the login is linked by now, so that its link can be closed
    return with_password(town)


def with_password(town: Town) -> Attempt:
    client = town.stand.client()
    left = client.leave(DIRECTORY)
    handle = dict(parse_qsl(urlsplit(left.location).query))["i"]
    form = {"csrf": client.get(left.location).token, "i": handle, "login": MOTHER, "password": RIGHT}

    def attempt() -> bool:
        client.post(f"/connexion/{DIRECTORY}", form)
        return SESSION_COOKIE in client.cookies

    return attempt


def page(path: str, *shown: str) -> Callable[[Town], Attempt]:
    def prepare(town: Town) -> Attempt:
        client = town.signed_in()

        def attempt() -> bool:
            answer = client.get(path)
            return answer.status == 200 and all(part in answer.text for part in shown)

        return attempt

    return prepare


def undo_page(town: Town) -> Attempt:
    client, account = town.signed_in(), town.account()
    return lambda: client.get(f"/acces/{account}/annuler").status == 200


def undoing(town: Town) -> Attempt:
    client, account = town.signed_in(), town.account()
    form = {"csrf": client.get(f"/acces/{account}/annuler").token}

    def attempt() -> bool:
        client.post(f"/acces/{account}/annuler", form)
        with town.stand.world.engine.connect() as conn:
            return conn.execute(select(accounts.c.ended_at).where(accounts.c.id == account)).scalar() is not None

    return attempt


CANTINE = 'href="https://cantine.example/"'

ENDPOINTS: Mapping[str, Callable[[Town], Attempt]] = {
    "GET /connexion": request_of_a_stranger,
    "POST /connexion": departure,
    "GET /connexion/<source_id>": password_page,
    "POST /connexion/<source_id>": password,
    "GET /retour/<source_id>": callback,
    "GET /": page("/", CHILD, CANTINE),
    "GET /pourquoi": page("/pourquoi", CHILD),
    "GET /acces": page("/acces", "/annuler"),
    "GET /acces/<account_id>/annuler": undo_page,
    "POST /acces/<account_id>/annuler": undoing,
    "GET /donnees": page("/donnees"),
    "GET /donnees/export": page("/donnees/export"),
    "GET /donnees/export.json": page("/donnees/export.json"),
    "GET /authorize": authorize,
    "POST /authorize": posted,
    "GET /authorize/resume": resume,
    "POST /par": pushed,
    "POST /token": token,
    "GET /userinfo": userinfo("GET"),
    "POST /userinfo": userinfo("POST"),
    "POST /introspect": introspection,
    "GET /cas/login": cas_login,
    "GET /cas/login/resume": cas_resume,
    **{f"GET {path}": cas_validation(path) for path in CAS_VALIDATIONS},
}
OPEN_TO_ALL = {
    "GET /deconnexion", "POST /deconnexion", "GET /au-revoir", "GET /end-session", "POST /end-session",
    "GET /end-session/resume", "POST /revoke", "GET /avis", "GET /sante", "GET /robots.txt", "GET /static/<name>",
    "GET /.well-known/openid-configuration", "GET /jwks", "GET /integrer",
    "GET /integrer/familles", "GET /codes", "GET /codes/<code>", "GET /cas/logout",
    "GET /saml/sp/educonnect/metadata", "POST /saml/sp/educonnect/acs", "GET /saml/sp/educonnect/slo",
    "POST /retour/educonnect", "POST /retour/ent1", "POST /retour/ent2", "GET /au-revoir/<source_id>",
    "GET /au-revoir/<source_id>/retour", "GET /second/cle/plus-tard",
}  # fmt: skip
"""They tell nobody anything of anyone, and who wants to leave may always leave. Of SAML answers `/retour` decides."""
BESIDE = {
    "POST /device_authorization", "GET /device", "POST /device", "POST /device/reponse", "GET /accord", "POST /accord",
    "GET /start/<service_id>", "GET /cas/proxy", "POST /cas/samlValidate", "GET /cas/avertir",
}  # fmt: skip
"""Tried in `test_disabled_flags_screens` and `test_cas_tickets`: they have services of their own."""
SIGNED_IN_PAGES = {
    "GET /appareils", "POST /appareils", "GET /passages", "POST /passages", "POST /acces/relier", "GET /enfants",
    "POST /enfants", "GET /second", "POST /second", "GET /second/nouveau", "POST /second/nouveau",
    "POST /second/retirer", "POST /second/cle", "GET /second/cle/nouvelle", "POST /second/cle/nouvelle",
    "GET /toujours-la", "POST /toujours-la", "GET /moyens", "POST /moyens", "POST /moyens/passe",
}  # fmt: skip
DESK_PAGES = {
    "GET /guichet", "GET /guichet/compte/<person_id>", "POST /guichet/compte/<person_id>", "GET /guichet/classe",
    "POST /guichet/classe", "GET /guichet/ma-classe", "POST /guichet/ma-classe", "GET /guichet/incident/<number>",
    "GET /guichet/journal", "GET /guichet/a-confirmer", "GET /guichet/a-confirmer/<request_id>",
    "POST /guichet/a-confirmer/<request_id>", "GET /guichet/delegations", "POST /guichet/delegations",
}  # fmt: skip
"""Both tried in `test_disabled_flags_own`: whoever was closed has no session, and nothing of these."""
OF_CODES = {
    "GET /code", "POST /code", "GET /code/naissance", "POST /code/naissance", "GET /code/ouvert", "POST /code/ouvert",
    "GET /code/passe", "POST /code/passe", "GET /code/images", "POST /code/images", "GET /code/pret", "GET /code/deja",
    "POST /code/deja", "GET /perdu", "GET /perdu/mobile", "POST /perdu/mobile", "GET /perdu/aide", "GET /perdu/code",
    "POST /perdu/code", "GET /classe", "POST /classe", "GET /classe/<code>", "GET /classe/<code>/<ref>",
    "POST /classe/<code>/<ref>", "POST /connexion/<source_id>/cle", "GET /acces-ferme",
}  # fmt: skip
"""Who comes by a code is not known before the act that sets the secret or opens the session: it is refused there
(`test_credentials`, `test_ways_in`), and what was closed is said after it to whoever closed it."""


# ---- flags --------------------------------------------------------------------------------------------------------


def standing(kind: StandingKind, subject: Callable[[Town], str]) -> Callable[[Town, bool], None]:
    return lambda town, closes: town.standing(kind, subject(town), closes=closes)


def standings(kind: StandingKind, subjects: Callable[[Town], Iterable[str]]) -> Callable[[Town, bool], None]:
    def change(town: Town, closes: bool) -> None:
        for subject in subjects(town):
            town.standing(kind, subject, closes=closes)

    return change


FLAGS: Mapping[str, Callable[[Town, bool], None]] = {
    "service": standing(StandingKind.SERVICE, lambda town: "cantine"),
    "source": standings(StandingKind.SOURCE, lambda _town: (SOURCE, DIRECTORY)),
    "link": standings(StandingKind.LINK, lambda town: town.accounts()),
    "person": standing(StandingKind.PERSON, lambda town: town.mother),
    "school": standing(StandingKind.SCHOOL, lambda town: UAI),
    "guardianship": lambda town, closes: town.restriction(closes=closes),
}

_OWN = "one's own logins and data stay one's own"
_NOBODY_YET = "who asks is not known before the login"
_ID_TOKEN = "a code of the last minute yields an ID token that names no child and no school; userinfo decides anew"
ELSEWHERE: Mapping[tuple[str, str], str] = {
    **dict.fromkeys(
        (
            ("service", "POST /connexion"), ("service", "GET /retour/<source_id>"), ("service", "GET /pourquoi"),
            ("service", "GET /connexion/<source_id>"), ("service", "POST /connexion/<source_id>"),
            *(("service", path) for path in ENDPOINTS if path.partition(" ")[2].startswith(("/acces", "/donnees"))),
        ),
        "the portal itself is no service",
    ),
    **{(flag, "GET /connexion"): _NOBODY_YET for flag in ("link", "person", "school", "guardianship")},
    **{
        (flag, path): _NOBODY_YET
        for flag in ("link", "person", "school", "guardianship")
        for path in ("POST /connexion", "GET /connexion/<source_id>")
    },
    **{(flag, "POST /par"): _NOBODY_YET for flag in ("source", "link", "person", "school", "guardianship")},
    **{
        (flag, path): "the login is the person's"
        for flag in ("school", "guardianship")
        for path in ("GET /retour/<source_id>", "POST /connexion/<source_id>")
    },
    **{
        (flag, path): _OWN
        for flag in ("school", "guardianship")
        for path in ENDPOINTS
        if path.partition(" ")[2].startswith(("/acces", "/donnees"))
    },
    ("school", "GET /pourquoi"): "the card stays, and so does its explanation",
    **{(flag, "POST /token"): _ID_TOKEN for flag in ("school", "guardianship")},
    **{(flag, "POST /introspect"): "it names no child and no school" for flag in ("school", "guardianship")},
    **{(flag, "GET /cas/validate"): "it names no child and no school" for flag in ("school", "guardianship")},
}  # fmt: skip


UNDOING = "POST /acces/<account_id>/annuler"
"""It ends the login that every other preparation begins with: a town for each of its cases."""


def closed_and_open(town: Town, flag: str, endpoint: str) -> tuple[bool, bool]:
    """Whether the request passes while the flag stands, and whether it passes once it is lifted."""
    attempt = ENDPOINTS[endpoint](town)
    FLAGS[flag](town, True)
    passed = attempt()
    FLAGS[flag](town, False)
    return passed, passed if endpoint == UNDOING and passed else ENDPOINTS[endpoint](town)()


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in ENDPOINTS if endpoint != UNDOING])
def test_what_is_closed_is_closed_there_and_opens_again(town: Town, endpoint: str) -> None:
    found = {flag: closed_and_open(town, flag, endpoint) for flag in FLAGS}
    assert found == {flag: ((flag, endpoint) in ELSEWHERE, True) for flag in FLAGS}


@pytest.mark.parametrize("flag", FLAGS)
def test_what_is_closed_undoes_no_link(town: Town, flag: str) -> None:
    assert closed_and_open(town, flag, UNDOING) == ((flag, UNDOING) in ELSEWHERE, True)


def test_the_matrix_names_every_address_there_is(town: Town) -> None:
    pages = {rule.endpoint for rule in town.stand.pages.url_map.iter_rules()}
    assert pages | {" ".join(route) for route in town.stand.door._routes} == (
        set(ENDPOINTS) | OPEN_TO_ALL | BESIDE | SAML_ROUTES | SIGNED_IN_PAGES | DESK_PAGES | OF_CODES
    )


@pytest.mark.parametrize("flag", ["service", "source", "link", "person", "school"])
def test_of_two_that_stand_lifting_one_leaves_the_other_in_force(town: Town, flag: str) -> None:
    subjects = {"service": "cantine", "source": SOURCE, "link": town.account(), "person": town.mother, "school": UAI}
    kind, subject = StandingKind(flag), subjects[flag]
    endpoint = "GET /retour/<source_id>" if flag in {"source", "link", "person"} else "GET /authorize"
    attempt = ENDPOINTS[endpoint](town)
    for tenant in ("ac-test", "ville"):
        town.standing(kind, subject, closes=True, tenant=tenant)
    town.standing(kind, subject, closes=False, tenant="ac-test")
    assert not attempt()
    town.standing(kind, subject, closes=False, tenant="ville")
    assert ENDPOINTS[endpoint](town)()


def test_flags_of_different_kinds_do_not_lift_each_other(town: Town) -> None:
    attempt = ENDPOINTS["GET /authorize"](town)
    FLAGS["service"](town, True)
    FLAGS["school"](town, True)
    FLAGS["school"](town, False)
    assert not attempt()
    FLAGS["service"](town, False)
    assert attempt()


ERRORS = (
    ("service", "GET /authorize", "PRE-3015"),
    ("source", "GET /retour/<source_id>", "PRE-2011"),
    ("link", "GET /retour/<source_id>", "PRE-2010"),
    ("person", "GET /retour/<source_id>", "PRE-2009"),
)


@pytest.mark.parametrize(("flag", "endpoint", "code"), ERRORS)
def test_the_page_says_what_to_do_and_not_why(town: Town, flag: str, endpoint: str, code: str) -> None:
    client = town.signed_in() if endpoint == "GET /authorize" else town.stand.client()
    left = "" if endpoint == "GET /authorize" else client.leave(SOURCE).location
    FLAGS[flag](town, True)
    answer = client.get(authorize_url()) if not left else client.come_back(left, source=SOURCE)
    shown = client.get(answer.location) if answer.status == 303 else answer
    fault = every_fault()[code]
    assert fault.title in shown.text
    assert fault.next_step in shown.text
    assert "essai" not in shown.text


def refusal_at_token(town: Town, flag: str, secret: str = SECRET) -> tuple[int, str]:
    client = town.signed_in()
    code = code_of(client.get(authorize_url()).location)
    FLAGS[flag](town, True)
    answer = client.post("/token", redemption(code), **basic(secret=secret))
    return answer.status, answer.body.partition('"error":')[2].split('"')[1]


@pytest.mark.spec("RFC 6749 §5.2")
@pytest.mark.parametrize(
    ("flag", "status", "error"),
    [
        ("service", 400, "unauthorized_client"),
        ("source", 400, "invalid_grant"),
        ("link", 400, "invalid_grant"),
        ("person", 400, "invalid_grant"),
    ],
)
def test_the_client_is_told_in_the_words_of_its_standard(town: Town, flag: str, status: int, error: str) -> None:
    assert refusal_at_token(town, flag) == (status, error)


def test_that_a_service_is_closed_is_not_told_to_a_stranger(town: Town) -> None:
    assert refusal_at_token(town, "service", secret="x" * 50) == (401, "invalid_client")


@pytest.mark.spec("RFC 6750 §3.1")
@pytest.mark.parametrize("flag", ["service", "source", "link", "person"])
def test_a_live_token_is_an_invalid_one_once_its_ground_is_closed(town: Town, flag: str) -> None:
    client = town.signed_in()
    code = code_of(client.get(authorize_url()).location)
    handle = client.post("/token", redemption(code), **basic()).body.partition('"access_token":')[2].split('"')[1]
    FLAGS[flag](town, True)
    told = client.send("GET", "/userinfo", headers={"Authorization": f"Bearer {handle}"})
    assert told.status == 401
    assert 'error="invalid_token"' in told.header("WWW-Authenticate")


# ---- without its check, the door stands open ----------------------------------------------------------------------


def test_without_the_register_under_its_standings_a_service_would_stay_open(town: Town) -> None:
    attempt = ENDPOINTS["GET /authorize"](town)
    FLAGS["service"](town, True)
    assert not attempt()
    held = town.stand.register.value
    town.stand.register.value = held.standing(replace(held.in_force, suspended=frozenset()))
    assert attempt()


def test_an_answer_of_a_closed_source_is_not_even_looked_at(town: Town) -> None:
    client = town.stand.client()
    left = client.leave(SOURCE)
    FLAGS["source"](town, True)
    client.come_back(left.location, source=SOURCE, user=MOTHER)
    assert len(town.stand.world.upstreams[SOURCE].tickets) == 1
    FLAGS["source"](town, False)
    client.come_back(client.leave(SOURCE).location, source=SOURCE, user=MOTHER)
    assert len(town.stand.world.upstreams[SOURCE].tickets) == 1


def test_without_the_standings_a_closed_source_would_still_be_offered(town: Town) -> None:
    attempt = ENDPOINTS["POST /connexion"](town)
    FLAGS["source"](town, True)
    held = town.stand.world.standings
    held.value = replace(held.value, suspended=frozenset(), sources_since=frozenset())
    assert attempt()
