"""Rows for tests: a school, a person with a record, a relation, a place in a class, a linked account, a session.

Each function takes an engine (one short transaction) or a connection (the caller's transaction), writes through the
schema alone, and returns the id that the next one needs. Times default to a day before `NOW`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, insert

from broker.domain.handles import Id, digest, new_id, new_subject
from broker.domain.identity import AccountState, EvidenceKind, UpstreamProtocol
from broker.domain.names import name_key
from broker.domain.people import AttachmentState, Profil, RecordKind
from broker.domain.school import Level
from broker.domain.sessions import Device
from broker.storage import schema
from broker.storage.sealing import HintSeal, MasterSecret

Target = Engine | Connection

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
HINTS = HintSeal(MasterSecret(b"invented for the tests, 32 bytes at least"))
FEED_1D = "99-1d"
FEED_2D = "99-2d"


@contextmanager
def _on(target: Target) -> Iterator[Connection]:
    if isinstance(target, Connection):
        yield target
        return
    with target.begin() as conn:
        yield conn


def add_school(target: Target, uai: str = "0990001A", *, name: str = "", level: Level | None = Level.COLLEGE) -> str:
    """A school; returns its UAI."""
    with _on(target) as conn:
        conn.execute(
            insert(schema.schools).values(
                uai=uai, name=name or f"Etablissement {uai}", level=level.value if level else None, academie="99"
            )
        )
    return uai


def add_person(target: Target, person_id: str = "", *, at: datetime = BEFORE, merged_into: str | None = None) -> str:
    """A person without any record; returns its id."""
    person_id = person_id or new_id(Id.PERSON)
    with _on(target) as conn:
        conn.execute(insert(schema.persons).values(id=person_id, created_at=at, merged_into=merged_into))
    return person_id


def add_record(
    target: Target,
    key: str,
    kind: RecordKind,
    *,
    feed: str = FEED_2D,
    academie: str = "99",
    given: str = "Camille",
    family: str = "Martin",
    civility: str = "",
    birth_date: date | None = None,
    ine: str = "",
    retired_at: datetime | None = None,
    told: Mapping[str, object] | None = None,
) -> str:
    """A record that is attached to nobody; returns its id. `told`: more fields of its content (`directory.content`)."""
    record_id = f"{feed}:{key}"
    with _on(target) as conn:
        conn.execute(
            insert(schema.records).values(
                id=record_id, feed=feed, key=key, kind=kind.value, academie=academie, family_name=family,
                given_name=given, civility=civility, name_key=name_key(family=family, given=given, civility=civility),
                birth_date=birth_date, ine=ine, content=json.dumps({"n": [family, given, civility], **(told or {})}),
                content_hash=digest(record_id), seen_in="imp_test", first_seen_at=BEFORE, retired_at=retired_at,
            )
        )  # fmt: skip
    return record_id


def attach(
    target: Target,
    record_id: str,
    person_id: str,
    *,
    state: AttachmentState = AttachmentState.ATTACHED,
    kind: EvidenceKind = EvidenceKind.OWN_RECORD,
    beside: str = "",
    at: datetime = BEFORE,
) -> str:
    """An attachment of a record to a person; returns its id."""
    attachment_id = new_id(Id.ATTACHMENT)
    with _on(target) as conn:
        conn.execute(
            insert(schema.attachments).values(
                id=attachment_id, record_id=record_id, person_id=person_id, state=state.value,
                evidence_kind=kind.value, evidence={"other": beside} if beside else {}, actor="test", at=at,
            )
        )  # fmt: skip
    return attachment_id


def add_guardian(
    target: Target, key: str, *, feed: str = FEED_2D, given: str = "Dominique", family: str = "Martin"
) -> tuple[str, str]:
    """A guardian's record and the person it founds; returns (person id, record id)."""
    return _found(target, key, RecordKind.GUARDIAN, feed=feed, given=given, family=family)


def add_pupil(
    target: Target, key: str, *, feed: str = FEED_2D, given: str = "Camille", family: str = "Martin"
) -> tuple[str, str]:
    """A pupil's record and the person it founds; returns (person id, record id)."""
    return _found(target, key, RecordKind.PUPIL, feed=feed, given=given, family=family)


def add_staff(
    target: Target, key: str, *, feed: str = FEED_2D, given: str = "Camille", family: str = "Bernard"
) -> tuple[str, str]:
    """A staff record and the person it founds; returns (person id, record id)."""
    return _found(target, key, RecordKind.STAFF, feed=feed, given=given, family=family)


def _found(target: Target, key: str, kind: RecordKind, *, feed: str, given: str, family: str) -> tuple[str, str]:
    with _on(target) as conn:
        record_id = add_record(conn, key, kind, feed=feed, given=given, family=family)
        person_id = add_person(conn)
        attach(conn, record_id, person_id)
    return person_id, record_id


def add_guardianship(
    target: Target,
    adult_record: str,
    child_record: str,
    *,
    may_see: bool = True,
    may_act: bool = True,
    quality: str = "legal_guardian",
    since: datetime = BEFORE,
    until: datetime | None = None,
    feed: str = "",
    given: datetime | None = None,
    withdrawn: datetime | None = None,
) -> None:
    """A relation between two records, as a feed delivered it: the adult's, unless told otherwise."""
    with _on(target) as conn:
        conn.execute(
            insert(schema.guardianships).values(
                adult_record=adult_record, child_record=child_record, since=since, until=until,
                feed=feed or adult_record.partition(":")[0], link_code="1", quality=quality, may_see=may_see,
                may_act=may_see and may_act, pays=False, contact_first=False, given=given, withdrawn=withdrawn,
            )
        )  # fmt: skip


def add_restriction(
    target: Target, adult_record: str, child_record: str, *, since: datetime = BEFORE, until: datetime | None = None
) -> str:
    """A court restriction between two records; returns its id."""
    restriction_id = new_id(Id.RESTRICTION)
    with _on(target) as conn:
        conn.execute(
            insert(schema.restrictions).values(
                id=restriction_id, adult_record=adult_record, child_record=child_record, since=since, until=until,
                actor="test",
            )
        )  # fmt: skip
    return restriction_id


def enrol(
    target: Target,
    record_id: str,
    uai: str = "0990001A",
    *,
    class_code: str = "6A",
    since: datetime = BEFORE,
    until: datetime | None = None,
    starts_on: date | None = None,
) -> None:
    """A pupil's place in a class of a school that exists."""
    with _on(target) as conn:
        conn.execute(
            insert(schema.enrolments).values(
                record_id=record_id, uai=uai, class_code=class_code, since=since, until=until, class_label=class_code,
                starts_on=starts_on,
            )
        )  # fmt: skip


def add_post(
    target: Target,
    record_id: str,
    uai: str = "0990001A",
    *,
    function: str = "ENS",
    profil: Profil = Profil.ENSEIGNANT,
    until: datetime | None = None,
) -> None:
    """A staff member's function at a school that exists."""
    with _on(target) as conn:
        conn.execute(
            insert(schema.staff_posts).values(
                record_id=record_id, uai=uai, function=function, since=BEFORE, until=until, profil=profil.value
            )
        )


def add_account(
    target: Target,
    person_id: str,
    *,
    subject: str = "",
    issuer: str = "https://ent.example",
    protocol: UpstreamProtocol = UpstreamProtocol.CAS,
    source_id: str = "ent1",
    state: AccountState = AccountState.LINKED,
    records: tuple[str, ...] = (),
    linked_at: datetime = BEFORE,
) -> str:
    """An upstream account of a person; returns its id."""
    account_id = new_id(Id.ACCOUNT)
    evidence = {
        "kind": EvidenceKind.REFERENCE.value, "actor": f"source:{source_id}", "at": linked_at.isoformat(),
        "detail": {"records": ",".join(records)},
    }  # fmt: skip
    with _on(target) as conn:
        conn.execute(
            insert(schema.accounts).values(
                id=account_id, protocol=protocol.value, issuer=issuer, subject_format="",
                subject=subject or account_id, source_id=source_id, person_id=person_id, state=state.value,
                evidence=evidence, linked_at=linked_at,
            )
        )  # fmt: skip
    return account_id


def add_session(
    target: Target, person_id: str, account_id: str, *, opened_at: datetime = BEFORE, ends_at: datetime | None = None
) -> str:
    """A live session of a person by one of its accounts; returns its sid. Its handle's digest is `digest(sid)`."""
    sid = new_id(Id.SESSION)
    ends_at = ends_at or opened_at + timedelta(days=30)
    with _on(target) as conn:
        conn.execute(
            insert(schema.sessions).values(
                sid=sid, handle_digest=digest(sid), person_id=person_id, account_id=account_id, source_id="ent1",
                acr="eidas1", amr=["pwd"], auth_time=opened_at, proven=True, device=Device.SHARED.value,
                opened_at=opened_at, idle_until=ends_at, ends_at=ends_at,
            )
        )  # fmt: skip
    return sid


def add_subject(
    target: Target,
    person_id: str,
    *,
    sector: str = "cantine",
    space: str = "family",
    issued_at: datetime = BEFORE,
    retired_at: datetime | None = None,
) -> str:
    """A subject of a person in a sector; returns its value."""
    value = new_subject()
    with _on(target) as conn:
        conn.execute(
            insert(schema.subjects).values(
                value=value, person_id=person_id, sector=sector, space=space, issued_at=issued_at, retired_at=retired_at
            )
        )
    return value


def add_grant(target: Target, person_id: str, sid: str, *, client_id: str = "cantine", subject: str = "") -> str:
    """A grant made in a session; returns its id."""
    grant_id = new_id(Id.GRANT)
    with _on(target) as conn:
        conn.execute(
            insert(schema.grants).values(
                id=grant_id, person_id=person_id, client_id=client_id, sid=sid, scope=["openid"],
                subject=subject or new_subject(), claims=[], created_at=BEFORE,
            )
        )  # fmt: skip
    return grant_id


def add_family(target: Target, *, uai: str = "0990001A", children: tuple[str, ...] = ("Léa",)) -> tuple[str, list[str]]:
    """A school, a mother and her children enrolled there; returns (mother's person id, children's person ids)."""
    ids = []
    with _on(target) as conn:
        add_school(conn, uai)
        mother, mother_record = add_guardian(conn, f"G{uai}")
        for place, given in enumerate(children):
            child, child_record = add_pupil(conn, f"E{uai}{place}", given=given)
            add_guardianship(conn, mother_record, child_record)
            enrol(conn, child_record, uai)
            ids.append(child)
    return mother, ids
