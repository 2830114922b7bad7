"""Role by act by scope: every cell, against a table written by hand, over real rows of families and agents.

The rules alone are tried over all facts in `tests/unit/policies`; here the facts are gathered too.
"""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import Engine

from broker.desk import open_gate
from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import DeskProfile, GrantPost, HeldPost, PostOrigin, SaidPost
from broker.domain.people import Profil, RecordKind
from broker.helpdesk.agents import Agent
from broker.helpdesk.gate import Gate
from broker.helpdesk.proofs import Proof
from policies import HelpdeskAct, PolicyBook, load_book
from tests import builders as b
from tests.desk_stand import stores_on
from tests.desks import HERE, THERE, family
from tests.settable import Settable

A = HelpdeskAct
LOOK = {A.SEARCH, A.VIEW, A.JOURNAL}
OPEN = {A.OPEN_WINDOW, A.LETTER, A.SMS, A.LIFT_WAIT}
DESK = LOOK | OPEN | {A.CLOSE_ACCESS}
HEAD = DESK | {A.DESK_JOURNAL, A.DELEGATE, A.QUIET_HOURS, A.SUSPEND_SERVICE}
ACADEMIE = HEAD | {A.CLASS_LETTERS, A.CONTAIN}
"""One agent alone: what wants a second one (merge, unlink, a contact, a restriction, staff) is in no cell."""
BY_PROFILE = {
    DeskProfile.ACCUEIL: DESK,
    DeskProfile.CHEF: HEAD,
    DeskProfile.ACADEMIE: ACADEMIE,
    DeskProfile.AUDITEUR: {A.DESK_JOURNAL},
}
SCOPES = ("inside", "outside", "own family", "same name", "staff", "no second factor", "no proofs")


def allowed(profile: DeskProfile, act: HelpdeskAct, scope: str) -> bool:
    """The table."""
    by_scope = {
        "inside": BY_PROFILE[profile],
        "outside": set(),
        "own family": {A.DESK_JOURNAL} if profile is DeskProfile.AUDITEUR else set(),
        "same name": BY_PROFILE[profile] - OPEN,
        "staff": BY_PROFILE[profile] - OPEN,
        "no second factor": set(),
        "no proofs": BY_PROFILE[profile] - OPEN,
    }
    return act in by_scope[scope]


@pytest.fixture
def gate(sql_engine: Engine) -> Gate:
    for uai in (HERE, THERE):
        b.add_school(sql_engine, uai)
    return open_gate(stores_on(sql_engine), Settable[PolicyBook](load_book()), b"k" * 32)


def agent(engine: Engine, profile: DeskProfile, *, second_factor: bool = True) -> Agent:
    """An agent of one school, who is also a parent there."""
    person = family(engine, "7", name="Luc MARTIN", child="Noé")
    account = b.add_account(engine, person)
    post = HeldPost("dkp_1", account, SaidPost(profile, HERE), PostOrigin.SOURCE, "test", b.NOW)
    return Agent(person, account, "ac-test", second_factor, (post,), {HERE: "Collège"}, {HERE: profile})


def subject(engine: Engine, scope: str, own: Agent) -> str:
    """Whom the act is about."""
    if scope == "own family":
        return own.person_id
    name = "Nadia Martin" if scope == "same name" else "Nadia BENALI"
    mother = family(engine, "1", name=name, child="Inès", uai=THERE if scope == "outside" else HERE)
    if scope == "staff":
        record = b.add_record(engine, "66", RecordKind.STAFF, given="Nadia", family="BENALI")
        b.attach(engine, record, mother)
        b.add_post(engine, record, HERE, profil=Profil.VIE_SCOLAIRE)
    return mother


@pytest.mark.parametrize(("profile", "scope"), list(product(DeskProfile, SCOPES)), ids=str)
def test_every_act_is_allowed_exactly_where_the_table_says(
    sql_engine: Engine, gate: Gate, profile: DeskProfile, scope: str
) -> None:
    who = agent(sql_engine, profile, second_factor=scope != "no second factor")
    target = gate.target(who, subject(sql_engine, scope, who), now=b.NOW)
    proofs = () if scope == "no proofs" else (Proof.PAPER,)
    found = {act for act in HelpdeskAct if not gate.allows(who, act, target, proofs)}
    assert found == {act for act in HelpdeskAct if allowed(profile, act, scope)}


@pytest.mark.parametrize("whose", ["child", "co-parent"])
def test_nobody_acts_on_a_child_or_a_co_parent_of_their_own(sql_engine: Engine, gate: Gate, whose: str) -> None:
    who = agent(sql_engine, DeskProfile.CHEF)
    with sql_engine.begin() as conn:
        other, record = b.add_guardian(conn, "8", given="Anne", family="MARTIN")
        b.add_guardianship(conn, record, "99-2d:97")
    (child,) = {each.child_id for each in gate.files.children(who.person_id)}
    target = gate.target(who, child if whose == "child" else other, now=b.NOW)
    assert "famille" in gate.allows(who, HelpdeskAct.CLOSE_ACCESS, target)


def test_an_agent_of_another_desk_is_staff_though_no_record_says_so(sql_engine: Engine, gate: Gate) -> None:
    who = agent(sql_engine, DeskProfile.CHEF)
    mother = family(sql_engine, "1", name="Nadia BENALI", child="Inès")
    assert not gate.target(who, mother, now=b.NOW).is_staff
    stores = stores_on(sql_engine)
    account = b.add_account(sql_engine, mother, subject="n.benali")
    event = AuditEvent("ac-test", b.NOW, Action.POST_GIVEN, "cli:test")
    stores.desk_posts.grant(GrantPost("dkp_2", account, SaidPost(DeskProfile.ACCUEIL, THERE), b.NOW, event))
    target = gate.target(who, mother, now=b.NOW)
    assert "académie" in gate.allows(who, HelpdeskAct.OPEN_WINDOW, target, (Proof.PAPER,))
