"""Agents against families: leafing through schools, helping a thief from inside, seeing to one's own (A-11, A-12).

LR-12: an agent reaches only what is on file or handed over in person, never sees a secret, and one alone takes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select

from broker.domain.audit import Action
from broker.domain.desk import DeskProfile, SaidPost
from broker.storage.schema import (
    accounts,
    audit_events,
    codes,
    contacts,
    desk_posts,
    desk_requests,
    notices,
    persons,
    sessions,
)
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import HERE, THERE, family, open_desk_web
from tests.flows.test_desk import AGENTS, DESK, PAPER, act, agent, counted, sheet
from tests.web_stand import WebStand

HEAD = SaidPost(DeskProfile.CHEF, HERE)
VICTIM = "Khadidja BENSALEM"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        yield stand


def alarms(stand: WebStand) -> list[str]:
    with stand.world.engine.connect() as conn:
        which = select(audit_events.c.detail).where(audit_events.c.action == Action.AGENT_ALARM.value)
        return [row["why"] for row in conn.execute(which).scalars()]


def test_a_crawl_of_another_school_returns_nothing_and_raises_one_alarm(stand: WebStand) -> None:
    for number in range(12):
        family(stand.world.engine, str(100 + number), name=f"Zora CIBLE{number:02}x", child=f"Petit{number}", uai=THERE)
    with stand.world.engine.connect() as conn:
        everyone = list(conn.execute(select(persons.c.id)).scalars())
    client = agent(stand, DESK)
    seen = [client.get(sheet(person)) for person in everyone]
    refused = [answer for answer in seen if answer.status == 403]
    assert len(refused) >= 24
    assert not any("CIBLE" in answer.text or "Petit" in answer.text for answer in seen)
    for typed in ("zora", "cible", "petit1", "6eB"):
        assert "CIBLE" not in client.get(f"/guichet?q={typed}").text.replace(f'value="{typed}"', "")
    assert alarms(stand) == ["strays"]
    assert counted(stand, Action.AGENT_REFUSED) >= 24


@pytest.mark.parametrize("profile", DeskProfile)
def test_a_crawl_of_the_journal_requests_and_delegations_of_another_school_returns_nothing(
    stand: WebStand, profile: DeskProfile
) -> None:
    """Everything that happens there: an act, a refusal, a request to a second agent, a colleague who could help."""
    engine = stand.world.engine
    there = [
        family(engine, str(n), name=f"Zora CIBLE{chr(97 + n)}", child=f"Petit{chr(97 + n)}", uai=THERE) for n in (1, 2)
    ]
    with engine.begin() as conn:
        _, record = b.add_staff(conn, "600", given="Ugo", family="CIBLE")
        b.add_post(conn, record, THERE)
    stand.world.upstreams[AGENTS].names |= {"u.cible": "Ugo Cible", "z.autre": "Zoé Ciblea"}
    agent(stand, user="u.cible")
    other = agent(stand, SaidPost(DeskProfile.CHEF, THERE), user="z.autre")
    act(other, there[1], "fenetre", **PAPER)
    token = other.get(sheet(there[0])).token
    assert other.post(sheet(there[0]), {"csrf": token, "demande": "lettre", **PAPER}).status == 303
    with engine.connect() as conn:
        (waits,) = conn.execute(select(desk_requests.c.id)).scalars()
        ids = [*conn.execute(select(persons.c.id)).scalars(), *conn.execute(select(accounts.c.id)).scalars()]
    client = agent(stand, SaidPost(profile, HERE), user="c.rawl")
    token = client.get("/deconnexion").token
    seen = [client.get(f"/guichet/journal?{name}={each}") for each in ids for name in ("personne", "agent")]
    seen += [client.get(f"/guichet/{path}") for path in ("journal", "a-confirmer", f"a-confirmer/{waits}")]
    seen += [client.get(f"/guichet/delegations?ecole={THERE}&nom={name}") for name in ("ugo", "zo", "c")]
    own = {"csrf": token, "ecole": THERE, "jour": b.NOW.date().isoformat()}
    seen += [client.post(f"/guichet/a-confirmer/{waits}", {**own, "reponse": said}) for said in ("oui", "non")]
    seen += [client.post("/guichet/delegations", {**own, "acte": "donner", "compte": each}) for each in ids]
    everything = "".join(answer.text for answer in seen)
    assert "ciblea" in agent(stand, SaidPost(DeskProfile.AUDITEUR, THERE)).get("/guichet/journal").text.casefold()
    for hidden in ("cible", "petit", "z.autre"):
        assert hidden not in everything.casefold(), hidden
    with engine.connect() as conn:
        assert conn.execute(select(desk_posts).where(desk_posts.c.origin == "head")).fetchall() == []
        assert conn.execute(select(desk_requests.c.answer)).scalar_one() is None


def test_searching_for_people_of_other_schools_by_their_whole_names_raises_the_alarm(stand: WebStand) -> None:
    for number in range(8):
        family(stand.world.engine, str(100 + number), name=f"Zora Cible{chr(97 + number)}", child="Max", uai=THERE)
    client = agent(stand, DESK)
    for number in range(8):
        page = client.get(f"/guichet?q={quote(f'Zora Cible{chr(97 + number)}')}")
        assert "1 compte hors de votre périmètre" in page.text
    assert alarms(stand) == ["strays"]


def test_who_opens_family_after_family_is_told_of(stand: WebStand) -> None:
    mothers = [family(stand.world.engine, str(n), name=f"Zora F{n:03}x", child=f"Max{n}") for n in range(100, 163)]
    client = agent(stand, DESK)
    assert all(client.get(sheet(mother)).status == 200 for mother in mothers)
    assert alarms(stand) == ["families"]


def test_more_acts_than_a_desk_does_in_an_hour_are_refused(stand: WebStand, clock: FakeClock) -> None:
    mothers = [family(stand.world.engine, str(n), name=f"Zora F{n:03}x", child=f"Max{n}") for n in range(100, 106)]
    mother = family(stand.world.engine, "1", name=VICTIM, child="Inès")
    client = agent(stand, DESK)
    answers = [act(client, (*mothers, mother)[n // 6], "fenetre", **PAPER).status for n in range(41)]
    assert (answers[:40], answers[40]) == ([303] * 40, 403)
    assert alarms(stand) == ["many_act"]
    clock.advance(timedelta(hours=1, seconds=1))
    client = agent(stand, DESK)
    assert act(client, mother, "fenetre", **PAPER).status == 303


def test_agents_who_work_for_a_thief_let_few_birth_dates_be_tried_a_day(stand: WebStand, clock: FakeClock) -> None:
    """Three a window, and thirty windows an hour for one mother: all dates of a school year were four hours' work."""
    mother = family(stand.world.engine, "1", name=VICTIM, child="Inès")
    client = agent(stand, DESK)
    done = [act(client, mother, "fenetre", **PAPER).status for _ in range(6)]
    refused = act(client, mother, "fenetre", **PAPER)
    assert (done, refused.status) == ([303] * 6, 403)
    assert "trop souvent" in refused.text
    assert alarms(stand) == ["many_openings"]
    clock.advance(timedelta(days=1, seconds=1))
    assert act(agent(stand, DESK), mother, "fenetre", **PAPER).status == 303


def test_one_agent_who_works_for_a_thief_takes_no_access(stand: WebStand) -> None:
    """The whole of what one agent can send, with every proof claimed: no page ever shows a secret or a code.

    What opens is a window at one screen (the child's birth date is still asked there), codes go to the number on file
    and to paper under the agent's name, with a receipt to the person by every channel that the school knows.
    """
    mother = family(stand.world.engine, "1", name=VICTIM, child="Inès", mobile="+33639981242")
    client = agent(stand, DESK)
    lies = {f"preuve_{each}": "1" for each in ("piece", "rappel", "code", "lettre", "vue")} | {"motif": "perdu"}
    for name in ("fenetre", "sms", "attente"):
        page = client.get(act(client, mother, name, **lies).location)
        with stand.world.engine.connect() as conn:
            for row in conn.execute(select(codes)):
                assert not row.secret or row.secret not in page.text
        assert "+33639981242" not in page.text
        assert not re.search(r"\b[0-9]{6}\b", page.text)
    for name in ("mobile", "mail", "contact", "delier", "fusionner", "mot_de_passe", "secret"):
        assert act(client, mother, name, **lies).status == 404, name
    with stand.world.engine.connect() as conn:
        assert conn.execute(select(contacts)).fetchall() == []
    assert {"window_opened", "code_texted"} <= set(_told(stand))


def test_a_desk_cannot_reopen_the_access_of_its_own_agent(stand: WebStand) -> None:
    """A desk that could would be one step from every family: staff is reopened by the académie, by two."""
    colleague = agent(stand, DESK, user="collegue")
    assert colleague.get("/guichet").status == 200
    with stand.world.engine.connect() as conn:
        person = conn.execute(select(persons.c.id)).scalars().all()[-1]
    head = agent(stand, HEAD, user="chef")
    assert head.get(sheet(person)).status in {403, 404}


def test_an_agent_sees_neither_their_own_sheet_nor_that_of_their_family(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name=VICTIM, child="Inès")
    stand.world.upstreams[AGENTS].releases["mere"] = ()
    client = agent(stand, DESK, user="mere")
    with stand.world.engine.begin() as conn:
        conn.execute(accounts.update().where(accounts.c.source_id == AGENTS).values(person_id=mother))
        conn.execute(sessions.update().values(person_id=mother))
    client = agent(stand, DESK, user="mere")
    assert "votre famille" in client.get(sheet(mother)).text


def test_a_window_is_not_opened_within_three_days_of_a_change_of_contact(stand: WebStand, clock: FakeClock) -> None:
    mother = family(stand.world.engine, "1", name=VICTIM, child="Inès")
    with stand.world.engine.begin() as conn:
        row = {
            "id": "cnt_1", "person_id": mother, "kind": "mobile", "value": "+33639980000", "actor": mother,
            "asked_at": b.NOW, "holds_until": b.NOW + timedelta(hours=72),
        }  # fmt: skip
        conn.execute(contacts.insert(), [row])
    client = agent(stand, DESK)
    assert "contact a changé" in act(client, mother, "fenetre", **PAPER).text
    clock.advance(timedelta(hours=73))
    client = agent(stand, DESK)
    assert act(client, mother, "fenetre", **PAPER).status == 303


def _told(stand: WebStand) -> list[str]:
    with stand.world.engine.connect() as conn:
        return list(conn.execute(select(notices.c.kind)).scalars())
