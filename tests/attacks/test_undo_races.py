"""An undo that falls between two steps of something else: what was read before it must not be written after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine

from broker.domain.acts import OpenSession
from broker.domain.errors import LinkAmbiguous
from broker.domain.services import ClaimName
from broker.storage import schema, sql_reconcile
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import aaf
from tests.builders import FEED_1D, HINTS
from tests.clock import FakeClock
from tests.contract.acts import UNDO_FOR, opening, proof, undoing
from tests.federations import World, open_world, ref
from tests.imports import FEED_1D as SCHOOLS_1D
from tests.imports import Desk
from tests.oidc_stand import authorize_url, service
from tests.web_stand import open_web

INE, BORN = "990000003DK", "02/05/2018"


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        yield opened


def two_families(world: World) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two mothers with a child each; `one` and `two` are their logins, `wrong` is one that names both."""
    one, two = world.family("1"), world.family("2", feed=FEED_1D, uai="0990002B")
    for source in world.upstreams.values():
        source.releases.update({"one": ref("1"), "two": ref("2"), "wrong": ref("1", "2")})
    return one[:2], two[:2]


def account_of(world: World, subject: str) -> dict[str, Any]:
    (account,) = [row for row in world.rows("accounts") if row["subject"] == subject]
    return account


def test_a_first_login_decided_before_an_undo_sees_no_stranger_s_child(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, first_child), (second, second_child) = two_families(world)
    owner = world.browser()
    owner.sign_in("ent2", "one")
    owner.sign_in("educonnect", "wrong")
    assert owner.children() == {first_child, second_child}

    def undo_first(sessions: SqlSessions, act: OpenSession) -> str:
        monkeypatch.undo()
        session = owner.session()
        assert session is not None
        world.federation.undo(session, str(account_of(world, "wrong")["id"]), trace="t")
        return sessions.open(act)

    monkeypatch.setattr(SqlSessions, "open", undo_first)
    late = world.browser()
    with pytest.raises(LinkAmbiguous):
        late.sign_in("ent1", "two")
    assert late.children() == set()
    late.sign_in("ent1", "two")
    assert late.children() == {second_child}
    assert account_of(world, "two")["person_id"] == second != first


@pytest.mark.parametrize("prompt", ["none", ""])
def test_a_copy_of_a_session_older_than_the_undo_gets_no_code(sqlite_url: str, clock: FakeClock, prompt: str) -> None:
    asked = authorize_url(prompt=prompt or None)
    with open_web(sqlite_url, clock, services=(service(claims=tuple(ClaimName)),)) as stand:
        world = stand.world
        two_families(world)
        one, two = stand.client(), stand.client()
        one.sign_in("ent2", user="one")
        two.sign_in("ent1", user="two")
        one.sign_in("educonnect", user="wrong")
        clock.advance(timedelta(seconds=31))
        two.get("/")  # copies the session as the joined person's
        wrong = account_of(world, "wrong")["id"]
        one.post(f"/acces/{wrong}/annuler", {"csrf": one.get(f"/acces/{wrong}/annuler").token})
        assert account_of(world, "wrong")["state"] == "undone"
        answer = two.get(asked)
        told = parse_qs(urlsplit(answer.location).query)
        assert "code" not in told
        assert world.rows("grants") == []
        if prompt:
            assert told["error"] == ["login_required"]
        else:
            assert answer.location.startswith("/connexion")
        clock.advance(timedelta(seconds=31))
        assert "code" in parse_qs(urlsplit(two.get(asked).location).query)
        (grant,) = world.rows("grants")
        assert grant["person_id"] == account_of(world, "two")["person_id"] != account_of(world, "one")["person_id"]


def person_of(desk: Desk, record: str) -> str:
    (person,) = [row[1] for row in desk.rows(schema.attachments, "record_id", "person_id") if row[0] == record]
    return str(person)


@pytest.mark.services
def test_a_record_decided_beside_another_before_an_undo_follows_it(
    postgres_engine: Engine, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(postgres_engine, clock)
    ecole = [aaf.school("9001", aaf.SCHOOL_1D, "ECOLE X")]
    mother = [aaf.guardian("610001", degree="1D")]
    pupil = [aaf.pupil_1d("41", "610001$10", ine=INE)]
    desk.run(
        aaf.write_set(tmp_path / "1", degree="1D", day="20260901", EtabEducNat=ecole, Eleve=pupil, PersRelEleve=mother),
        feed=SCHOOLS_1D,
    )
    own = [aaf.pupil("77", "500999$20$0$1$0$0", given="Sien", born="01/01/2010")]
    stranger = [aaf.guardian("500999", given="Stan", family="STRANGER", title="M.")]
    college = [aaf.school()]
    desk.run(aaf.write_set(tmp_path / "2", day="20260901", EtabEducNat=college, Eleve=own, PersRelEleve=stranger))
    wrong, right = person_of(desk, "99-2d:500999"), person_of(desk, "99-1d:610001")
    named = ("99-2d:500999", "99-1d:610001")
    act = opening(wrong, link=proof(wrong, right, records=named, at=clock()), at=clock())
    SqlSessions(desk.engine, HINTS).open(act)

    def undo_first(real: Callable[..., None], conn: Any, plan: Any) -> None:
        if any(row.evidence_kind == "shared_child" for row in plan.attachments):
            monkeypatch.undo()
            undo = undoing(act.session.account_id, wrong, at=clock())
            SqlLinks(desk.engine, undo_for=UNDO_FOR).undo(undo)
        real(conn, plan)

    real = sql_reconcile._lock_persons
    monkeypatch.setattr(sql_reconcile, "_lock_persons", lambda conn, plan: undo_first(real, conn, plan))
    came = [
        aaf.pupil("20", "500102$10$0$1$0$0", given="TITOUAN", born=BORN, ine=INE),
        aaf.pupil("22", "500102$10$0$1$0$0", given="Secret", born="01/01/2013"),
    ]
    delta = aaf.write_set(
        tmp_path / "3", mode="Delta", day="20260902", Eleve=came, PersRelEleve=[aaf.guardian("500102")]
    )
    desk.run(delta)
    people = SqlPeople(desk.engine)
    assert [card.given for card in people.children_of(wrong, now=clock())] == ["Sien"]
    assert person_of(desk, "99-2d:500102") == right
