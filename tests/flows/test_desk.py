"""The desk as an agent meets it: search, sheet, acts, letters, the teacher's class; and for everybody else no desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from broker.domain.audit import Action
from broker.domain.desk import DeskProfile, SaidPost
from broker.domain.errors import UpstreamUnavailable
from broker.domain.people import Profil, RecordKind
from broker.domain.standings import InForce, StandingKind
from broker.storage.schema import audit_events, codes, notices, standings
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import AGENTS, BORN, HERE, THERE, family, open_desk_web
from tests.flows.test_ways_in import come_in, number_on
from tests.web_stand import MOTHER, Answer, Client, WebStand

DESK = SaidPost(DeskProfile.ACCUEIL, HERE, until=b.NOW + timedelta(days=30))
HEAD = SaidPost(DeskProfile.CHEF, HERE)
ACADEMIE = SaidPost(DeskProfile.ACADEMIE, academie="99")
PAPER = {"preuve_piece": "1", "motif": "perdu"}


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        yield stand


def agent(stand: WebStand, *posts: SaidPost, user: str = "l.martin") -> Client:
    """An agent who signed in with a second factor."""
    stand.world.upstreams[AGENTS].posts[user] = posts
    client = stand.client()
    client.sign_in(AGENTS, user=user)
    return client


def sheet(person: str) -> str:
    return f"/guichet/compte/{person}"


def act(client: Client, person: str, name: str, **form: str) -> Answer:
    """One act on a sheet; ten minutes at the screen of `numero`, where none is told at one of its own."""
    if name == "fenetre" and "numero" not in form:
        form["numero"] = number_on(Client(client.app, client.world))
    return client.post(sheet(person), {"csrf": client.get(sheet(person)).token, "acte": name, **form})


def counted(stand: WebStand, action: Action) -> int:
    with stand.world.engine.connect() as conn:
        which = select(func.count()).select_from(audit_events).where(audit_events.c.action == action.value)
        return int(conn.execute(which).scalar_one())


# ---- the door ------------------------------------------------------------------------------------------------------


def test_for_a_parent_and_for_a_stranger_there_is_no_desk(stand: WebStand) -> None:
    family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    stand.knows(MOTHER, "1")
    mother = stand.client()
    mother.sign_in()
    for path in ("/guichet", "/guichet/classe", "/guichet/ma-classe", sheet("prs_x")):
        assert mother.get(path).status == 404, path
        assert stand.client().get(path).status in {303, 401}, path


def test_an_agent_without_a_second_factor_is_led_to_show_one(stand: WebStand) -> None:
    stand.world.upstreams[AGENTS].amr = ("pwd",)
    client = agent(stand, DESK)
    answer = client.get("/guichet")
    assert (answer.status, answer.location.partition("?")[0]) == (303, "/second")


def test_an_agent_whose_post_ended_finds_no_desk(stand: WebStand, clock: FakeClock) -> None:
    client = agent(stand, DESK)
    assert client.get("/guichet").status == 200
    agent(stand, user="l.martin")
    assert client.get("/guichet").status == 404


# ---- search and sheet -----------------------------------------------------------------------------------------------


def test_the_only_hit_opens_at_once_and_is_written_in_the_journal(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    found = client.get("/guichet?q=1242")
    assert (found.status, found.location) == (303, sheet(mother))
    page = client.get(found.location)
    for shown in ("Nadia BENALI", "Inès 6eB", "•• 42", "voit, agit", "n'a pas encore d'accès"):
        assert shown in page.text, shown
    assert "+33639981242" not in page.text
    assert (counted(stand, Action.AGENT_SEARCHED), counted(stand, Action.AGENT_VIEWED)) == (1, 1)


def test_a_homonym_opens_by_the_first_name_of_a_child(stand: WebStand) -> None:
    engine = stand.world.engine
    mother = family(engine, "1", name="Marie BERNARD", child="Inès")
    family(engine, "2", name="Marie BERNARD", child="Adam")
    client = agent(stand, DESK)
    listed = client.get("/guichet?q=marie+bernard")
    assert listed.text.count("Homonyme (2)") == 2
    assert "Ouvrir 10 minutes" not in client.get(sheet(mother)).text
    assert "n'ouvre pas" in client.get(f"{sheet(mother)}?prenom=Adam").text
    opened = client.get(f"{sheet(mother)}?prenom=ines")
    assert "Ouvrir 10 minutes" in opened.text
    form = {"csrf": opened.token, "acte": "fenetre", "numero": number_on(stand.client()), **PAPER}
    assert client.post(sheet(mother), form).status == 404
    assert client.post(sheet(mother), {**form, "prenom": "Inès"}).status == 303


def test_a_child_at_another_school_is_only_said_to_be_there(stand: WebStand) -> None:
    engine = stand.world.engine
    mother = family(engine, "1", name="Nadia BENALI", child="Inès")
    with engine.begin() as conn:
        _, pupil = b.add_pupil(conn, "77", given="Zélie", family="BENALI")
        b.add_guardianship(conn, "99-2d:1", pupil)
        b.enrol(conn, pupil, THERE)
    page = agent(stand, DESK).get(sheet(mother)).text
    assert "Un enfant hors de votre périmètre" in page
    assert "Zélie" not in page
    assert THERE not in page


def test_a_login_that_does_not_answer_is_said_before_anybody_changes_a_password(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    stand.knows(MOTHER, "1")
    stand.client().sign_in()
    client = agent(stand, DESK)
    assert "Rien ne bloque de notre côté" in client.get(sheet(mother)).text
    upstreams = stand.world.federation.upstreams
    for _ in range(int(upstreams.rules("educonnect").assurance.outage_failures)):
        upstreams.note("educonnect", UpstreamUnavailable("no answer"), now=b.NOW)
    page = client.get(sheet(mother)).text
    assert "La connexion est en panne" in page
    assert "Ne changez pas le mot de passe" in page
    upstreams.note("educonnect", None, now=b.NOW)
    assert "La connexion est en panne" not in client.get(sheet(mother)).text


def test_a_service_that_is_closed_stands_next_to_the_account(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    assert "Services fermés" not in client.get(sheet(mother)).text
    stand.register.value = stand.register.value.standing(InForce(frozenset({(StandingKind.SERVICE, "cantine")})))
    assert "Services fermés" in client.get(sheet(mother)).text


# ---- acts -----------------------------------------------------------------------------------------------------------


def test_a_wait_that_is_lifted_is_told_to_the_person_like_every_act(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    assert act(agent(stand, DESK), mother, "attente", **PAPER).status == 303
    with stand.world.engine.connect() as conn:
        told = conn.execute(select(notices.c.person_id, notices.c.kind)).fetchall()
    assert told == [(mother, "wait_lifted")]


def test_a_window_wants_proofs_and_a_reason_and_leaves_a_receipt(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    assert "preuves ne suffisent pas" in act(client, mother, "fenetre", motif="perdu").text
    assert "Choisissez un motif" in act(client, mother, "fenetre", preuve_piece="1").text
    assert "preuves ne suffisent pas" in act(client, mother, "fenetre", motif="perdu", preuve_vue="1").text
    done = act(client, mother, "fenetre", **PAPER)
    assert (done.status, done.location) == (303, f"{sheet(mother)}?fait=fenetre")
    with stand.world.engine.connect() as conn:
        (row,) = conn.execute(select(codes)).fetchall()
        (told,) = conn.execute(select(notices)).fetchall()
    assert (row.kind, row.person_id, row.secret, row.expires_at - b.NOW) == (
        "window",
        mother,
        "",
        timedelta(minutes=10),
    )
    assert re.fullmatch("[0-9a-f]{64}", row.bound), "no number is kept"
    assert (told.person_id, told.kind, told.told["uai"]) == (mother, "window_opened", HERE)
    assert counted(stand, Action.WINDOW_OPENED) == 1


def test_a_number_that_no_screen_shows_opens_nothing_and_is_counted(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    shown = number_on(stand.client())
    wrong = f"{(int(shown) + 1) % 10**6:06}"
    for typed in (wrong, "", shown[1:]):
        refused = act(client, mother, "fenetre", numero=typed, **PAPER)
        assert (refused.status, "Aucun écran ne montre ce numéro." in refused.text) == (403, True), typed
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(codes)).fetchall() == []
        assert conn.execute(select(notices)).fetchall() == []
    assert counted(stand, Action.AGENT_REFUSED) == 3
    for _ in range(17):
        act(client, mother, "fenetre", numero=wrong, **PAPER)
    assert "beaucoup pour une heure" in act(client, mother, "fenetre", numero=shown, **PAPER).text
    assert counted(stand, Action.AGENT_ALARM) == 1


def test_two_persons_are_never_helped_at_one_number(stand: WebStand) -> None:
    engine = stand.world.engine
    one, two = (family(engine, key, name=f"Nadia {name}", child="Inès") for key, name in (("1", "UN"), ("2", "DEUX")))
    client, number = agent(stand, DESK), number_on(stand.client())
    assert act(client, one, "fenetre", numero=number, **PAPER).status == 303
    assert "sert déjà à une autre personne" in act(client, two, "fenetre", numero=number, **PAPER).text
    assert act(client, one, "fenetre", numero=number, **PAPER).status == 303
    with engine.connect() as conn:
        live = select(codes.c.person_id).where(codes.c.ended_at.is_(None))
        assert list(conn.execute(live).scalars()) == [one]
        assert list(conn.execute(select(notices.c.person_id)).scalars()) == [one, one]


def test_an_access_closes_without_proof_and_reopens_with_it(stand: WebStand, clock: FakeClock) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    stand.knows(MOTHER, "1")
    mother_client = stand.client()
    mother_client.sign_in()
    client = agent(stand, DESK)
    assert act(client, mother, "fermer", motif="soupcon").status == 303
    clock.set(b.NOW + timedelta(minutes=1))  # copies of sessions are over
    assert mother_client.get("/acces").status == 303
    assert "Votre accès est fermé" in client.get(sheet(mother)).text
    assert "preuves ne suffisent pas" in act(client, mother, "rouvrir", motif="soupcon").text
    assert act(client, mother, "rouvrir", **PAPER).status == 303
    mother_client.sign_in()
    assert mother_client.get("/acces").status == 200


def test_what_another_administration_closed_stays_closed(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    assert act(client, mother, "fermer", motif="soupcon").status == 303
    with stand.world.engine.begin() as conn:
        conn.execute(update(standings).values(tenant="ville"))
    assert "une autre administration" in act(client, mother, "rouvrir", **PAPER).text


@pytest.mark.parametrize("reason", ["contained source", "enquête"])
def test_no_desk_takes_back_what_an_administrator_closed(stand: WebStand, reason: str) -> None:
    """A containment after a theft would be lifted by the next caller, thief or victim."""
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    assert act(client, mother, "fermer", motif="soupcon").status == 303
    with stand.world.engine.begin() as conn:
        conn.execute(update(standings).values(actor="cli:admin", reason=reason))
    assert "une autre administration" in act(client, mother, "rouvrir", **PAPER).text


def test_the_letters_of_a_class_leave_out_parents_who_are_staff(stand: WebStand) -> None:
    """Two agents reopen those: a batch must not go round it."""
    engine = stand.world.engine
    family(engine, "1", name="Nadia BENALI", child="Inès")
    teacher = family(engine, "2", name="Anne DUPONT", child="Zoé")
    with engine.begin() as conn:
        record = b.add_record(conn, "600", RecordKind.STAFF)
        b.attach(conn, record, teacher)
        b.add_post(conn, record, HERE, profil=Profil.ENSEIGNANT)
    client = agent(stand, ACADEMIE)
    form = {"csrf": client.get(f"/guichet/classe?ecole={HERE}").token, "ecole": HERE, "classe": "6eB"}
    assert client.post("/guichet/classe", form).status == 200
    with engine.connect() as conn:
        given = set(conn.execute(select(codes.c.person_id)).scalars())
    assert len(given) == 1
    assert teacher not in given


def test_a_letter_is_a_document_of_one_code_in_four_actions(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    found = client.get("/guichet?q=nadia+benali")  # one: type and search; two: a proof; three: a reason; four: print
    letter = act(client, found.location.rpartition("/")[2], "lettre", **PAPER)
    assert (letter.status, letter.header("Content-Type"), letter.header("Cache-Control")) == (
        200, "application/pdf", "no-store",
    )  # fmt: skip
    assert letter.body.startswith("%PDF")
    with stand.world.engine.connect() as conn:
        (row,) = conn.execute(select(codes)).fetchall()
    assert (row.kind, row.person_id) == ("letter", mother)
    assert f"lettre n° {row.locator}" in client.get(sheet(mother)).text


def test_no_second_reset_within_a_day(stand: WebStand, clock: FakeClock) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    client = agent(stand, DESK)
    act(client, mother, "fenetre", **PAPER)
    with stand.world.engine.begin() as conn:
        conn.execute(update(codes).values(used_at=b.NOW))
    assert "moins de 24 heures" in act(client, mother, "fenetre", **PAPER).text
    assert "moins de 24 heures" in act(client, mother, "lettre", **PAPER).text


# ---- letters of a class, and the teacher ----------------------------------------------------------------------------


def test_the_letters_of_a_class_are_one_document_of_the_academie(stand: WebStand) -> None:
    for key, child in (("1", "Inès"), ("2", "Adam")):
        family(stand.world.engine, key, name=f"Nadia BENALI{key}x", child=child)
    client = agent(stand, ACADEMIE, user="academie")
    page = client.get(f"/guichet/classe?ecole={HERE}")
    assert "6eB" in page.text
    form = {"csrf": page.token, "ecole": HERE, "classe": "6eB"}
    printed = client.post("/guichet/classe", form)
    assert printed.header("Content-Type") == "application/pdf"
    with stand.world.engine.connect() as conn:
        rows = conn.execute(select(codes.c.batch).where(codes.c.kind == "letter")).scalars().all()
    assert len(rows) == 2
    assert len(set(rows)) == 1
    desk = agent(stand, DESK)
    refused = desk.post("/guichet/classe", {**form, "csrf": desk.get(f"/guichet/classe?ecole={HERE}").token})
    assert refused.status == 403


def teacher(stand: WebStand) -> Client:
    """A teacher of the collège, known to every source by a record; signs in with a second factor."""
    with stand.world.engine.begin() as conn:
        _, record = b.add_staff(conn, "600")
        b.add_post(conn, record, HERE, profil=Profil.ENSEIGNANT)
    stand.knows("prof", "600")
    stand.world.upstreams["ent2"].amr = ("pwd", "otp")
    client = stand.client()
    client.sign_in("ent2", user="prof")
    return client


def test_a_teacher_opens_ten_minutes_at_the_screens_of_pupils_and_sees_nothing_else(stand: WebStand) -> None:
    engine = stand.world.engine
    mother = family(engine, "1", name="Nadia BENALI", child="Inès")
    family(engine, "2", name="Anne DUPONT", child="Zoé", uai=THERE)
    client = teacher(stand)
    assert client.get("/guichet").location == "/guichet/ma-classe"
    page = client.get("/guichet/ma-classe")
    (pupil,) = re.findall(r'name="eleve_([^"]+)"', page.body)
    form = {"csrf": page.token, "ecole": HERE, "classe": "6eB"}
    assert counted(stand, Action.WINDOW_OPENED) == 0
    assert client.post("/guichet/ma-classe", {**form, f"eleve_{pupil}": " "}).status == 200
    assert counted(stand, Action.WINDOW_OPENED) == 0, "an empty field is no tick"
    screen = stand.client()
    number = number_on(screen)
    assert "Inès BENALI" in client.post("/guichet/ma-classe", {**form, f"eleve_{pupil}": number}).text
    assert counted(stand, Action.WINDOW_OPENED) == 1
    assert come_in(screen, day=BORN).status == 303
    assert client.get(sheet(mother)).status == 403
    elsewhere = client.post("/guichet/ma-classe", {**form, f"eleve_{mother}": number_on(stand.client())})
    assert elsewhere.status == 403
    assert counted(stand, Action.WINDOW_OPENED) == 1


def test_a_number_that_a_teacher_mistyped_leaves_that_pupil_out_and_no_other(stand: WebStand) -> None:
    engine = stand.world.engine
    for key, child in (("1", "Inès"), ("2", "Zoé"), ("3", "Adam"), ("4", "Noé")):
        family(engine, key, name=f"Nadia {child}x", child=child)
    client = teacher(stand)
    page = client.get("/guichet/ma-classe")
    pupils = dict(re.findall(r'<label for="([^"]+)"><bdi lang="fr">(\w+)', page.text))
    by_name = {name: person for person, name in pupils.items()}
    shown, twice = number_on(stand.client()), number_on(stand.client())
    form = {"csrf": page.token, "ecole": HERE, "classe": "6eB"}
    typed = {"Inès": shown, "Zoé": "000 00", "Adam": twice, "Noé": twice}
    told = client.post("/guichet/ma-classe", {**form, **{f"eleve_{by_name[each]}": typed[each] for each in typed}})
    assert (told.status, "Aucun écran ne montre ce numéro." in told.text) == (200, True)
    assert counted(stand, Action.WINDOW_OPENED) == 1
    with engine.connect() as conn:
        assert list(conn.execute(select(codes.c.person_id)).scalars()) == [by_name["Inès"]]
