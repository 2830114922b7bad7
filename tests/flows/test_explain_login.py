"""Incidents of real life, each explained by the number on its page: the cause, who can help, and the steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import update

from broker.domain.assurance import Assurance
from broker.domain.cas import CasClient
from broker.domain.errors import PreauError, UpstreamDeclined, UpstreamRefused, UpstreamUnavailable, every_fault
from broker.domain.services import OpeningDates
from broker.domain.standings import InForce, StandingKind
from broker.helpdesk import login_causes as causes
from broker.helpdesk.login_causes import Changer
from broker.helpdesk.login_story import LoginStories, LoginStory
from broker.services.register import Register
from broker.storage import schema
from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_login_faults import SqlLoginFaults
from broker.wire.saml import Refusal, SamlRefused
from connectors.saml.source import refusal
from tests import builders
from tests.clock import FakeClock
from tests.web_stand import KEY, MOTHER, UAI, Answer, Client, WebStand, open_web, service

TRACE = re.compile(r"\b\d{3}-\d{4}-\d{3}\b")
CANTEEN = service(cas=CasClient(("https://cantine.example/",)))
ADDRESS = "/cas/login?service=https%3A%2F%2Fcantine.example%2Fretour"


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(CANTEEN,), directory="annuaire") as stand:
        stand.add_mother("Léa")
        yield stand


@dataclass(frozen=True, slots=True)
class Incident:
    """A page of error, and what is told of it."""

    page: Answer
    story: LoginStory


def explained(web: WebStand, page: Answer) -> Incident:
    found = TRACE.search(page.text)
    assert found, page.text
    stories = LoginStories(
        SqlLoginFaults(web.world.engine),
        web.world.federation.people,
        SqlGuardianships(web.world.engine),
        web.register,
        web.world.live_policies,
        every_fault(),
    )
    story = stories.tell(found[0], now=web.parts.clock())
    assert story is not None
    assert story.trace == found[0]
    return Incident(page, story)


def seen(browser: Client, answer: Answer) -> Answer:
    """The page that an answer leads to."""
    while answer.status == 303:
        answer = browser.get(answer.location)
    return answer


def failing(web: WebStand, fault: PreauError) -> Incident:
    """A login at a source whose connector finds this."""
    browser = web.client()
    left = browser.leave()
    web.world.upstreams["educonnect"].fails = fault
    return explained(web, seen(browser, browser.come_back(left.location)))


def typed(web: WebStand, password: str, *, times: int = 1) -> Incident:
    browser = web.client()
    asked = seen(browser, browser.leave("annuaire"))
    handle = re.search(r'name="i" value="([^"]+)"', asked.body)
    assert handle
    for _ in range(times):
        form = {"csrf": asked.token, "i": handle[1], "login": KEY, "password": password}
        asked = browser.post("/connexion/annuaire", form)
    found = web.world.engine.connect().execute(schema.login_faults.select().order_by(schema.login_faults.c.at.desc()))
    last = found.first()
    assert last is not None
    return explained(web, replace(asked, body=f"{asked.body} {last.trace}"))


def opened(web: WebStand, *, target: str = ADDRESS) -> Incident:
    """The mother signs in and opens the canteen."""
    browser = web.client()
    browser.sign_in()
    return explained(web, seen(browser, browser.get(target)))


@pytest.mark.parametrize(
    ("reason", "detail", "cause"),
    [
        (Refusal.AUDIENCE, "", causes._AUDIENCE),
        (Refusal.TIME, "not yet", causes._CLOCK),
        (Refusal.TIME, "over", causes._LATE),
        (Refusal.SIGNATURE, "", causes._SIGNATURE),
        (Refusal.IN_RESPONSE_TO, "", causes._OTHER_QUESTION),
    ],
)
def test_what_is_wrong_with_a_saml_answer(web: WebStand, reason: Refusal, detail: str, cause: causes.Cause) -> None:
    assert failing(web, refusal(SamlRefused(reason, detail))).story.cause is cause


def test_metadata_of_a_source_that_are_over(web: WebStand) -> None:
    story = failing(web, UpstreamRefused("the provider's metadata is no longer valid: fetch it anew")).story
    assert story.cause.sentence.startswith("Les métadonnées du site de connexion sont périmées")
    assert story.cause.who is Changer.ACADEMIE


def test_a_source_that_is_down(web: WebStand) -> None:
    story = failing(web, UpstreamUnavailable("answer too slow")).story
    assert story.cause.sentence == "Le site de connexion est en panne : il n'a pas répondu à temps."
    assert [step.what for step in story.steps] == [
        "Connexion demandée",
        "Départ vers le site de connexion",
        "Retour du site de connexion",
        "Refus affiché à la personne",
    ]


def test_a_person_who_gave_up_at_the_source(web: WebStand) -> None:
    assert failing(web, UpstreamDeclined("access_denied")).story.cause.who is Changer.PERSON


def test_a_wrong_passphrase(web: WebStand) -> None:
    story = typed(web, "faux").story
    assert story.cause.sentence == "L'identifiant ou le mot de passe n'était pas le bon."
    assert story.source_id == "annuaire"
    assert "Mot de passe écrit sur notre page" in [step.what for step in story.steps]


def test_too_many_tries(web: WebStand) -> None:
    story = typed(web, "faux", times=6).story
    assert story.cause.sentence.startswith("Il y a eu trop d'essais : il faut attendre")
    assert story.cause.who is Changer.TIME


def test_an_account_that_answers_to_no_record(web: WebStand) -> None:
    browser = web.client()
    story = explained(web, seen(browser, browser.sign_in(user="inconnue"))).story
    assert story.cause.sentence.startswith("Le compte est bon, mais aucune école")


def test_a_restricted_parents_story_is_a_strangers(web: WebStand) -> None:
    """What a court decided shows nowhere."""
    with web.world.engine.begin() as conn:
        record = conn.execute(schema.records.select().where(schema.records.c.key == KEY)).one().id
        child = conn.execute(schema.records.select().where(schema.records.c.kind == "pupil")).one().id
        builders.add_restriction(conn, record, child)
    browser = web.client()
    restricted = explained(web, seen(browser, browser.sign_in())).story
    other = web.client()
    stranger = explained(web, seen(other, other.sign_in(user="inconnue"))).story
    assert (restricted.cause, restricted.code, restricted.person_id) == (stranger.cause, stranger.code, "")


def test_a_frozen_record(web: WebStand) -> None:
    with web.world.engine.begin() as conn:
        conn.execute(update(schema.attachments).values(state="frozen"))
    browser = web.client()
    story = explained(web, seen(browser, browser.sign_in())).story
    assert story.cause.sentence.startswith("Le dossier de cette personne est gelé")
    assert story.cause.who is Changer.SCHOOL


def test_a_recycled_account(web: WebStand) -> None:
    web.client().sign_in()
    web.world.upstreams["educonnect"].releases[MOTHER] = ()
    browser = web.client()
    story = explained(web, seen(browser, browser.sign_in())).story
    assert story.cause.sentence.startswith("Ce compte ne porte plus le dossier auquel il était relié")


def test_one_number_for_two_persons(web: WebStand) -> None:
    with web.world.engine.begin() as conn:
        builders.add_guardian(conn, KEY, feed=builders.FEED_1D)
    browser = web.client()
    assert explained(web, seen(browser, browser.sign_in())).story.cause.sentence.startswith("Le même numéro")


def test_a_login_that_went_on_in_another_browser(web: WebStand) -> None:
    left, other = web.client().leave(), web.client()
    other.get("/connexion")
    story = explained(web, seen(other, other.come_back(left.location))).story
    assert story.code == "PRE-2001"
    assert story.cause.who is Changer.PERSON


def test_an_answer_that_came_twice(web: WebStand) -> None:
    web.world.upstreams["educonnect"].burns = False
    browser = web.client()
    answers = []
    for _ in range(2):
        left = browser.leave(target="/connexion?but=acces")
        answers.append(web.world.upstreams["educonnect"].sign_in(left.location, MOTHER))
    first, second = answers
    again = {**second.params, "ticket": first.params["ticket"]}
    pages = [seen(browser, browser.get(f"/retour/educonnect?{urlencode(each)}")) for each in (first.params, again)]
    assert explained(web, pages[1]).story.code == "PRE-2007"


def test_a_source_that_was_closed(web: WebStand) -> None:
    browser = web.client()
    left = browser.leave()
    web.world.standings.value = InForce(frozenset({(StandingKind.SOURCE, "educonnect")}))
    story = explained(web, seen(browser, browser.come_back(left.location))).story
    assert story.cause.sentence == "Ce moyen de connexion est fermé pour tous par l'administration."


def test_a_service_that_was_suspended(web: WebStand) -> None:
    web.register.value = web.register.value.standing(InForce(frozenset({(StandingKind.SERVICE, "cantine")})))
    story = opened(web).story
    assert story.cause.sentence == "Ce service est suspendu par l'administration."
    assert story.service_id == "cantine"


def test_a_class_that_is_not_open_yet(web: WebStand) -> None:
    day = date(2026, 9, 21)
    web.register.value = Register((replace(CANTEEN, openings=(OpeningDates(UAI, None, "", day, None, {}),)),))
    story = opened(web).story
    assert story.cause.sentence == "Ce service n'est pas encore ouvert pour cette école ou cette classe."
    assert story.opens == day
    assert [rule.id for rule in story.rules] == ["access.term_ahead"]
    assert story.person_id


def test_a_login_that_proves_too_little(web: WebStand) -> None:
    web.register.value = Register((replace(CANTEEN, requires=Assurance.STRONG),))
    assert opened(web).story.cause.advice == "Faites entrer par EduConnect ou FranceConnect."


def test_a_guardianship_that_a_feed_withdrew(web: WebStand) -> None:
    browser = web.client()
    browser.sign_in()
    ended = web.parts.clock() - timedelta(minutes=1)
    with web.world.engine.begin() as conn:
        conn.execute(update(schema.guardianships).values(until=ended, withdrawn=ended))
    story = explained(web, seen(browser, browser.get(ADDRESS))).story
    assert story.cause is causes.WITHDRAWN
    assert story.person_id


def test_an_address_of_no_service(web: WebStand) -> None:
    story = opened(web, target="/cas/login?service=https%3A%2F%2Fautre.example%2F").story
    assert story.cause.sentence == "Aucun service du registre n'a cette adresse."
    assert story.cause.who is Changer.SERVICE


def test_a_return_address_that_was_not_declared(web: WebStand) -> None:
    target = "/authorize?client_id=cantine&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fautre.example%2F"
    story = opened(web, target=target).story
    assert story.cause.sentence == "L'adresse de retour du service n'est pas celle qu'il a déclarée."
    assert story.service_id == "cantine"


def test_pages_that_are_no_login_leave_nothing(web: WebStand) -> None:
    page = web.client().get("/rien")
    found = TRACE.search(page.text)
    assert found
    assert SqlLoginFaults(web.world.engine).find(found[0]) is None


def test_whoever_hammers_fills_nothing(web: WebStand) -> None:
    for _ in range(80):
        web.client().get("/cas/login?service=https%3A%2F%2Fautre.example%2F")
    with web.world.engine.connect() as conn:
        assert len(conn.execute(schema.login_faults.select()).all()) == 60


def test_causes_that_the_table_knows_are_those_that_we_raise() -> None:
    """A cause that was renamed would be told by the words of its page, and nobody would notice."""
    root = Path(__file__).parents[2]
    rooms = ("connectors", "broker/federation", "broker/wire")
    source = "\n".join(path.read_text("utf-8") for room in rooms for path in root.glob(f"{room}/**/*.py"))
    stated = [beginning for beginning, _ in (*causes.UPSTREAM, *causes.LINKS) if " refused: " not in beginning]
    assert [each for each in stated if each not in source] == []
