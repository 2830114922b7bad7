"""The port `Tickets` on every database: issued while the session runs, spent by one attempt, told of once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.cas import (
    IssueTicket,
    KeepProxyGrant,
    SpentTicket,
    TicketKind,
    TicketStands,
    ValidateTicket,
    Verdict,
    new_ticket,
)
from broker.domain.handles import Id, digest, new_id
from broker.domain.identity import AuthnContext
from broker.domain.people import Space
from broker.domain.portraits import DetailClaims
from broker.domain.sessions import Grant
from broker.storage.schema import audit_events, consumptions, grants, outbox, sessions
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_tickets import SqlTickets
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW
NOTES = "https://notes.example/"
NEEDS = DetailClaims(frozenset({"email"}), frozenset({"vecteur"}), frozenset({"login"}))


@dataclass(frozen=True)
class Stand:
    """A mother of two, signed in."""

    engine: Engine
    tickets: SqlTickets
    portraits: SqlPortraits
    mother: str
    sid: str
    subject: str

    def issue(self, kind: TicketKind = TicketKind.SERVICE, **changes: Any) -> str:
        """A ticket that was stored; empty when it was refused."""
        ticket, grant = new_ticket(kind), Grant(new_id(Id.GRANT), self.mother, "cas:notes", self.sid, ())
        event = AuditEvent("99", NOW, Action.TICKET_ISSUED, actor=self.mother, subject=grant.grant_id)
        stands = TicketStands(NOTES, AuthnContext("low", ("pwd",), NOW, "ent1"), fresh=changes.pop("fresh", False))
        act = IssueTicket(digest(ticket), kind, grant, self.subject, stands, NOW + timedelta(seconds=10), (event,))
        return ticket if self.tickets.issue(replace(act, **changes)) else ""

    def spend(self, ticket: str, **changes: Any) -> SpentTicket | None:
        event = AuditEvent("99", NOW, Action.TICKET_VALIDATED, actor="")
        act = ValidateTicket(
            ticket, digest(ticket), NOTES, proxies=False, renew=False, claims=("email",), needs=NEEDS, now=NOW,
            audit=event,
        )  # fmt: skip
        return self.tickets.validate(replace(act, **changes))

    def trail(self) -> list[tuple[str, str, str]]:
        with self.engine.connect() as conn:
            told = select(audit_events.c.action, audit_events.c.actor, audit_events.c.outcome)
            rows = conn.execute(told.order_by(audit_events.c.id)).all()
        return [(row.action, row.actor, row.outcome) for row in rows if row.action.startswith("ticket")]

    def peers(self) -> list[Any]:
        with self.engine.connect() as conn:
            return list(conn.execute(select(grants.c.peer)).scalars())


@pytest.fixture
def stand(sql_engine: Engine) -> Stand:
    mother, _ = b.add_family(sql_engine, children=("Léa", "Tom"))
    sid = b.add_session(sql_engine, mother, b.add_account(sql_engine, mother))
    held = SqlGrants(sql_engine)
    portraits = SqlPortraits(held, SqlPeople(sql_engine), SqlDetails(sql_engine))
    subject = held.subject(mother, sector="notes", space=Space.FAMILY, now=NOW)
    return Stand(sql_engine, SqlTickets(held, portraits), portraits, mother, sid, subject)


def test_a_good_ticket_tells_its_person_and_is_gone(stand: Stand) -> None:
    ticket = stand.issue()
    spent = stand.spend(ticket)
    assert spent is not None
    assert (spent.verdict, spent.grant.client_id, spent.subject) == (Verdict.GOOD, "cas:notes", stand.subject)
    assert spent.stands.service == NOTES
    assert spent.portrait.person is not None
    assert len(spent.portrait.children) == 2
    assert len(spent.details.records) == 1
    assert stand.spend(ticket) is None
    assert stand.trail() == [("ticket_issued", stand.mother, "done"), ("ticket_validated", stand.mother, "done")]


@pytest.mark.parametrize(
    ("kind", "changes", "verdict"),
    [
        (TicketKind.SERVICE, {"service": NOTES + "x"}, Verdict.WRONG_SERVICE),
        (TicketKind.SERVICE, {"renew": True}, Verdict.NOT_FRESH),
        (TicketKind.PROXY, {}, Verdict.WRONG_KIND),
    ],
)
def test_a_bad_attempt_spends_the_ticket_too(
    stand: Stand, kind: TicketKind, changes: dict[str, Any], verdict: Verdict
) -> None:
    ticket = stand.issue(kind)
    spent = stand.spend(ticket, **changes)
    assert spent is not None
    assert spent.verdict is verdict
    assert stand.spend(ticket, proxies=True) is None
    assert stand.trail()[-1] == ("ticket_validated", stand.mother, "refused")
    assert stand.peers() == [None]


def test_a_fresh_ticket_answers_renew_and_a_proxy_ticket_where_proxies_are_taken(stand: Stand) -> None:
    for ticket, changes in (
        (stand.issue(fresh=True), {"renew": True}),
        (stand.issue(TicketKind.PROXY), {"proxies": True}),
    ):
        spent = stand.spend(ticket, **changes)
        assert spent is not None
        assert spent.verdict is Verdict.GOOD


def test_a_ticket_is_over_at_its_end(stand: Stand) -> None:
    ticket = stand.issue()
    assert stand.spend(ticket, now=NOW + timedelta(seconds=10)) is None


def test_a_ticket_dies_with_its_session(stand: Stand) -> None:
    ticket = stand.issue()
    _revoke(stand)
    assert stand.spend(ticket) is None
    assert stand.issue() == ""


def test_no_ticket_is_issued_by_a_portrait_that_no_longer_holds(stand: Stand) -> None:
    if stand.engine.dialect.name != "postgresql":
        pytest.skip("on SQLite no act is compared with a portrait")
    mark = stand.portraits.read(stand.mother, now=NOW).mark
    assert stand.issue(mark=mark)
    assert stand.issue(mark=mark + "x") == ""


def test_the_row_of_a_live_ticket_tells_nobody_the_ticket(stand: Stand) -> None:
    ticket = stand.issue()
    with stand.engine.connect() as conn:
        kept = repr(conn.execute(select(consumptions)).all()) + repr(conn.execute(select(grants)).all())
    assert ticket not in kept
    stand.spend(ticket)
    assert stand.peers() == [{"index": ticket, "url": NOTES}]


def test_the_end_of_a_visit_is_told_for_each_ticket_that_was_shown(stand: Stand) -> None:
    shown = [stand.issue(), stand.issue()]
    for ticket in shown:
        stand.spend(ticket)
    stand.issue()
    SqlSessions(stand.engine, b.HINTS).end(
        stand.sid, now=NOW, audit=AuditEvent("99", NOW, Action.SIGN_OUT, actor=stand.mother)
    )
    with stand.engine.connect() as conn:
        told = [row for row in conn.execute(select(outbox.c.payload)).scalars() if "client_id" in row]
    assert sorted(row["index"] for row in told) == sorted(shown)
    assert {row["url"] for row in told} == {NOTES}


def test_a_proxy_granting_ticket_lives_as_long_as_its_session(stand: Stand) -> None:
    spent = stand.spend(stand.issue())
    assert spent is not None
    event = AuditEvent("99", NOW, Action.PROXY_GRANTED, actor=stand.mother)
    act = KeepProxyGrant(digest("pgt"), spent.grant.grant_id, ("https://a.example/",), NOW + timedelta(hours=1), event)
    assert stand.tickets.keep_proxy_grant(act)
    found = stand.tickets.proxy_grant(digest("pgt"), now=NOW)
    assert found is not None
    assert (found.grant.grant_id, found.proxies, found.session.sid) == (
        spent.grant.grant_id, ("https://a.example/",), stand.sid,
    )  # fmt: skip
    assert stand.issue(TicketKind.PROXY, through=spent.grant.grant_id)
    assert stand.tickets.proxy_grant(digest("pgt"), now=act.expires_at) is None
    _revoke(stand)
    assert stand.tickets.proxy_grant(digest("pgt"), now=NOW) is None
    assert stand.issue(TicketKind.PROXY, through=spent.grant.grant_id) == ""
    assert not stand.tickets.keep_proxy_grant(replace(act, digest=digest("another")))


def test_no_proxy_ticket_comes_of_a_grant_that_was_revoked(stand: Stand) -> None:
    spent = stand.spend(stand.issue())
    assert spent is not None
    with stand.engine.begin() as conn:
        conn.execute(update(grants).values(revoked_at=NOW))
    assert stand.issue(TicketKind.PROXY, through=spent.grant.grant_id) == ""


def test_each_hot_act_is_one_statement_on_postgresql(stand: Stand) -> None:
    if stand.engine.dialect.name != "postgresql":
        pytest.skip("SQLite cannot write inside a CTE")
    with statements(stand.engine) as seen:
        stand.spend(stand.issue())
    assert [alone for _, alone in seen] == [True, True]


def _revoke(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(sessions).values(revoked_at=NOW))
