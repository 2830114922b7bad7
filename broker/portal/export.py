"""The page "Télécharger mes données": what is held about the signed-in person, as one plain value.

What is left out is left out by name: the national number (INE), every other adult, every reason for a right, every
child that this person may not see now (RGPD article 15(4): a copy must not harm the rights of others).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from broker.directory.content import decode_person
from broker.domain.feed import PersonRecord
from broker.domain.holdings import HeldRecord
from broker.domain.identity import LinkedAccount
from broker.domain.people import ChildCard, PersonView, RecordKind
from broker.domain.released import Release
from broker.domain.school import holds_ine
from broker.domain.sessions import SignIn

FORMAT = "preau-export-1"
"""Raised when a field of the file changes its name or its meaning."""


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is read to make an export. `children` are those that the person may see now."""

    person: PersonView
    children: Sequence[ChildCard]
    records: Sequence[HeldRecord]
    accounts: Sequence[LinkedAccount]
    sign_ins: Sequence[SignIn]
    releases: Sequence[Release]


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """One record: who delivered it, under which number, and what it says of the person alone."""

    held: HeldRecord
    number: str
    facts: Mapping[str, str | date]


@dataclass(frozen=True, slots=True)
class HeldLogin:
    """A linked login and what the source calls the person."""

    account: LinkedAccount
    identifier: str


@dataclass(frozen=True, slots=True)
class Export:
    """What the person reads and downloads: the two show the same."""

    made_at: datetime
    person: PersonView
    records: tuple[RecordFacts, ...]
    logins: tuple[HeldLogin, ...]
    sign_ins: tuple[SignIn, ...]
    releases: tuple[Release, ...]
    children: tuple[ChildCard, ...]


def build_export(held: Held, *, now: datetime) -> Export:
    """Choose, field by field, what the person is shown of what is held."""
    told = [(record, decode_person(record.content, kind=record.kind, key="")) for record in held.records]
    ines = frozenset(one.ine for _, one in told)
    return Export(
        made_at=now,
        person=held.person,
        records=tuple(
            RecordFacts(record, _unless_ine(record.reference.key, ines), _facts(one)) for record, one in told
        ),
        logins=tuple(HeldLogin(account, _unless_ine(account.key.subject, ines)) for account in held.accounts),
        sign_ins=tuple(held.sign_ins),
        releases=tuple(held.releases),
        children=tuple(held.children),
    )


def as_json(export: Export) -> dict[str, object]:
    """The export as the downloaded file writes it: times in ISO 8601 with their offset, days as dates."""
    person = export.person
    return {
        "format": FORMAT,
        "made_at": _text(export.made_at),
        "person": {
            "id": person.person_id,
            "name": {"family": person.name.family, "given": person.name.given, "civility": person.name.civility},
            "roles": sorted(kind.value for kind in person.kinds),
            "posts": [{"uai": post.uai, "school": post.school, "function": post.function} for post in person.posts],
            "enrolments": [_place(card) for card in person.pupil_at],
        },
        "records": [_record(record) for record in export.records],
        "logins": [_login(login) for login in export.logins],
        "sign_ins": [
            {"at": _text(visit.at), "source": visit.source_id, "device": visit.device.value}
            for visit in export.sign_ins
        ],
        "sent_to_services": [_release(release) for release in export.releases],
        "children": [
            {"given_name": card.given, "family_name": card.family, **_place(card)} for card in export.children
        ],
    }


def _facts(told: PersonRecord) -> Mapping[str, str | date]:
    """What a record says of its own person. Relations name other adults and `ine` is never told: both stay out."""
    facts: dict[str, str | date | None] = {
        "family_name": told.name.family,
        "given_name": told.name.given,
        "civility": told.name.civility,
        "birth_name": told.birth_name,
        "birth_date": told.birth_date,
    }
    if told.kind is not RecordKind.PUPIL:
        # on a child's record they may be a parent's, whom the reader of the file must not find
        facts |= {"mobile": told.mobile, "mail": told.mail, "address": told.address}
    return {name: value for name, value in facts.items() if value and not _is_ine(value)}


def _is_ine(value: str | date) -> bool:
    return isinstance(value, str) and holds_ine(value)


def _unless_ine(number: str, ines: frozenset[str]) -> str:
    """The number, or nothing where a feed or a source makes its own of a pupil's national number."""
    return "" if holds_ine(number, known=ines) else number


def _record(record: RecordFacts) -> dict[str, object]:
    held = record.held
    return {
        "feed": held.feed,
        "kind": held.kind.value,
        "academie": held.reference.academie,
        "number": record.number,
        "facts": {name: value if isinstance(value, str) else _text(value) for name, value in record.facts.items()},
        "yours_by": held.evidence.value,
        "yours_since": _text(held.attached_at),
        "received_at": _text(held.since),
        "told_on": _text(held.told_on) or None,
        "retired_at": _text(held.retired_at) or None,
    }


def _login(login: HeldLogin) -> dict[str, object]:
    account = login.account
    return {
        "source": account.source_id,
        "protocol": account.key.protocol.value,
        "issuer": account.key.issuer,
        "identifier": login.identifier,
        "state": account.state.value,
        "proof": {"kind": account.evidence.kind.value, "at": _text(account.evidence.at)},
        "linked_at": _text(account.linked_at),
        "last_used": _text(account.last_used) or None,
    }


def _release(release: Release) -> dict[str, object]:
    return {"service": release.service_id, "day": _text(release.day), "claims": list(release.claims)}


def _place(card: ChildCard) -> dict[str, object]:
    return {
        "uai": card.uai,
        "school": card.school,
        "level": card.level.value if card.level else None,
        "class": card.class_label,
        "from": _text(card.starts) or None,
    }


def _text(moment: datetime | date | None) -> str:
    return moment.isoformat() if moment else ""
