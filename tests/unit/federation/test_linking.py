"""Whose login is it: the whole decision table, and the proof that nothing but a reference ever links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.errors import LinkAmbiguous, LinkUndone, UnknownPerson
from broker.domain.identity import (
    AccountKey,
    AccountState,
    AuthnContext,
    Evidence,
    EvidenceKind,
    LinkedAccount,
    UpstreamIdentity,
    UpstreamProtocol,
)
from broker.domain.people import PersonName, RecordKind, RecordView, Reference
from broker.federation.linking import Link, LinkDecision, LinkFacts, Refuse, SignIn, decide_link, prove, survivor

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
G, P, S = RecordKind.GUARDIAN, RecordKind.PUPIL, RecordKind.STAFF
IDLE_MOST = timedelta(days=365)
KEY = AccountKey(UpstreamProtocol.CAS, "https://ent.example", "cas:user", "aline")


def record(key: str, kind: RecordKind = G, *, person: str = "", feed: str = "99-2d", **more: datetime) -> RecordView:
    name = PersonName("MARTIN", "Camille")
    return RecordView(f"{feed}:{key}", feed, kind, person or f"prs_{key}", Reference("99", key), name, **more)


def identity(*keys: str, display: str = "") -> UpstreamIdentity:
    authn = AuthnContext("", (), NOW, "ent")
    return UpstreamIdentity(KEY, authn, tuple(Reference("99", key) for key in keys), display, answer="ST-1")


def account(
    *,
    person: str = "prs_1",
    state: AccountState = AccountState.LINKED,
    references: str = "99$1",
    kind: EvidenceKind = EvidenceKind.REFERENCE,
    idle: timedelta | None = None,
) -> LinkedAccount:
    evidence = Evidence(kind, "source:ent", NOW, {"references": references} if references else {})
    used = NOW - idle if idle is not None else None
    return LinkedAccount("acc_1", KEY, "ent", person, state, evidence, NOW, used, None)


LONGER = IDLE_MOST + timedelta(seconds=1)


def bare(idle: timedelta) -> LinkedAccount:
    """An account that something else than a reference linked, as the mail of an agent."""
    return account(kind=EvidenceKind.SHARED_CHILD, idle=idle)


def facts(
    records: Iterable[RecordView] = (),
    *,
    known: LinkedAccount | None = None,
    kinds: Iterable[RecordKind] = (),
    sees: bool = True,
    signed_in_as: str = "",
    keys: tuple[str, ...] | None = None,
) -> LinkFacts:
    found = tuple(records)
    asserted = keys if keys is not None else tuple(dict.fromkeys(view.reference.key for view in found))
    return LinkFacts(identity(*asserted), known, frozenset(kinds), found, sees, IDLE_MOST, signed_in_as)


def outcome(decision: LinkDecision) -> str:
    match decision:
        case Refuse(error, _):
            return error.__name__
        case SignIn(known):
            return f"sign in {known.person_id}"
        case Link(proof, _, _):
            return f"link {proof.person_id}" + "".join(f" +{absorbed}" for absorbed in proof.absorbed)


FIRST: dict[str, tuple[LinkFacts, str]] = {
    "no record": (facts(keys=("1",)), "UnknownPerson"),
    "no reference at all": (facts(), "UnknownPerson"),
    "guardian who sees a child": (facts([record("1")]), "link prs_1"),
    "guardian who sees none": (facts([record("1")], sees=False), "UnknownPerson"),
    "two guardian records of two persons": (facts([record("1"), record("2")]), "link prs_1 +prs_2"),
    "two guardian records of one person": (facts([record("1"), record("2", person="prs_1")]), "link prs_1"),
    "two guardian records that see none": (facts([record("1"), record("2")], sees=False), "UnknownPerson"),
    "staff": (facts([record("1", S)], sees=False), "link prs_1"),
    "staff and guardian": (facts([record("1", S), record("2")], sees=False), "link prs_1 +prs_2"),
    "pupil": (facts([record("1", P)], sees=False), "link prs_1"),
    "pupil with two records": (facts([record("1", P), record("2", P, person="prs_1")]), "link prs_1"),
    "two pupils": (facts([record("1", P), record("2", P)]), "LinkAmbiguous"),
    "pupil and guardian": (facts([record("1", P), record("2")]), "LinkAmbiguous"),
    "pupil and guardian of one person": (facts([record("1", P), record("2", person="prs_1")]), "LinkAmbiguous"),
    "pupil and staff": (facts([record("1", P), record("2", S)]), "LinkAmbiguous"),
    "one key, two persons": (
        facts([record("1"), record("1", feed="99-1d", person="prs_9")]),
        "LinkAmbiguous",
    ),
    "one key, two feeds, one person": (facts([record("1"), record("1", feed="99-1d")]), "link prs_1"),
}

KNOWN: dict[str, tuple[LinkFacts, str]] = {
    "its own record": (facts([record("1")], known=account(), kinds={G}), "sign in prs_1"),
    "its own record, no child to see": (facts([record("1")], known=account(), kinds={G}, sees=False), "sign in prs_1"),
    "the record is gone, the reference stays": (facts(known=account(), keys=("1",)), "sign in prs_1"),
    "nothing is released any more": (facts(known=account(), kinds={G}), "LinkAmbiguous"),
    "another reference without record": (facts(known=account(), kinds={G}, keys=("7",)), "LinkAmbiguous"),
    "another person's record": (facts([record("7")], known=account(), kinds={G}), "LinkAmbiguous"),
    "another record of the same person": (
        facts([record("7", person="prs_1")], known=account(), kinds={G}),
        "sign in prs_1",
    ),
    "one more record": (facts([record("1"), record("2")], known=account(), kinds={G}), "link prs_1 +prs_2"),
    "one more record, older and known to services": (
        facts([record("1"), record("2", subject_since=NOW)], known=account(), kinds={G}),
        "link prs_1 +prs_2",
    ),
    "one more record, its own is gone": (
        facts([record("2")], known=account(), keys=("1", "2")),
        "link prs_1 +prs_2",
    ),
    "one more record, a pupil's": (
        facts([record("1"), record("2", P)], known=account(), kinds={G}),
        "LinkAmbiguous",
    ),
    "a pupil and one more pupil": (
        facts([record("2", P)], known=account(), kinds={P}, keys=("1", "2")),
        "LinkAmbiguous",
    ),
    "a pupil and a guardian's record": (
        facts([record("2")], known=account(), kinds={P}, keys=("1", "2")),
        "LinkAmbiguous",
    ),
    "linked without a reference, and none is released": (
        facts(known=account(kind=EvidenceKind.SHARED_CHILD), kinds={G}),
        "sign in prs_1",
    ),
    "linked by another kind of proof": (
        facts([record("2")], known=account(kind=EvidenceKind.SHARED_CHILD), kinds={G}),
        "link prs_1 +prs_2",
    ),
    "linked without a reference, used within the year": (facts(known=bare(IDLE_MOST), kinds={G}), "sign in prs_1"),
    "linked without a reference, idle for longer": (facts(known=bare(LONGER), kinds={G}), "LinkAmbiguous"),
    "linked without a reference, idle, another person's record": (
        facts([record("7")], known=bare(LONGER), kinds={G}),
        "LinkAmbiguous",
    ),
    "linked without a reference, idle, a record of its person": (
        facts([record("7", person="prs_1")], known=bare(LONGER), kinds={G}),
        "sign in prs_1",
    ),
    "linked by a reference that is asserted again, idle": (
        facts([record("1")], known=account(idle=LONGER), kinds={G}),
        "sign in prs_1",
    ),
    "a link without any reference written down": (
        facts([record("2")], known=account(references=""), kinds={G}),
        "LinkAmbiguous",
    ),
    "undone": (facts([record("1")], known=account(state=AccountState.UNDONE)), "LinkUndone"),
    "undone, no record": (facts(known=account(state=AccountState.UNDONE)), "LinkUndone"),
    "tombstoned": (facts([record("1")], known=account(state=AccountState.TOMBSTONED)), "LinkUndone"),
}


@pytest.mark.parametrize("name", list(FIRST))
def test_a_first_login(name: str) -> None:
    given_facts, expected = FIRST[name]
    assert outcome(decide_link(given_facts, now=NOW)) == expected


@pytest.mark.parametrize("name", list(KNOWN))
def test_a_known_account(name: str) -> None:
    given_facts, expected = KNOWN[name]
    assert outcome(decide_link(given_facts, now=NOW)) == expected


def test_a_stranger_and_a_parent_who_may_see_nobody_get_the_very_same_answer() -> None:
    stranger = decide_link(facts(keys=("1",)), now=NOW)
    restricted = decide_link(facts([record("1")], sees=False), now=NOW)
    assert stranger == restricted


def test_every_combination_of_kinds_is_decided_by_the_rules_alone() -> None:
    """An oracle in other words: pupils alone and as one person; adults in any mix; guardians alone want a child."""
    for kinds in (combo for size in range(4) for combo in product((G, P, S), repeat=size)):
        for sees in (True, False):
            records = [record(str(place), kind) for place, kind in enumerate(kinds)]
            decision = outcome(decide_link(facts(records, sees=sees), now=NOW))
            if not kinds or (set(kinds) == {G} and not sees):
                assert decision == "UnknownPerson"
            elif P in kinds and len(kinds) > 1:
                assert decision == "LinkAmbiguous"
            else:
                assert decision.startswith("link ")


@given(
    display=st.text(max_size=60),
    subject=st.text(min_size=1, max_size=60),
    family=st.text(max_size=20),
    given_name=st.text(max_size=20),
    sees=st.booleans(),
)
@settings(max_examples=300)
def test_no_name_mail_or_birth_date_ever_links(
    display: str, subject: str, family: str, given_name: str, sees: bool
) -> None:
    """Whatever the login is called and however much it resembles a record: without a reference it reaches nobody."""
    likeness = replace(
        identity(display=f"{given_name} {family} {display} 14/03/2012 {given_name}@example.org"),
        key=replace(KEY, subject=subject),
    )
    bare = LinkFacts(likeness, None, frozenset(), (), sees, IDLE_MOST)
    assert outcome(decide_link(bare, now=NOW)) == "UnknownPerson"
    look_alike = replace(record("1"), name=PersonName(family, given_name))
    with pytest.raises(LinkAmbiguous):
        decide_link(replace(bare, records=(look_alike,), sees_a_child=True), now=NOW)


@given(st.data())
@settings(max_examples=300)
def test_a_proof_never_reaches_beyond_what_the_login_named(data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from("12345"), unique=True, max_size=4))
    kinds = st.sampled_from((G, P, S))
    records = [record(key, data.draw(kinds), person=data.draw(st.sampled_from(["", "prs_9"]))) for key in keys]
    decision = decide_link(facts(records, sees=data.draw(st.booleans())), now=NOW)
    if isinstance(decision, Link):
        named = {view.person_id for view in records}
        assert {decision.proof.person_id, *decision.proof.absorbed} == named
        assert decision.proof.person_id not in decision.proof.absorbed
        assert decision.proof.key == KEY


def test_a_proof_of_records_that_were_not_named_is_not_made() -> None:
    for records in ([], [record("2")], [record("1"), record("2")]):
        with pytest.raises(LinkAmbiguous):
            prove(identity("1"), person_id="prs_1", records=records, now=NOW)


def test_a_proof_carries_its_evidence_and_no_name() -> None:
    proof = prove(identity("1", "2", display="Aline"), person_id="prs_1", records=[record("1")], now=NOW)
    assert proof.evidence == Evidence(
        EvidenceKind.REFERENCE,
        "source:ent",
        NOW,
        {"source": "ent", "references": "99$1,99$2", "records": "99-2d:1"},
    )


EARLY, LATE = NOW - timedelta(days=9), NOW


@pytest.mark.parametrize(
    ("records", "signed_in_as", "expected"),
    [
        ([record("1"), record("2")], "prs_2", "prs_2"),
        ([record("1"), record("2")], "prs_7", "prs_1"),
        ([record("1", person_since=EARLY), record("2", subject_since=LATE)], "", "prs_2"),
        ([record("1", subject_since=LATE), record("2", subject_since=EARLY)], "", "prs_2"),
        ([record("1", person_since=LATE), record("2", person_since=EARLY)], "", "prs_2"),
        ([record("1"), record("2", person_since=LATE)], "", "prs_2"),
        ([record("2"), record("1")], "", "prs_1"),
    ],
)
def test_whose_history_survives(records: list[RecordView], signed_in_as: str, expected: str) -> None:
    assert survivor(records, signed_in_as=signed_in_as) == expected
    assert survivor(records[::-1], signed_in_as=signed_in_as) == expected


def test_the_words_of_a_refusal_are_those_of_the_catalogue() -> None:
    assert {LinkUndone.code, LinkAmbiguous.code, UnknownPerson.code} == {"PRE-2003", "PRE-2004", "PRE-2005"}


def test_at_a_source_of_agents_who_has_no_record_founds_a_person_and_joins_nobody() -> None:
    stranger = LinkFacts(identity(), None, frozenset(), (), sees_a_child=False, idle_most=IDLE_MOST)
    assert isinstance(decide_link(stranger, now=NOW), Refuse)
    decided = decide_link(replace(stranger, new_agent="prs_new"), now=NOW)
    assert isinstance(decided, Link)
    assert (decided.proof.person_id, decided.proof.absorbed, decided.kinds) == ("prs_new", (), frozenset({S}))
    assert decided.proof.evidence.kind is EvidenceKind.AGENT


def test_an_agent_who_has_a_record_is_known_by_it() -> None:
    facts = LinkFacts(identity("1"), None, frozenset(), (record("1", S),), sees_a_child=False, idle_most=IDLE_MOST)
    decided = decide_link(replace(facts, new_agent="prs_new"), now=NOW)
    assert isinstance(decided, Link)
    assert decided.proof.person_id == "prs_1"
