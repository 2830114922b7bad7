"""What is held of a person, as that person is given it: nothing of anybody else, and no national number."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from broker.directory.content import encode_person
from broker.domain.feed import PERSON_FIELDS, PersonRecord, Relation
from broker.domain.guardianship import Quality
from broker.domain.holdings import HeldRecord
from broker.domain.identity import AccountKey, AccountState, Evidence, EvidenceKind, LinkedAccount, UpstreamProtocol
from broker.domain.people import ChildCard, PersonName, PersonView, Post, Profil, RecordKind, Reference
from broker.domain.released import Release
from broker.domain.school import Level
from broker.domain.sessions import Device, SignIn
from broker.portal.export import Held, as_json, build_export

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
INE = "123456789FJ"
TOLD = PersonRecord(
    kind=RecordKind.GUARDIAN, key="500101", name=PersonName("Martin", "Nadia", "Mme"), birth_name="Benali",
    birth_date=date(1985, 3, 2), mobile="+33600000042", mail="nadia@famille.example", address="1 rue des Essais",
    stated=PERSON_FIELDS,
)  # fmt: skip
PERSON = PersonView("prs_1", PersonName("Martin", "Nadia", "Mme"), frozenset({RecordKind.GUARDIAN}))
LEA = ChildCard("prs_lea", "Léa", "Martin", "0990001A", "École Ferry", Level.ECOLE, "CM1", None)


def held_record(told: PersonRecord = TOLD, *, key: str = "500101") -> HeldRecord:
    reference = Reference("99", key)
    return HeldRecord(
        "99-2d", told.kind, reference, encode_person(told), EvidenceKind.OWN_RECORD, NOW, NOW, None, date(2026, 9, 5)
    )


def account(subject: str = "nadia") -> LinkedAccount:
    key = AccountKey(UpstreamProtocol.CAS, "https://ent.example", "cas:user", subject)
    evidence = Evidence(EvidenceKind.REFERENCE, "source:ent1", NOW, {"records": "99-2d:500101"})
    return LinkedAccount("acc_1", key, "ent1", "prs_1", AccountState.LINKED, evidence, NOW, None, None)


HELD = Held(
    person=PERSON,
    children=(LEA,),
    records=(held_record(),),
    accounts=(account(),),
    sign_ins=(SignIn(NOW, "ent1", Device.SHARED),),
    releases=(Release("prs_1", "cantine", ("sub", "given_name"), NOW),),
)


def exported(held: Held = HELD) -> dict[str, object]:
    answer: dict[str, object] = json.loads(json.dumps(as_json(build_export(held, now=NOW))))
    return answer


STAMP = "2026-09-14T08:00:00+00:00"
PERSON_TOLD = {
    "id": "prs_1", "name": {"family": "Martin", "given": "Nadia", "civility": "Mme"}, "roles": ["guardian"],
    "posts": [], "enrolments": [],
}  # fmt: skip
RECORD_TOLD = {
    "feed": "99-2d", "kind": "guardian", "academie": "99", "number": "500101",
    "facts": {
        "family_name": "Martin", "given_name": "Nadia", "civility": "Mme", "birth_name": "Benali",
        "birth_date": "1985-03-02", "mobile": "+33600000042", "mail": "nadia@famille.example",
        "address": "1 rue des Essais",
    },
    "yours_by": "own_record", "yours_since": STAMP, "received_at": STAMP,
    "told_on": "2026-09-05", "retired_at": None,
}  # fmt: skip
LOGIN_TOLD = {
    "source": "ent1", "protocol": "cas", "issuer": "https://ent.example", "identifier": "nadia", "state": "linked",
    "proof": {"kind": "authoritative_reference", "at": STAMP}, "linked_at": STAMP, "last_used": None,
}  # fmt: skip
CHILD_TOLD = {
    "given_name": "Léa", "family_name": "Martin", "uai": "0990001A", "school": "École Ferry", "level": "ecole",
    "class": "CM1", "from": None,
}  # fmt: skip


def test_the_whole_file_of_a_mother() -> None:
    assert exported() == {
        "format": "preau-export-1",
        "made_at": STAMP,
        "person": PERSON_TOLD,
        "records": [RECORD_TOLD],
        "logins": [LOGIN_TOLD],
        "sign_ins": [{"at": STAMP, "source": "ent1", "device": "shared"}],
        "sent_to_services": [{"service": "cantine", "day": "2026-09-14", "claims": ["sub", "given_name"]}],
        "children": [CHILD_TOLD],
    }


def test_a_pupil_is_told_neither_who_the_adults_are_nor_where_they_live() -> None:
    relations = (Relation("500202", "2", Quality.LEGAL_GUARDIAN, pays=True),)
    pupil = TOLD._replace(kind=RecordKind.PUPIL, ine=INE, relations=relations)
    text = json.dumps(exported(replace(HELD, records=(held_record(pupil),))))
    assert "500202" not in text
    assert not [each for each in ("rue des Essais", "nadia@famille.example", "+33600000042") if each in text]
    assert "1985-03-02" in text


@pytest.mark.parametrize("ine", [INE, "MALRECOPIE1"])
def test_the_national_number_is_nowhere_even_where_a_feed_or_a_source_uses_it_as_its_own(ine: str) -> None:
    pupil = TOLD._replace(kind=RecordKind.PUPIL, ine=ine)
    for written in (ine, ine.lower(), f"{ine}@ent", f"ent-{ine}", f"{ine[:9]} {ine[9:]}"):
        found = exported(replace(HELD, records=(held_record(pupil, key=written),), accounts=(account(written),)))
        assert written not in json.dumps(found)


def test_no_fact_of_a_record_holds_a_national_number() -> None:
    adult = TOLD._replace(mail=f"{INE.lower()}@ent.example")
    assert INE.lower() not in json.dumps(exported(replace(HELD, records=(held_record(adult),))))


def test_a_number_that_has_the_shape_of_a_national_number_is_left_out_although_no_record_says_so() -> None:
    plausible = "0000000000A"
    assert plausible not in json.dumps(exported(replace(HELD, accounts=(account(plausible),))))


def test_a_member_of_staff_reads_where_they_work_and_a_pupil_where_they_learn() -> None:
    post = Post("0990002B", "Collège Parks", Level.COLLEGE, Profil.ENSEIGNANT, "ENS")
    person = replace(PERSON, posts=(post,), pupil_at=(replace(LEA, starts=date(2027, 9, 1)),))
    told = exported(replace(HELD, person=person))["person"]
    assert isinstance(told, dict)
    assert told["posts"] == [{"uai": "0990002B", "school": "Collège Parks", "function": "ENS"}]
    assert told["enrolments"] == [
        {"uai": "0990001A", "school": "École Ferry", "level": "ecole", "class": "CM1", "from": "2027-09-01"}
    ]
