"""The journal of the desk as who looks after it reads it: the acts of their schools, and nothing but the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from broker.domain.audit import Action
from broker.domain.desk import DeskProfile, SaidPost
from broker.storage.schema import accounts, audit_events, persons, sessions
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import HERE, THERE, family, open_desk_web
from tests.flows.test_desk import DESK, PAPER, act, agent, counted, sheet, teacher
from tests.web_stand import Client, WebStand

JOURNAL = "/guichet/journal"
AUDITOR = SaidPost(DeskProfile.AUDITEUR, HERE)
HEAD = SaidPost(DeskProfile.CHEF, HERE)
ELSEWHERE = SaidPost(DeskProfile.ACCUEIL, THERE)


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        yield stand


def auditor(stand: WebStand, *posts: SaidPost) -> Client:
    return agent(stand, *(posts or (AUDITOR,)), user="a.udit")


def test_an_auditor_reads_who_did_what_for_whom_why_and_on_which_proofs(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    act(client, mother, "fenetre", **PAPER)
    act(client, mother, "lettre", motif="expire", preuve_rappel="1", preuve_vue="1")
    reader = auditor(stand)
    assert reader.get("/guichet").location == JOURNAL
    page = reader.get(JOURNAL)
    for shown in (
        "Accès ouvert quelques minutes", "Lettre imprimée", "Fiche ouverte par un agent",
        "l.martin tel que vu par la source",
        "Nadia BENALI", "Perdu ou oublié", "Code expiré", "Pièce d'identité vue",
        "Rappel au numéro connu de l'école · Connu de vue", f"Collège {HERE}",
    ):  # fmt: skip
        assert shown in page.text, shown
    assert counted(stand, Action.JOURNAL_READ) == 1
    assert "Journal du guichet lu" in reader.get(JOURNAL).text


def test_refusals_and_alarms_are_told_and_never_who_was_out_of_reach(stand: WebStand) -> None:
    for number in range(7):
        family(stand.world.engine, str(100 + number), name=f"Zora CIBLE{number}x", child="Max", uai=THERE)
    with stand.world.engine.connect() as conn:
        strangers = list(conn.execute(select(persons.c.id)).scalars())
    client = agent(stand, DESK)
    for person in strangers:
        assert client.get(sheet(person)).status == 403
    page = auditor(stand).get(JOURNAL)
    for shown in ("Acte refusé</strong> – voir une fiche", "Une personne hors du périmètre.", "Alarme"):
        assert shown in page.text, shown
    assert "CIBLE" not in page.text


def test_an_agent_whose_name_is_erased_is_no_administration(stand: WebStand) -> None:
    agent(stand, DESK).get("/guichet?q=nadia")
    reader = auditor(stand)
    with stand.world.engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.subject == "l.martin").values(said_name=None))
    page = reader.get(f"{JOURNAL}?acte=agent_searched").text
    assert "nom effacé" in page
    assert "administration" not in page


def test_the_journal_of_another_school_is_not_told(stand: WebStand) -> None:
    engine = stand.world.engine
    mother = family(engine, "1", name="Zora CIBLE", child="Max", uai=THERE)
    other = agent(stand, ELSEWHERE, user="o.autre")
    act(other, mother, "fenetre", **PAPER)
    other.get("/guichet?q=zora")
    family(engine, "2", name="Nadia BENALI", child="Inès")
    agent(stand, DESK).get("/guichet?q=nadia")
    for reader in (auditor(stand), agent(stand, HEAD, user="chef")):
        page = reader.get(JOURNAL).text
        assert "l.martin" in page
        for hidden in ("CIBLE", "o.autre", THERE, "Accès ouvert quelques minutes</strong>"):
            assert hidden not in page, hidden
        for asked in (f"?personne={mother}", f"?agent={_person(stand, 'o.autre')}"):
            assert "Rien n'a encore été écrit" in reader.get(JOURNAL + asked).text
    assert "o.autre" in auditor(stand, SaidPost(DeskProfile.AUDITEUR, academie="99")).get(JOURNAL).text


def test_who_looks_after_a_school_is_not_told_what_its_agent_searched_for_another_desk(stand: WebStand) -> None:
    """An agent of two schools: the searches are told at both, the acts where they were done."""
    mother = family(stand.world.engine, "1", name="Zora CIBLE", child="Max", uai=THERE)
    both = agent(stand, DESK, ELSEWHERE)
    act(both, mother, "fenetre", **PAPER)
    both.get("/guichet?q=personne")
    page = auditor(stand).get(JOURNAL).text
    assert "Recherche" in page
    assert "Accès ouvert quelques minutes</strong>" not in page
    assert "CIBLE" not in page


def test_whom_a_reader_of_two_schools_looked_up_is_named_at_neither(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Zora CIBLE", child="Max", uai=THERE)
    act(agent(stand, ELSEWHERE), mother, "fenetre", **PAPER)
    both = auditor(stand, AUDITOR, SaidPost(DeskProfile.AUDITEUR, THERE))
    assert "Zora CIBLE" in both.get(f"{JOURNAL}?personne={mother}").text
    page = agent(stand, HEAD, user="chef").get(JOURNAL).text
    assert "Journal du guichet lu</strong>" in page
    assert "CIBLE" not in page


def test_who_is_at_the_front_desk_of_another_school_does_not_read_its_journal(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Zora CIBLE", child="Max", uai=THERE)
    act(agent(stand, ELSEWHERE), mother, "fenetre", **PAPER)
    page = auditor(stand, AUDITOR, ELSEWHERE).get(JOURNAL)
    assert page.status == 200
    assert "CIBLE" not in page.text


def test_an_auditor_has_nothing_but_the_journal(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    reader = auditor(stand)
    token = reader.get(JOURNAL).token
    assert reader.get(sheet(mother)).status == 403
    assert reader.get("/guichet?q=nadia").location == JOURNAL
    for name in ("fenetre", "lettre", "sms", "attente", "fermer", "rouvrir"):
        assert reader.post(sheet(mother), {"csrf": token, "acte": name, **PAPER}).status == 403, name
    form = {"csrf": token, "ecole": HERE, "classe": "6eB"}
    assert reader.post("/guichet/classe", form).status == 403
    assert "Votre profil" not in reader.get(JOURNAL).text


@pytest.mark.parametrize(("profile", "status"), [
    (DeskProfile.ACCUEIL, 403), (DeskProfile.CHEF, 200), (DeskProfile.ACADEMIE, 200), (DeskProfile.AUDITEUR, 200),
])  # fmt: skip
def test_who_reads_the_journal(stand: WebStand, profile: DeskProfile, status: int) -> None:
    client = agent(stand, SaidPost(profile, HERE))
    assert client.get(JOURNAL).status == status
    assert (JOURNAL in client.get("/guichet").body) is (status == 200 and profile is not DeskProfile.AUDITEUR)


def test_a_teacher_reads_no_journal(stand: WebStand) -> None:
    assert teacher(stand).get(JOURNAL).status == 403


@pytest.mark.parametrize(("profile", "told"), [(DeskProfile.CHEF, False), (DeskProfile.AUDITEUR, True)])
def test_what_was_done_for_the_readers_own_family_is_told_to_an_auditor_alone(
    stand: WebStand, profile: DeskProfile, told: bool
) -> None:
    engine = stand.world.engine
    mother = family(engine, "1", name="Nadia BENALI", child="Inès")
    act(agent(stand, DESK), mother, "fenetre", **PAPER)
    agent(stand, SaidPost(profile, HERE), user="mere")
    with engine.begin() as conn:
        own = accounts.c.subject == "mere"
        was = conn.execute(select(accounts.c.person_id).where(own)).scalar_one()
        conn.execute(accounts.update().where(own).values(person_id=mother))
        conn.execute(sessions.update().where(sessions.c.person_id == was).values(person_id=mother))
    page = agent(stand, SaidPost(profile, HERE), user="mere").get(JOURNAL).text
    assert ("Accès ouvert quelques minutes</strong>" in page) is told


def test_the_journal_is_read_by_agent_person_act_and_day_twenty_lines_a_page(stand: WebStand, clock: FakeClock) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    act(client, mother, "fenetre", **PAPER)
    for _ in range(30):
        client.get("/guichet?q=personne")
    clock.advance(timedelta(days=1))
    act(agent(stand, SaidPost(DeskProfile.ACCUEIL, HERE), user="z.autre"), mother, "fermer", motif="soupcon")
    reader = auditor(stand)
    first = reader.get(f"{JOURNAL}?acte=agent_searched")
    assert first.text.count("<strong>Recherche</strong>") == 20
    (onward,) = [part.split('"')[0] for part in first.text.split('href="') if "apres=" in part.split('"')[0]]
    assert reader.get(onward).text.count("<strong>Recherche</strong>") == 10
    assert "Accès fermé</strong>" not in reader.get(f"{JOURNAL}?agent={_person(stand, 'l.martin')}").text
    assert "Recherche</strong>" not in reader.get(f"{JOURNAL}?personne={mother}").text
    yesterday = reader.get(f"{JOURNAL}?jour={b.NOW.date().isoformat()}&acte=access_closed")
    assert "Rien n'a encore été écrit" in yesterday.text
    for odd in (
        "jour=2026-02-31",
        "apres=x",
        "apres=99999999999999999999",
        "acte=sign_in",
        "personne=%00",
        "jour=9999-12-31",
    ):
        assert reader.get(f"{JOURNAL}?{odd}").status == 200, odd


def test_a_teacher_who_opens_to_somebody_elses_pupil_stands_in_the_journal(stand: WebStand) -> None:
    stranger = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", uai=THERE)
    client = teacher(stand)
    form = {"csrf": client.get("/guichet/ma-classe").token, "ecole": HERE, "classe": "6eB", f"eleve_{stranger}": "1"}
    assert client.post("/guichet/ma-classe", form).status == 403
    with stand.world.engine.connect() as conn:
        (event,) = conn.execute(select(audit_events).where(audit_events.c.action == "agent_refused")).fetchall()
    assert (event.subject, event.outcome, event.detail["act"]) == ("", "refused", "open_window")


def _person(stand: WebStand, user: str) -> str:
    with stand.world.engine.connect() as conn:
        return str(conn.execute(select(accounts.c.person_id).where(accounts.c.subject == user)).scalar_one())
