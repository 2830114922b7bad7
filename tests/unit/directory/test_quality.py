"""Each fault of a school's picture is found, and the same picture with that one fault mended shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.directory.quality import CHECKS, findings_of
from broker.directory.quality_words import mending_of
from broker.domain.people import PersonName
from broker.domain.quality import (
    Beside,
    Finding,
    FindingKind,
    IneBearer,
    Origin,
    SchoolAdult,
    SchoolPicture,
    SchoolPupil,
    TrackedFinding,
)
from tests.builders import NOW

TODAY = date(2026, 9, 14)
LEA = SchoolPupil("f:lea", "f", "martin|lea|", date(2014, 3, 14), "990000002EA", in_class=True)
TOM = SchoolPupil("f:tom", "f", "durand|tom|", date(2015, 5, 2), "990000003DK", in_class=True)
ANNE = SchoolAdult("f:anne", "f", "martin|anne|mme", "+33639980001", "", legal=True)
BRUNO = SchoolAdult("f:bruno", "f", "durand|bruno|m", "+33639980002", "", legal=True)
SOUND = SchoolPicture(
    "9990002Y",
    pupils=(LEA, TOM),
    adults=(ANNE, BRUNO),
    beside=(Beside("f:anne", "f:lea", "10", legal=True), Beside("f:bruno", "f:tom", "20", legal=True)),
    bearers={"990000002EA": (IneBearer("f:lea", "martin|lea|", date(2014, 3, 14)),)},
)

Break = Callable[[SchoolPicture], SchoolPicture]


def pupil(**changes: object) -> Break:
    return lambda picture: replace(picture, pupils=(replace(LEA, **changes), TOM))  # type: ignore[arg-type]


def adult(**changes: object) -> Break:
    return lambda picture: replace(picture, adults=(replace(ANNE, **changes), BRUNO))  # type: ignore[arg-type]


def beside(*relations: Beside) -> Break:
    return lambda picture: replace(picture, beside=(*relations, picture.beside[1]))


def bearer(name_key: str = "martin|lea|", born: date | None = date(2014, 3, 14)) -> Break:
    other = IneBearer("g:elsewhere", name_key, born)
    return lambda picture: replace(picture, bearers={LEA.ine: (*picture.bearers[LEA.ine], other)})


def more(*adults: SchoolAdult, code: str = "10") -> Break:
    relations = tuple(Beside(one.record_id, "f:lea", code, legal=True) for one in adults)
    return lambda picture: replace(picture, adults=(*picture.adults, *adults), beside=(*picture.beside, *relations))


def all_of(*breaks: Break) -> Break:
    def broken(picture: SchoolPicture) -> SchoolPicture:
        for one in breaks:
            picture = one(picture)
        return picture

    return broken


TWIN = replace(ANNE, record_id="f:anne2", mobile="+33639980009")
SHARERS = tuple(replace(ANNE, record_id=f"f:{n}", name_key=f"{n}|x|") for n in ("a", "b"))
AS_CONTACT = beside(Beside("f:anne", "f:lea", "10", legal=False))

FAULTS: Mapping[str, tuple[Break, set[tuple[FindingKind, str]]]] = {
    "no adult at all": (beside(), {(FindingKind.NO_GUARDIAN, "f:lea")}),
    "no adult at all, and one beside nobody": (
        all_of(beside(), adult(legal=False)),
        {(FindingKind.NO_GUARDIAN, "f:lea"), (FindingKind.NO_LEGAL_CHILD, "f:anne")},
    ),
    "an adult whose record is gone": (
        beside(Beside("f:gone", "f:lea", "10", legal=True)),
        {(FindingKind.NO_GUARDIAN, "f:lea")},
    ),
    "a mother who is a contact, legal nowhere": (
        all_of(AS_CONTACT, adult(legal=False)),
        {(FindingKind.NO_LEGAL_GUARDIAN, "f:lea"), (FindingKind.NO_LEGAL_CHILD, "f:anne")},
    ),
    "a mother who is a contact here, legal elsewhere": (AS_CONTACT, {(FindingKind.NO_LEGAL_GUARDIAN, "f:lea")}),
    "the same adult twice": (more(TWIN), {(FindingKind.ADULT_TWICE, "f:lea")}),
    "the same adult twice, once without civility": (
        more(replace(TWIN, name_key="martin|anne|")), {(FindingKind.ADULT_TWICE, "f:lea")},
    ),
    "the same adult twice, once as other": (more(TWIN, code="90"), {(FindingKind.ADULT_TWICE, "f:lea")}),
    "no birth date": (pupil(birth_date=None), {(FindingKind.BIRTH_DATE_MISSING, "f:lea")}),
    "born tomorrow": (pupil(birth_date=TODAY + timedelta(days=1)), {(FindingKind.BIRTH_DATE_IMPOSSIBLE, "f:lea")}),
    "born in 1914": (pupil(birth_date=date(1914, 3, 14)), {(FindingKind.BIRTH_DATE_IMPOSSIBLE, "f:lea")}),
    "born in 1914, and no adult": (
        all_of(pupil(birth_date=date(1914, 3, 14)), beside()),
        {(FindingKind.BIRTH_DATE_IMPOSSIBLE, "f:lea"), (FindingKind.NO_GUARDIAN, "f:lea")},
    ),
    "not yet two": (pupil(birth_date=date(2024, 9, 15)), {(FindingKind.BIRTH_DATE_IMPOSSIBLE, "f:lea")}),
    "an INE of a wrong key": (pupil(ine="990000002EB"), {(FindingKind.INE_WRONG_KEY, "f:lea")}),
    "an INE of another name": (bearer("autre|lea|"), {(FindingKind.INE_TWICE, "f:lea")}),
    "an INE of another birth date": (bearer(born=date(2014, 3, 15)), {(FindingKind.INE_TWICE, "f:lea")}),
    "no class": (pupil(in_class=False), {(FindingKind.CLASS_MISSING, "f:lea")}),
    "a fixed line as mobile": (adult(mobile="+33145678901"), {(FindingKind.MOBILE_NONE, "f:anne")}),
    "too short a mobile": (adult(mobile="+3363998000"), {(FindingKind.MOBILE_NONE, "f:anne")}),
    "a number without its country": (adult(mobile="639980001"), {(FindingKind.MOBILE_NONE, "f:anne")}),
    "a mobile of three": (
        more(*SHARERS, code="39"), {(FindingKind.MOBILE_SHARED, one) for one in ("f:anne", "f:a", "f:b")},
    ),
    "no contact": (adult(mobile=""), {(FindingKind.NO_CONTACT, "f:anne")}),
}  # fmt: skip

NO_FAULTS: Mapping[str, Break] = {
    "nothing": lambda picture: picture,
    "of age, alone": lambda picture: replace(
        picture, pupils=(replace(LEA, birth_date=date(2008, 9, 14)), TOM), adults=(BRUNO,), beside=picture.beside[1:]
    ),
    "a feed that states no quality": all_of(beside(Beside("f:anne", "f:lea", "", legal=False)), adult(legal=False)),
    "a grandmother who is a contact, without telephone": more(
        replace(ANNE, record_id="f:g", name_key="martin|rose|mme", mobile="", legal=False), code="38"
    ),
    "father and grandfather of one name": all_of(
        more(replace(TWIN, record_id="f:p", name_key="martin|jean|m"), code="20"),
        more(replace(TWIN, record_id="f:q", name_key="martin|jean|m"), code="38"),
    ),
    "brother and sister of one name": all_of(
        more(replace(TWIN, record_id="f:p", name_key="martin|dominique|m")),
        more(replace(TWIN, record_id="f:q", name_key="martin|dominique|mme")),
    ),
    "no INE yet": pupil(ine=""),
    "an apprentice": pupil(ine="1234A56789B"),
    "the same child in another feed": bearer("martin|lea|mme"),
    "the same child, whose birth date the other feed does not know": bearer(born=None),
    "a dummy that others bear too": all_of(bearer("autre|x|"), pupil(ine="")),
    "two under one mobile": more(SHARERS[0], code="39"),
    "three of one name under one mobile": lambda picture: replace(
        picture, adults=(*picture.adults, *(replace(one, name_key="martin|anne|") for one in SHARERS))
    ),
    "a mobile of another country": adult(mobile="+262692000001"),
    "no mobile, but a mail": adult(mobile="", mail="anne@example.org"),
    "just two": pupil(birth_date=date(2024, 9, 14)),
}


def found_in(picture: SchoolPicture) -> set[tuple[FindingKind, str]]:
    return {(one.kind, one.record_id) for one in findings_of(picture, today=TODAY)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_alone_and_mending_it_leaves_nothing(fault: str) -> None:
    broken, expected = FAULTS[fault]
    assert found_in(broken(SOUND)) == expected
    assert found_in(SOUND) == set()


@pytest.mark.parametrize("case", NO_FAULTS)
def test_what_only_looks_unusual_is_no_finding(case: str) -> None:
    assert found_in(NO_FAULTS[case](SOUND)) == set()


def test_each_kind_of_finding_has_a_fault_that_shows_it() -> None:
    assert {kind for _, expected in FAULTS.values() for kind, _ in expected} == set(FindingKind)
    assert len(CHECKS) == 8


def test_another_feeds_record_of_the_same_adult_is_no_second_one() -> None:
    """Relations are a feed's own: what AAF and SIECLE both tell of a mother are two records, each beside its own."""
    twin = replace(LEA, record_id="g:lea", feed="g")
    picture = replace(
        SOUND,
        pupils=(*SOUND.pupils, twin),
        adults=(*SOUND.adults, replace(ANNE, record_id="g:anne", feed="g")),
        beside=(*SOUND.beside, Beside("g:anne", "g:lea", "10", legal=True)),
    )
    assert found_in(picture) == set()


def test_the_adult_too_many_is_named_and_a_third_one_too() -> None:
    third = replace(TWIN, record_id="f:anne3")
    found = findings_of(more(TWIN, third)(SOUND), today=TODAY)
    assert {(one.kind, one.other) for one in found} == {
        (FindingKind.ADULT_TWICE, "f:anne2"),
        (FindingKind.ADULT_TWICE, "f:anne3"),
    }


# ---- words -----------------------------------------------------------------------------------------------------------


def told(kind: FindingKind, origin: Origin) -> str:
    other = PersonName("Martin", "Anne", "Mme") if kind is FindingKind.ADULT_TWICE else None
    found = TrackedFinding(
        Finding(kind, "f", "f:lea"), PersonName("Martin", "Léa"), "6A", "2EA", other, first_seen=NOW, last_seen=NOW
    )
    mending = mending_of(found, origin)
    return f"{mending.field} | {mending.sentence} | {mending.who}"


@pytest.mark.parametrize("origin", Origin)
def test_every_finding_says_field_remedy_and_who_for_every_origin(origin: Origin) -> None:
    for kind in FindingKind:
        text = told(kind, origin)
        assert "{" not in text
        assert all(part.strip() for part in text.split("|"))


@pytest.mark.parametrize(
    ("kind", "origin", "field"),
    [
        (FindingKind.MOBILE_NONE, Origin.ONDE, "ONDE : Téléphone portable"),
        (FindingKind.INE_TWICE, Origin.SIECLE, "SIECLE : ID_NATIONAL"),
        (FindingKind.CLASS_MISSING, Origin.AAF_1D, "(AAF : ENTPersonClasses)"),
        (FindingKind.NO_GUARDIAN, Origin.AAF_2D, "(AAF : ENTElevePersRelEleve)"),
        (FindingKind.BIRTH_DATE_MISSING, Origin.LDAP, "annuaire : ENTPersonDateNaissance"),
    ],
)
def test_the_field_is_named_as_its_source_names_it(kind: FindingKind, origin: Origin, field: str) -> None:
    assert field in told(kind, origin)


def test_who_can_mend_is_the_one_who_keeps_the_source() -> None:
    assert "école, dans ONDE" in told(FindingKind.INE_TWICE, Origin.AAF_1D)
    assert "dans SIECLE" in told(FindingKind.INE_TWICE, Origin.AAF_2D)
    assert "Mme Anne Martin" in told(FindingKind.ADULT_TWICE, Origin.SIECLE)
    assert "finissant par 2EA" in told(FindingKind.INE_WRONG_KEY, Origin.SIECLE)
