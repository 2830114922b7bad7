"""Which person a login belongs to: one pure decision over authoritative references, and the only maker of `LinkProof`.

Names, e-mails, telephone numbers and birth dates are not even among the facts. What cannot be decided safely is left
to the school (`LinkAmbiguous`). A stranger and a parent who may see no child get the very same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.errors import LinkAmbiguous, LinkUndone, PreauError, UnknownPerson
from broker.domain.identity import AccountState, Evidence, EvidenceKind, LinkedAccount, LinkProof, UpstreamIdentity
from broker.domain.people import RecordKind, RecordView

_ADULT = frozenset({RecordKind.GUARDIAN, RecordKind.STAFF})


@dataclass(frozen=True, slots=True)
class Asking:
    """A person who is signed in here by a proof of the last minutes, and asked to link one more login of theirs.

    `account_id`: the login of that session; `kinds`: the person's roles.
    """

    person_id: str
    account_id: str
    kinds: frozenset[RecordKind]


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """Everything the decision reads.

    `account`: the row under the identity's exact key, whatever its state. `account_kinds`: live roles of its person.
    `records`: live records its references find in the feeds allotted to the source. `sees_a_child`: whether the
    persons of these records, taken as one human, may see any child now. `frozen`: records found likewise of which it is
    in doubt whose they are; they prove nothing. `idle_most`: after which time without use an account opens nothing by
    itself. `signed_in_as`: person of the session that this browser holds, if any; it only breaks ties on which person's
    history survives. `link_to`: who asked for the link, where somebody did.
    """

    identity: UpstreamIdentity
    account: LinkedAccount | None
    account_kinds: frozenset[RecordKind]
    records: tuple[RecordView, ...]
    sees_a_child: bool
    idle_most: timedelta
    signed_in_as: str = ""
    frozen: tuple[RecordView, ...] = ()
    link_to: Asking | None = None
    new_agent: str = ""
    """At a source of agents: the id of the person that one without a record founds. Empty: strangers stay outside."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """The account is known and nothing has to be joined."""

    account: LinkedAccount


@dataclass(frozen=True, slots=True)
class Link:
    """Link the account, or join more records to its person, in the act that opens the session."""

    proof: LinkProof
    account: LinkedAccount | None
    kinds: frozenset[RecordKind]
    """Roles that the records bring."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No way in. `cause` is for the log: codes only."""

    error: type[PreauError]
    cause: str


LinkDecision = SignIn | Link | Refuse


def decide_link(facts: LinkFacts, *, now: datetime) -> LinkDecision:
    """Decide whose login this is."""
    account = facts.account
    if account is not None and account.state is not AccountState.LINKED:
        return Refuse(LinkUndone, f"account {account.state}")
    if facts.frozen and not _known_otherwise(facts):
        return Refuse(LinkAmbiguous, "a frozen record")
    if account is None:
        return _first_login(facts, now=now)
    if facts.link_to and account.person_id != facts.link_to.person_id:
        # Whose it is must not change by the wish of whoever has learnt its password.
        return Refuse(LinkAmbiguous, "linked to another person")
    return _known_account(facts, account, now=now)


def _known_otherwise(facts: LinkFacts) -> bool:
    """Tell whether another record of this login says who it is: with the account's person, where there is one."""
    if facts.account is None:
        return bool(facts.records)
    return any(record.person_id == facts.account.person_id for record in facts.records)


def _first_login(facts: LinkFacts, *, now: datetime) -> LinkDecision:
    if not facts.records and facts.link_to:
        return _second_login(facts, facts.link_to, now=now)
    if not facts.records:
        return _new_agent(facts, now=now) if facts.new_agent else Refuse(UnknownPerson, "no way in")
    clash = _clash(facts.records, frozenset())
    if clash:
        return Refuse(LinkAmbiguous, clash)
    if _kinds(facts.records) == {RecordKind.GUARDIAN} and not facts.sees_a_child:
        # Same words as for a stranger: a court's restriction is nobody's business, and not even its existence shows.
        return Refuse(UnknownPerson, "no way in")
    person = survivor(facts.records, signed_in_as=facts.signed_in_as)
    return _link(facts, person, now=now)


def _second_login(facts: LinkFacts, asking: Asking, *, now: datetime) -> Link | Refuse:
    """Two proofs of the last minutes in one browser, and the wish, stated before the second one (LR-03).

    Never for a pupil: a grown-up's login elsewhere would open a child's access, or a child's a grown-up's (LR-19).
    """
    if RecordKind.PUPIL in asking.kinds:
        return Refuse(LinkAmbiguous, "a pupil links nothing alone")
    detail = {"source": facts.identity.authn.authority, "beside": asking.account_id}
    evidence = Evidence(EvidenceKind.TWO_LOGINS, asking.person_id, now, detail)
    return Link(LinkProof(facts.identity.key, asking.person_id, (), evidence), None, frozenset())


def _new_agent(facts: LinkFacts, *, now: datetime) -> Link:
    """Whoever works for the académie has no record in the schools' feeds: a person of their own, joined to nobody."""
    source_id = facts.identity.authn.authority
    evidence = Evidence(EvidenceKind.AGENT, f"source:{source_id}", now, {"source": source_id})
    proof = LinkProof(facts.identity.key, facts.new_agent, (), evidence)
    return Link(proof, None, frozenset({RecordKind.STAFF}))


def _known_account(facts: LinkFacts, account: LinkedAccount, *, now: datetime) -> LinkDecision:
    if doubt := _doubt(facts, account, now=now):
        return Refuse(LinkAmbiguous, doubt)
    if _persons(facts.records) <= {account.person_id}:
        return SignIn(account)
    clash = _clash(facts.records, facts.account_kinds)
    if clash:
        return Refuse(LinkAmbiguous, clash)
    return _link(facts, account.person_id, now=now)


def _link(facts: LinkFacts, person_id: str, *, now: datetime) -> Link:
    proof = prove(facts.identity, person_id=person_id, records=facts.records, now=now)
    return Link(proof, facts.account, _kinds(facts.records))


def _doubt(facts: LinkFacts, account: LinkedAccount, *, now: datetime) -> str:
    """Why this may be the next holder of a recycled login; empty when it is still the human who was linked.

    Also where the source is set to release no reference (any more): what a reference linked, a bare name never opens.
    And what anything else linked, it opens no more once it was not used for long (LR-06): by then mailboxes and numbers
    of those who left are other people's.
    """
    if _is_proven_anew(facts, account):
        return ""
    if account.evidence.kind is EvidenceKind.REFERENCE:
        return "the login no longer carries any reference it was linked by"
    is_idle = now - (account.last_used or account.linked_at) > facts.idle_most
    return "a login that nobody used for long" if is_idle else ""


def _is_proven_anew(facts: LinkFacts, account: LinkedAccount) -> bool:
    """Tell whether the source names in this very login what leads to the account's person."""
    if any(record.person_id == account.person_id for record in facts.records):
        return True
    linked_by = frozenset(account.evidence.detail.get("references", "").split(","))
    return any(str(reference) in linked_by for reference in facts.identity.references)


def _clash(records: Sequence[RecordView], account_kinds: frozenset[RecordKind]) -> str:
    """Why these records cannot be one human; empty when they can."""
    by_reference: dict[str, set[str]] = {}
    for record in records:
        by_reference.setdefault(str(record.reference), set()).add(record.person_id)
    if any(len(persons) > 1 for persons in by_reference.values()):
        return "one key for two persons"
    kinds = _kinds(records) | account_kinds
    if RecordKind.PUPIL not in kinds:
        return ""
    if kinds & _ADULT:
        return "a pupil and an adult"
    return "two pupils" if len(_persons(records)) > 1 or account_kinds else ""


def survivor(records: Sequence[RecordView], *, signed_in_as: str = "") -> str:
    """Person whose id and subjects live on when these records' persons become one.

    The one this browser is signed in as; else the one services have known longest; else the oldest; else by id.
    """
    if any(record.person_id == signed_in_as for record in records):
        return signed_in_as
    return min(records, key=_seniority).person_id


def _seniority(record: RecordView) -> tuple[bool, float, bool, float, str]:
    known, since = record.subject_since, record.person_since
    return (
        known is None,
        known.timestamp() if known else 0.0,
        since is None,
        since.timestamp() if since else 0.0,
        record.person_id,
    )


def prove(identity: UpstreamIdentity, *, person_id: str, records: Sequence[RecordView], now: datetime) -> LinkProof:
    """Make the proof that links this account to this person and joins the other persons of these records.

    Nothing else makes one that reaches records. Raises `LinkAmbiguous` when a record was found by no reference of
    the identity: a proof never reaches further than what its source asserted in this very login.
    """
    asserted = frozenset(identity.references)
    if not records or any(record.reference not in asserted for record in records):
        raise LinkAmbiguous("a record that the login did not name")
    return LinkProof(
        key=identity.key,
        person_id=person_id,
        absorbed=tuple(sorted(_persons(records) - {person_id})),
        evidence=Evidence(
            kind=EvidenceKind.REFERENCE,
            actor=f"source:{identity.authn.authority}",
            at=now,
            detail={
                "source": identity.authn.authority,
                "references": ",".join(str(reference) for reference in identity.references),
                "records": ",".join(sorted(record.record_id for record in records)),
            },
        ),
    )


def _kinds(records: Iterable[RecordView]) -> frozenset[RecordKind]:
    return frozenset(record.kind for record in records)


def _persons(records: Iterable[RecordView]) -> frozenset[str]:
    return frozenset(record.person_id for record in records)
