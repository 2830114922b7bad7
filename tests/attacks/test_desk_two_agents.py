"""Acts that two agents do: one agent alone, whatever they send and by however many browsers, opens no staff account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from broker.domain.audit import Action
from broker.domain.desk import DeskProfile, SaidPost
from broker.domain.people import Profil, RecordKind
from broker.storage.schema import accounts, audit_events, codes, desk_posts, desk_requests, notices, sessions, standings
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import HERE, THERE, family, index, open_desk_web
from tests.flows.test_desk import ACADEMIE, AGENTS, DESK, PAPER, act, agent, counted, sheet
from tests.flows.test_ways_in import number_on
from tests.web_stand import Answer, Client, WebStand

LIST = "/guichet/a-confirmer"
FIRST, SECOND = "a.premier", "b.second"
ACTS = ("lettre", "fenetre", "attente")


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        yield stand


@pytest.fixture
def head(stand: WebStand) -> str:
    """The head of the collège, who is a mother there: a staff account."""
    engine = stand.world.engine
    person = family(engine, "1", name="Zora TRUFFAUT", child="Max", mobile="+33639981242")
    with engine.begin() as conn:
        record = b.add_record(conn, "600", RecordKind.STAFF, given="Zora", family="TRUFFAUT")
        b.attach(conn, record, person)
        b.add_post(conn, record, HERE, profil=Profil.DIRECTION)
    index(engine)
    return person


def ask(client: Client, person: str, name: str = "lettre", **form: str) -> Answer:
    fields = {"csrf": client.get(sheet(person)).token, "demande": name, **(form or PAPER)}
    if name == "fenetre":
        fields["numero"] = number_on(Client(client.app, client.world))
    return client.post(sheet(person), fields)


def asked(stand: WebStand, person: str, name: str = "lettre", *posts: SaidPost, user: str = FIRST) -> str:
    """A request of the first agent; returns the path of its page."""
    client = agent(stand, *(posts or (ACADEMIE,)), user=user)
    done = ask(client, person, name)
    assert (done.status, done.location) == (303, f"{sheet(person)}?fait=demande")
    with stand.world.engine.connect() as conn:
        found = conn.execute(select(desk_requests.c.id).order_by(desk_requests.c.asked_at.desc())).scalars().first()
    return f"{LIST}/{found}"


def confirm(client: Client, path: str, **form: str) -> Answer:
    return client.post(
        path, {"csrf": client.get("/deconnexion").token, "reponse": "oui", **(form or {"preuve_piece": "1"})}
    )


def opened(stand: WebStand) -> list[str]:
    with stand.world.engine.connect() as conn:
        return sorted(conn.execute(select(codes.c.kind).where(codes.c.ended_at.is_(None))).scalars())


def events(stand: WebStand, action: Action) -> list[dict[str, str]]:
    with stand.world.engine.connect() as conn:
        which = select(audit_events).where(audit_events.c.action == action.value)
        return [{**row.detail, "actor": row.actor, "subject": row.subject} for row in conn.execute(which)]


def person_of(stand: WebStand, user: str) -> str:
    with stand.world.engine.connect() as conn:
        return str(conn.execute(select(accounts.c.person_id).where(accounts.c.subject == user)).scalar_one())


def becomes(stand: WebStand, user: str, person: str) -> None:
    """Whoever signs in as this user is that person."""
    with stand.world.engine.begin() as conn:
        was = conn.execute(select(accounts.c.person_id).where(accounts.c.subject == user)).scalar_one()
        conn.execute(update(accounts).where(accounts.c.subject == user).values(person_id=person))
        conn.execute(update(sessions).where(sessions.c.person_id == was).values(person_id=person))


# ---- what two do ----------------------------------------------------------------------------------------------------


def test_one_agent_alone_opens_no_staff_account_and_is_offered_to_ask(stand: WebStand, head: str) -> None:
    client = agent(stand, ACADEMIE, user=FIRST)
    page = client.get(sheet(head))
    assert "à deux agents" in page.text
    assert 'name="demande" value="lettre"' in page.body
    assert 'name="acte" value="lettre"' not in page.body
    for name in ("lettre", "fenetre", "sms", "attente", "rouvrir"):
        assert client.post(sheet(head), {"csrf": page.token, "acte": name, **PAPER}).status == 403, name
    assert opened(stand) == []


def test_a_letter_of_two_agents_is_printed_by_the_second_one_and_both_stand_in_the_journal(
    stand: WebStand, head: str
) -> None:
    path = asked(stand, head)
    second = agent(stand, ACADEMIE, user=SECOND)
    assert "À confirmer (1)" in second.get("/guichet").text
    assert "Zora TRUFFAUT" in second.get(LIST).text
    page = second.get(path)
    for shown in ("Zora TRUFFAUT", f"{FIRST} tel que vu par la source", "Perdu ou oublié", "Pièce d'identité vue"):
        assert shown in page.text, shown
    letter = second.post(path, {"csrf": page.token, "reponse": "oui", "preuve_rappel": "1", "preuve_vue": "1"})
    assert (letter.status, letter.header("Content-Type")) == (200, "application/pdf")
    assert opened(stand) == ["letter"]
    (event,) = events(stand, Action.LETTER_ISSUED)
    assert (event["actor"], event["asked_by"]) == (person_of(stand, SECOND), person_of(stand, FIRST))
    assert (event["subject"], event["proofs"], event["asked_proofs"]) == (head, "rappel vue", "piece")
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(notices.c.person_id, notices.c.kind)).fetchall() == [(head, "letter_issued")]
    journal = agent(stand, SaidPost(DeskProfile.AUDITEUR, HERE), user="a.udit").get("/guichet/journal").text
    assert "Demande à un second agent</strong> – lettre" in journal
    assert "Premier agent :" in journal


@pytest.mark.parametrize(("name", "kinds", "told"), [
    ("lettre", ["letter"], "letter_issued"), ("fenetre", ["window"], "window_opened"),
    ("attente", [], "wait_lifted"),
])  # fmt: skip
def test_each_act_of_two_is_done_once(
    stand: WebStand, head: str, name: str, kinds: list[str], told: str
) -> None:  # fmt: skip
    path = asked(stand, head, name)
    second = agent(stand, ACADEMIE, user=SECOND)
    assert confirm(second, path).status in {200, 303}
    assert opened(stand) == kinds
    third = agent(stand, ACADEMIE, user="c.troisieme")
    for client in (second, third):
        assert confirm(client, path).status == 404
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(notices.c.kind)).scalars().all() == [told]
    assert len(opened(stand)) == len(kinds)


def test_what_the_first_agents_form_held_beside_is_kept_for_the_act(stand: WebStand, head: str) -> None:
    client = agent(stand, ACADEMIE, user=FIRST)
    ask(client, head, "fenetre", **PAPER, nombre="42", long="x" * 9000)
    with stand.world.engine.connect() as conn:
        (given,) = conn.execute(select(desk_requests.c.given)).scalars()
    assert given.pop("numero").isdecimal()
    assert given == {"nombre": "42", "long": "x" * 64}


def test_ten_minutes_are_not_asked_for_without_the_number_of_a_screen(stand: WebStand, head: str) -> None:
    client = agent(stand, ACADEMIE, user=FIRST)
    fields = {"csrf": client.get(sheet(head)).token, "demande": "fenetre", **PAPER}
    refused = client.post(sheet(head), fields)
    assert (refused.status, "Aucun écran ne montre" in refused.text, 'href="#numero"' in refused.body) == (
        403,
        True,
        True,
    )
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(desk_requests)).fetchall() == []


def test_nobody_of_the_staff_comes_back_by_sms_even_by_two(stand: WebStand, head: str) -> None:
    refused = ask(agent(stand, ACADEMIE, user=FIRST), head, "sms")
    assert (refused.status, "ne revient pas par SMS" in refused.text) == (403, True)
    assert opened(stand) == []


# ---- one agent, with two browsers or two accounts -------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTS)
def test_one_agent_with_two_browsers_confirms_nothing(stand: WebStand, head: str, name: str) -> None:
    path = asked(stand, head, name)
    again = agent(stand, ACADEMIE, user=FIRST)
    assert "ni vous" in again.get(LIST).text
    assert 'value="oui"' not in again.get(path).body
    answer = confirm(again, path)
    assert (answer.status, "ni vous" in answer.text) == (403, True)
    assert opened(stand) == []
    assert counted(stand, Action.WAIT_LIFTED) == 0
    assert events(stand, Action.AGENT_REFUSED)


def test_one_human_with_two_accounts_confirms_nothing(stand: WebStand, head: str) -> None:
    path = asked(stand, head)
    agent(stand, ACADEMIE, user=SECOND)
    becomes(stand, SECOND, person_of(stand, FIRST))
    answer = confirm(agent(stand, ACADEMIE, user=SECOND), path)
    assert (answer.status, "ni vous" in answer.text) == (403, True)
    assert opened(stand) == []


def test_two_of_one_family_confirm_nothing(stand: WebStand, head: str) -> None:
    engine = stand.world.engine
    father = family(engine, "3", name="Ugo PICARD", child="Lou")
    with engine.begin() as conn:
        other, record = b.add_guardian(conn, "4", given="Eve", family="SIMON")
        b.add_guardianship(conn, record, "99-2d:93")
    agent(stand, ACADEMIE, user=FIRST)
    becomes(stand, FIRST, father)
    path = asked(stand, head)
    agent(stand, ACADEMIE, user=SECOND)
    becomes(stand, SECOND, other)
    answer = confirm(agent(stand, ACADEMIE, user=SECOND), path)
    assert (answer.status, "ni votre famille" in answer.text) == (403, True)
    assert opened(stand) == []


# ---- who may be the second ------------------------------------------------------------------------------------------


def test_the_second_agent_looks_at_proofs_of_their_own(stand: WebStand, head: str) -> None:
    path = asked(stand, head)
    second = agent(stand, ACADEMIE, user=SECOND)
    answer = confirm(second, path, preuve_vue="1")
    assert (answer.status, "preuves ne suffisent pas" in answer.text) == (403, True)
    assert opened(stand) == []
    assert confirm(second, path).status == 200


def test_the_first_agent_needs_proofs_too(stand: WebStand, head: str) -> None:
    client = agent(stand, ACADEMIE, user=FIRST)
    assert "preuves ne suffisent pas" in ask(client, head, motif="perdu", preuve_vue="1").text
    assert "Choisissez un motif" in ask(client, head, preuve_piece="1").text
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(desk_requests)).fetchall() == []


def test_the_second_agent_is_nobody_of_the_persons_own_family(stand: WebStand, head: str) -> None:
    path = asked(stand, head)
    agent(stand, ACADEMIE, user=SECOND)
    becomes(stand, SECOND, head)
    own = agent(stand, ACADEMIE, user=SECOND)
    assert "TRUFFAUT" not in own.get(LIST).text
    assert (own.get(path).status, confirm(own, path).status) == (404, 404)


def test_a_school_neither_asks_nor_confirms_for_its_staff(stand: WebStand, head: str) -> None:
    desk = agent(stand, DESK)
    page = desk.get(sheet(head))
    assert 'name="demande"' not in page.body
    assert desk.post(sheet(head), {"csrf": page.token, "demande": "lettre", **PAPER}).status == 403
    path = asked(stand, head)
    for posts in ((DESK,), (SaidPost(DeskProfile.CHEF, HERE),)):
        answer = confirm(agent(stand, *posts, user="c.ecole"), path)
        assert (answer.status, "académie" in answer.text) == (403, True)
    elsewhere = agent(stand, SaidPost(DeskProfile.ACCUEIL, THERE), user="d.ailleurs")
    assert confirm(elsewhere, path).status == 404
    auditor = agent(stand, SaidPost(DeskProfile.AUDITEUR, HERE), user="a.udit")
    assert confirm(auditor, path).status == 404
    assert opened(stand) == []


def test_a_second_agent_without_a_second_factor_is_led_to_show_one(stand: WebStand, head: str) -> None:
    path = asked(stand, head)
    stand.world.upstreams[AGENTS].amr = ("pwd",)
    second = agent(stand, ACADEMIE, user=SECOND)
    assert second.get(path).location.startswith("/second")
    assert second.post(path, {"csrf": second.get("/deconnexion").token, "reponse": "oui"}).status == 303
    assert opened(stand) == []


def test_a_request_is_over_after_half_an_hour(stand: WebStand, head: str, clock: FakeClock) -> None:
    path = asked(stand, head)
    clock.advance(timedelta(minutes=29))
    assert agent(stand, ACADEMIE, user=SECOND).get(path).status == 200
    clock.advance(timedelta(minutes=2))
    second = agent(stand, ACADEMIE, user=SECOND)
    assert (second.get(path).status, confirm(second, path).status) == (404, 404)
    assert opened(stand) == []


@pytest.mark.parametrize("gone", ["post", "access"])
def test_a_request_of_somebody_who_is_no_agent_any_more_is_not_confirmed(
    stand: WebStand, head: str, gone: str
) -> None:  # fmt: skip
    path = asked(stand, head)
    first = person_of(stand, FIRST)
    with stand.world.engine.begin() as conn:
        if gone == "post":
            conn.execute(update(desk_posts).values(ended_at=b.NOW))
        else:
            row = {"kind": "person", "subject": first, "state": "suspended", "tenant": "ac-test", "reason": "vol"}
            conn.execute(standings.insert(), [{**row, "actor": "cli:a", "since": b.NOW}])
    answer = confirm(agent(stand, ACADEMIE, user=SECOND), path)
    assert (answer.status, "premier agent" in answer.text) == (403, True)
    assert opened(stand) == []


def test_a_request_is_declined_with_a_reason_and_then_is_over(stand: WebStand, head: str) -> None:
    path = asked(stand, head)
    second = agent(stand, ACADEMIE, user=SECOND)
    token = second.get(path).token
    assert "Choisissez un motif" in second.post(path, {"csrf": token, "reponse": "non"}).text
    declined = second.post(path, {"csrf": token, "reponse": "non", "refus": "joindre"})
    assert (declined.status, declined.location) == (303, f"{LIST}?fait=non")
    assert confirm(second, path).status == 404
    assert opened(stand) == []
    (event,) = events(stand, Action.AGENT_DECLINED)
    assert (event["declined"], event["asked_by"], event["subject"]) == ("joindre", person_of(stand, FIRST), head)


def test_no_other_act_is_asked_of_a_second_agent(stand: WebStand, head: str) -> None:
    client = agent(stand, ACADEMIE, user=FIRST)
    for name in ("fermer", "rouvrir", "delier", "fusionner", "mobile", "secret"):
        assert ask(client, head, name).status == 404, name


# ---- who bears the agent's name -------------------------------------------------------------------------------------


def name_agent(stand: WebStand, user: str, name: str) -> None:
    """The source calls this agent so, from their last login on."""
    with stand.world.engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.subject == user).values(said_name=name))


@pytest.mark.parametrize("whose", ["own", "child", "other adult", "pupil", "a pupil's adult"])
def test_an_agent_opens_nobody_whose_family_bears_the_agents_name(stand: WebStand, whose: str) -> None:
    engine = stand.world.engine
    adult = "TRUFFAUT" if whose in {"own", "a pupil's adult"} else "X"
    child = "Truffaut" if whose in {"child", "pupil"} else "X"
    with engine.begin() as conn:
        mother, record = b.add_guardian(conn, "1", given="Zora", family=adult)
        pupil_id, pupil = b.add_pupil(conn, "91", given="Max", family=child)
        b.add_guardianship(conn, record, pupil)
        b.enrol(conn, pupil, HERE)
        if whose == "other adult":
            _, beside = b.add_guardian(conn, "2", given="Ugo", family="TRÜFFAUT")
            b.add_guardianship(conn, beside, pupil)
    index(engine)
    person = pupil_id if "pupil" in whose else mother
    client = agent(stand, DESK)
    name_agent(stand, "l.martin", "Luc Truffaut")
    page = client.get(sheet(person))
    assert "Même nom que vous : demandez à un collègue." in page.text
    for name in ACTS:
        refused = client.post(sheet(person), {"csrf": page.token, "acte": name, **PAPER})
        assert (refused.status, "Même nom" in refused.text) == (403, True), name
    assert opened(stand) == []
    assert client.post(sheet(person), {"csrf": page.token, "acte": "fermer", "motif": "soupcon"}).status == 303
    name_agent(stand, "l.martin", "Luc Truffautin")
    assert act(client, person, "fenetre", **PAPER).status == 303


def test_a_colleague_or_a_second_agent_opens_instead_but_no_namesake(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Zora TRUFFAUT", child="Max")
    agent(stand, DESK)
    name_agent(stand, "l.martin", "Luc Truffaut")
    stand.world.upstreams[AGENTS].names["l.martin"] = "Luc Truffaut"
    path = asked(stand, mother, "fenetre", DESK, user="l.martin")
    agent(stand, DESK, user="m.truffaut")
    stand.world.upstreams[AGENTS].names["m.truffaut"] = "Mia TRUFFAUT"
    refused = confirm(agent(stand, DESK, user="m.truffaut"), path)
    assert (refused.status, "un autre collègue" in refused.text) == (403, True)
    assert opened(stand) == []
    assert confirm(agent(stand, DESK, user=SECOND), path).status == 303
    assert opened(stand) == ["window"]


def test_two_accounts_of_one_name_are_taken_for_one_human(stand: WebStand, head: str) -> None:
    path = asked(stand, head)
    second = agent(stand, ACADEMIE, user=SECOND)
    for user, name in ((FIRST, "Anne Le Gall"), (SECOND, "LE GALL Anne")):
        name_agent(stand, user, name)
    refused = confirm(second, path)
    assert (refused.status, "ni vous" in refused.text) == (403, True)
    name_agent(stand, SECOND, "Anna Le Gall")
    assert confirm(second, path).status == 200


def test_half_of_a_double_name_is_a_name(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Zora TRUFFAUT DURAND", child="Max")
    client = agent(stand, DESK)
    name_agent(stand, "l.martin", "Luc de Truffaut")
    assert "Même nom que vous" in client.get(sheet(mother)).text
    name_agent(stand, "l.martin", "Luc de Zora")
    assert "Même nom que vous" not in client.get(sheet(mother)).text


def test_a_teacher_opens_no_pupil_of_their_name(stand: WebStand) -> None:
    engine = stand.world.engine
    family(engine, "1", name="Zora TRUFFAUT", child="Max")
    with engine.begin() as conn:
        _, record = b.add_staff(conn, "601", family="Truffaut")
        b.add_post(conn, record, HERE, profil=Profil.ENSEIGNANT)
    stand.knows("prof", "601")
    stand.world.upstreams["ent2"].amr = ("pwd", "otp")
    client = stand.client()
    client.sign_in("ent2", user="prof")
    page = client.get("/guichet/ma-classe")
    pupil = page.body.partition('name="eleve_')[2].partition('"')[0]
    form = {"csrf": page.token, "ecole": HERE, "classe": "6eB", f"eleve_{pupil}": "1"}
    refused = client.post("/guichet/ma-classe", form)
    assert (refused.status, "Même nom que vous" in refused.text) == (403, True)
    assert opened(stand) == []
    (event,) = events(stand, Action.AGENT_REFUSED)
    assert (event["subject"], event["uai"]) == (pupil, HERE)
