"""A directory read as a feed: records, what could not be taken, and what makes the set incomplete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from broker.domain.errors import FeedRefused
from broker.domain.feed import PERSON_FIELDS, FeedFault, FeedRow, PersonRecord, PostRow, Removal, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import Profil, RecordKind, Reference
from broker.domain.school import Level, SchoolClass
from connectors.ldap.entries import Entry, Illegible
from connectors.ldap.feed import LdapFeed
from connectors.ldap.names import parse_dn
from connectors.ldap.ties import KnownAs, Nature, Tie
from tests.unit.connectors.ldap.fakes import (
    BASE,
    PEOPLE,
    SIREN,
    STRUCTURES,
    FakeDirectory,
    beside,
    entry,
    guardian,
    person,
    pupil,
    school,
    teacher,
    uid,
)  # fmt: skip

NAME = "ldaps://annuaire.ent.example"
TODAY = date(2026, 9, 7)
SCHOOL_DN = f"ENTStructureSIREN={SIREN},ou=structures,{BASE}"


def feed(*persons: Entry | Illegible, schools: Iterable[Entry | Illegible] = (), dies: int | None = None,
         **changes: Any) -> LdapFeed:  # fmt: skip
    directory = FakeDirectory(persons=persons, schools=schools, dies=dies)
    wanted = {"name": NAME, "directory": directory, "people": PEOPLE, "structures": STRUCTURES}
    return LdapFeed(**{**wanted, "today": lambda: TODAY, "academies": {"AC-TEST": "99"}, **changes})


def rows(one: LdapFeed) -> list[FeedRow]:
    return [item for item in one.read(()) if isinstance(item, FeedRow)]


def faults(one: LdapFeed) -> list[FeedFault]:
    return [item for item in one.read(()) if isinstance(item, FeedFault)]


def records(one: LdapFeed) -> dict[str, PersonRecord]:
    return {row.record.key: row.record for row in rows(one) if isinstance(row.record, PersonRecord)}


def only_fault(one: LdapFeed) -> FeedFault:
    (fault,) = faults(one)
    return fault


def test_the_header_says_what_was_read_and_when() -> None:
    header = feed(guardian(), pupil(), teacher(), schools=[school()]).open(())
    assert header.covers == {"school", "pupil", "guardian", "staff"}
    assert (header.complete, header.made_on, header.academie, header.degree) == (True, TODAY, "", "")


def test_a_kind_that_was_not_told_is_not_covered() -> None:
    """A right our reader lost hides a whole branch: nobody must be retired by it."""
    assert feed(pupil()).open(()).covers == {"pupil"}


def test_a_directory_without_any_entry_is_no_delivery() -> None:
    with pytest.raises(FeedRefused) as refused:
        feed().open(())
    assert refused.value.code == "PRE-4001"
    with pytest.raises(FeedRefused):
        feed(guardian(), dies=0).open(())
    assert feed(guardian()).open(()).complete


def test_a_directory_that_dies_midway_makes_the_set_incomplete() -> None:
    cut = feed(guardian("a1"), guardian("a2"), dies=1)
    assert not cut.open(()).complete
    assert only_fault(cut).breaks
    assert list(records(cut)) == ["a1"]
    whole = feed(guardian("a1"), guardian("a2"))
    assert (whole.open(()).complete, faults(whole)) == (True, [])


def test_an_entry_whose_name_cannot_be_read_makes_the_set_incomplete() -> None:
    assert only_fault(feed(guardian(), Illegible("no name"))).breaks


def test_a_school_is_read() -> None:
    one = school(ENTStructureTypeStruct="LYCEE", ENTStructureClasses=["3A$3EME$10310019110", "6B", "3A$again"])
    (row,) = rows(feed(schools=[one]))
    classes = (SchoolClass("3A", "3A"), SchoolClass("6B", "6B"))
    assert row.record == SchoolRecord(
        SIREN, "9990002Y", "COLLEGE DES GRANDS PRES", Level.LYCEE, kind="LYCEE", contract="PU", classes=classes
    )


@pytest.mark.parametrize(("name", "level"), [("COLLEGE X", Level.COLLEGE), ("École du lac", Level.ECOLE), ("X", None)])
def test_a_level_is_told_by_the_first_word_or_not_at_all(name: str, level: Level | None) -> None:
    (row,) = rows(feed(schools=[school(ENTStructureNomCourant=name)]))
    assert isinstance(row.record, SchoolRecord)
    assert row.record.level is level


@pytest.mark.parametrize(
    "broken",
    [
        school(ENTStructureUAI=""), school(ENTStructureUAI="999"), school(ENTStructureNomCourant=""),
        school(ENTStructureNomCourant="x" * 300), school(ENTStructureClasses="x" * 100),
        replace(school(), unreadable=frozenset({"l"})),
    ],
)  # fmt: skip
def test_a_school_that_cannot_be_taken_is_told_by_its_key(broken: Entry) -> None:
    fault = only_fault(feed(schools=[broken]))
    assert (fault.kind, fault.key, fault.breaks, fault.warning) == ("school", SIREN, False, False)
    assert fault.file == f"ENTStructureSIREN={SIREN}"
    assert faults(feed(schools=[school()])) == []


def test_a_school_without_key_makes_the_set_incomplete() -> None:
    assert only_fault(feed(schools=[school(ENTStructureSIREN=[])])).breaks


def test_a_uai_whose_letter_does_not_hold_is_taken_with_a_warning() -> None:
    one = feed(schools=[school(ENTStructureUAI="9990002A")])
    assert only_fault(one).warning
    assert len(rows(one)) == 1


def test_a_pupil_is_read_with_those_beside_him_and_his_place() -> None:
    one = pupil(
        "e1", beside("a1"), beside("a2", "20$0$2$1$0"), beside("a3", "1$$3$$"), ENTEleveINE="990000001eb",
        ENTEleveMEF="10310019110", ENTPersonDateNaissance="14/03/2012", ENTPersonStructRattach=SCHOOL_DN,
        ENTEleveClasses=[f"{SCHOOL_DN}$3A", f"{SCHOOL_DN}$"], ENTEleveStructRattachId="771204",
    )  # fmt: skip
    found = records(feed(one, guardian("a1"), guardian("a2"), guardian("a3"), schools=[school()]))["e1"]
    assert [(r.adult_key, r.link_code, r.quality, r.pays, r.contact_first) for r in found.relations] == [
        ("a1", "10", Quality.LEGAL_GUARDIAN, True, False),
        ("a2", "20", Quality.IN_CHARGE, False, True),
        ("a3", "20", Quality.CONTACT, False, False),
    ]
    assert (found.ine, found.birth_date, found.siecle_id) == ("990000001EB", date(2012, 3, 14), "771204")
    assert (found.school_key, [(c.school_key, c.class_code) for c in found.classes]) == (SIREN, [(SIREN, "3A")])
    assert found.stated == PERSON_FIELDS


SPELLED = "UID=A1, OU=People, dc=ENT-test,dc=fr"


def test_a_name_in_a_value_is_followed_whatever_its_spelling() -> None:
    found = records(feed(pupil("e1", f"{SPELLED}$10$1$1$0$1"), guardian("a1")))["e1"]
    assert [relation.adult_key for relation in found.relations] == ["a1"]


def test_a_name_that_holds_a_dollar_is_cut_from_the_right() -> None:
    odd = entry(f"cn=a$b,ou=people,{BASE}", objectClass=["ENTPerson", "ENTAuxPersRelEleve"], uid="a9", sn="X",
                givenName="Y")  # fmt: skip
    found = records(feed(pupil("e1", f"cn=a$b,ou=people,{BASE}$10$1$1$0$1"), odd))["e1"]
    assert [relation.adult_key for relation in found.relations] == ["a9"]


def test_one_who_is_gone_is_named_all_the_same() -> None:
    one = feed(pupil("e1", beside("gone")))
    assert [relation.adult_key for relation in records(one)["e1"].relations] == ["gone"]
    assert faults(one) == []


@pytest.mark.parametrize(
    "name", [f"cn=Aline,ou=people,{BASE}", f"uid=a2,ou=autre,{BASE}", f"uid=a1,ou=ancien,ou=people,{BASE}"]
)
def test_a_name_that_leads_nowhere_leaves_those_beside_the_pupil_as_they_stood(name: str) -> None:
    one = feed(pupil("e1", f"{name}$10$1$1$0$1"), guardian("a1"))
    (row,) = (row for row in rows(one) if row.record.key == "e1")
    assert isinstance(row.record, PersonRecord)
    assert row.record.stated == PERSON_FIELDS - {"relations"}
    assert not row.addition
    assert only_fault(one).warning


def test_a_pupil_of_age_beside_himself_gains_no_right() -> None:
    assert records(feed(pupil("e1", beside("e1", "70$0$1$0$0"))))["e1"].relations == ()


MALFORMED: dict[str, Callable[[], Entry]] = {
    "five parts": lambda: pupil("e1", beside("a1", "10$1$1$0")),
    "no name": lambda: pupil("e1", "a1$10$1$1$0$1"),
    "level": lambda: pupil("e1", beside("a1", "10$1$9$0$1")),
    "flag": lambda: pupil("e1", beside("a1", "10$x$1$0$1")),
    "link": lambda: pupil("e1", beside("a1", "99$1$1$0$1")),
    "twice": lambda: pupil("e1", beside("a1"), beside("a1", "20$1$1$0$1")),
    "himself": lambda: pupil("e1", beside("e1", "10$1$1$0$1")),
    "another pupil": lambda: pupil("e1", beside("e2")),
    "class": lambda: pupil("e1", ENTEleveClasses="3A"),
    "class of no school": lambda: pupil("e1", ENTEleveClasses=f"cn=x,{BASE}$3A"),
    "school": lambda: pupil("e1", ENTPersonStructRattach="x"),
    "date": lambda: pupil("e1", ENTPersonDateNaissance="2012-03-14"),
    "no family name": lambda: pupil("e1", sn=""),
    "no given name": lambda: pupil("e1", givenName=""),
    "long name": lambda: pupil("e1", sn="x" * 300),
    "adult too": lambda: person("e1", "ENTEleve", "ENTAuxPersRelEleve"),
    "no text": lambda: replace(pupil("e1"), unreadable=frozenset({"sn"})),
}


@pytest.mark.parametrize("fault", sorted(MALFORMED))
def test_an_entry_that_cannot_be_taken_is_told_by_its_key_alone_and_stops_nothing(fault: str) -> None:
    one = feed(MALFORMED[fault](), pupil("e2"), guardian("a1"), schools=[school()])
    told = [item for item in faults(one) if not item.warning]
    assert {(item.key, item.breaks, item.file) for item in told} == {("e1", False, "uid=e1")}
    assert not any("QUEMENEUR" in item.reason or "Tom" in item.reason for item in told)
    assert set(records(one)) == {"e2", "a1"}
    repaired = feed(pupil("e1", beside("a1")), pupil("e2"), guardian("a1"))
    assert faults(repaired) == []


def test_two_entries_of_one_key_are_nobody() -> None:
    twin = entry(f"uid=A1,ou=autre,ou=people,{BASE}", objectClass=["ENTPerson", "ENTAuxPersRelEleve"], uid="A1",
                 sn="X", givenName="Y")  # fmt: skip
    one = feed(guardian("a1"), twin, pupil("e1", beside("a1")))
    assert {fault.key for fault in faults(one)} == {"a1", "A1", "e1"}
    assert records(one) == {}


@pytest.mark.parametrize("keys", [[], ["a1", "a2"]])
def test_an_entry_without_exactly_one_key_makes_the_set_incomplete(keys: list[str]) -> None:
    fault = only_fault(feed(guardian("a1", uid=keys)))
    assert (fault.breaks, fault.key) == (True, "")


@pytest.mark.parametrize("key", ["a 1", "é", "a" * 70, "a/1"])
def test_a_key_with_characters_that_no_key_has_is_refused(key: str) -> None:
    for kind in (guardian, teacher):
        (fault,) = faults(feed(kind("a1", uid=key)))
        assert (fault.warning, fault.key, fault.breaks, fault.file) == (False, "", True, "uid=a1")
        assert records(feed(kind("a1", uid=key))) == {}


def test_what_names_an_entry_is_told_only_when_it_is_its_key() -> None:
    named = entry(f"cn=QUEMENEUR Aline,ou=people,{BASE}", objectClass=["ENTPerson", "ENTAuxPersRelEleve"])
    assert only_fault(feed(named)).file == NAME


def test_a_parent_who_teaches_is_two_records_and_tied() -> None:
    both = person("a1", "ENTAuxPersRelEleve", "ENTAuxEnseignant", ENTPersonStructRattach=SCHOOL_DN)
    one = feed(both, schools=[school()])
    assert {key: record.kind for key, record in records(one).items()} == {
        "a1": RecordKind.GUARDIAN, "a1.agent": RecordKind.STAFF,
    }  # fmt: skip
    assert list(one.ties()) == [Tie(Nature.ONE_ENTRY, "a1", "a1.agent")]


@pytest.mark.parametrize(
    ("name", "profils", "posts"),
    [
        ("ENTAuxEnseignant", [], [Profil.ENSEIGNANT]),
        ("ENTAuxNonEnsEtab", [], [Profil.ETABLISSEMENT]),
        ("ENTAuxNonEnsEtab", ["National_DIR", "national_evs"], [Profil.DIRECTION, Profil.VIE_SCOLAIRE]),
        ("ENTAuxNonEnsServAc", ["National_TUT", "National_ELV", "x"], [Profil.ACADEMIE]),
        ("ENTAuxNonEnsCollLoc", [], [Profil.COLLECTIVITE]),
    ],
)
def test_staff_have_the_profiles_they_state_or_the_least_of_their_class(
    name: str, profils: list[str], posts: list[Profil]
) -> None:
    agent = person("t1", name, ENTPersonProfils=profils, ENTPersonStructRattach=SCHOOL_DN)
    found = records(feed(agent, schools=[school()]))["t1.agent"]
    assert found.posts == tuple(PostRow(SIREN, one.value, one) for one in posts)
    assert records(feed(person("t1", name)))["t1.agent"].posts == ()


def test_an_account_that_waits_for_removal_is_withdrawn() -> None:
    (row,) = rows(feed(guardian("a1", ESCOPersonEtatCompte="DELETE")))
    assert row.record == Removal(RecordKind.GUARDIAN, "a1")
    assert "a1" in records(feed(guardian("a1", ESCOPersonEtatCompte="BLOQUE")))


def test_an_ine_that_does_not_hold_is_taken_with_a_warning_that_does_not_tell_it() -> None:
    one = feed(pupil("e1", ENTEleveINE="990000001ZZ"))
    assert only_fault(one).warning
    assert "9900" not in only_fault(one).reason
    assert records(one)["e1"].ine == "990000001ZZ"


def test_ties_are_told_once_from_whichever_side_they_are_stated() -> None:
    one = feed(
        guardian("a1", ENTPersRelRapprochSecondaire=[uid("a2"), uid("a3")]),
        guardian("a2", ENTPersRelRapprochPrincipal=uid("a1")),
        guardian("a3", ENTPersRelFusionPrincipal=uid("t1")),
        teacher("t1", ENTPersRelFusionSecondaire=uid("a3")),
    )
    assert set(one.ties()) == {
        Tie(Nature.RAPPROCHE, "a1", "a2"), Tie(Nature.RAPPROCHE, "a1", "a3"), Tie(Nature.FUSIONNE, "t1.agent", "a3"),
    }  # fmt: skip
    assert len(list(one.ties())) == 3


@pytest.mark.parametrize("value", [uid("a1"), uid("e1"), uid("gone"), "nothing"])
def test_a_tie_to_oneself_to_a_pupil_or_to_nobody_is_told_and_ties_nothing(value: str) -> None:
    one = feed(guardian("a1", ENTPersRelFusionPrincipal=value), pupil("e1"))
    (fault,) = one.ties()
    assert isinstance(fault, FeedFault)
    assert fault.warning
    good = feed(guardian("a1", ENTPersRelFusionPrincipal=uid("a2")), guardian("a2"))
    assert list(good.ties()) == [Tie(Nature.FUSIONNE, "a2", "a1")]


def test_an_unsound_entry_ties_and_is_known_as_nothing() -> None:
    twice = person("e1", "ENTEleve", "ENTAuxPersRelEleve", ENTPersonJointure="AC-TEST$1")
    one = feed(twice, person("x1", ENTPersonJointure="AC-TEST$2"))
    assert list(one.ties()) == []
    assert list(one.known_as()) == []


def test_every_reference_of_an_entry_is_known() -> None:
    one = feed(guardian("a1", ENTPersonJointure=["AC-TEST$500101", "AC-TEST$610777", "AC-AUTRE$1"]), guardian("a2"))
    references = (Reference("99", "500101"), Reference("99", "610777"))
    assert list(one.known_as()) == [KnownAs(RecordKind.GUARDIAN, "a1", references)]


def test_each_record_says_whom_its_entry_calls_one_human_with_it() -> None:
    both = person("a1", "ENTAuxPersRelEleve", "ENTAuxEnseignant", ENTPersonJointure="AC-TEST$500101")
    one = feed(both, guardian("a2", ENTPersRelFusionPrincipal=[uid("a1"), uid("gone")]), guardian("a3"))
    told = {key: [(tie.nature, tie.other) for tie in record.ties] for key, record in records(one).items()}
    assert told == {
        "a1": [("one_entry", "a1.agent"), ("reference", "99$500101")],
        "a1.agent": [("one_entry", "a1"), ("reference", "99$500101")],
        "a2": [("fusionne", "a1")],
        "a3": [],
    }
    assert only_fault(one).warning


def test_the_checksum_is_that_of_the_content_in_whatever_order() -> None:
    one, two = guardian("a1", mail=["x@example.org", "y@example.org"]), guardian("a2")
    turned = guardian("a1", mail=["y@example.org", "x@example.org"])
    assert feed(one, two).checksum(()) == feed(two, turned).checksum(())
    assert feed(one, two).checksum(()) != feed(one, guardian("a2", sn="AUTRE")).checksum(())
    assert feed(one, two).checksum(()) != feed(one, two, Illegible("x")).checksum(())
    assert feed(one, two).checksum(()) != feed(one, two, guardian("a3"), dies=2).checksum(())


def test_everything_speaks_of_one_reading_until_the_directory_is_opened_again() -> None:
    one = feed(guardian("a1"))
    before = one.checksum(())
    one.directory = FakeDirectory(persons=[guardian("a2")])
    assert (list(records(one)), one.checksum(())) == (["a1"], before)
    one.open(())
    assert list(records(one)) == ["a2"]
    one.close()
    one.close()


def test_many_entries_come_in_one_order_however_they_are_read() -> None:
    keys = [f"a{number}" for number in range(1203)]
    found = list(records(feed(*(guardian(key) for key in reversed(keys)))))
    assert found == sorted(keys)
    assert len(found) == 1203


def test_the_feed_is_one_portion() -> None:
    assert [portion.name for portion in feed(guardian()).portions(())] == [NAME]


def test_keys_may_be_of_another_attribute_than_the_one_that_names_entries() -> None:
    numbered = guardian("a1", entryUUID="5c2d")
    child = pupil("e1", beside("a1"), entryUUID="77aa")
    one = feed(numbered, child, key_attribute="entryUUID")
    assert [relation.adult_key for relation in records(one)["77aa"].relations] == ["5c2d"]
    assert numbered.dn == parse_dn(uid("a1"))


def test_a_tie_to_an_entry_of_no_kind_is_told() -> None:
    """Our filter asks for none, but a directory answers what it wants."""
    stranger = person("x1", "inetOrgPerson")
    tied = guardian("a1", ENTPersRelRapprochSecondaire=uid("x1"))
    (told,) = feed(tied, stranger).ties()
    assert isinstance(told, FeedFault)
    assert "no person of the schema" in told.reason
    (tie,) = feed(tied, guardian("x1")).ties()
    assert tie == Tie(Nature.RAPPROCHE, "a1", "x1")


def test_a_key_too_long_for_its_suffix_ends_as_a_fault_and_ties_nobody() -> None:
    long = "t" * 62
    one = feed(
        teacher(long, ENTPersonJointure="AC-TEST$800001", ENTPersRelRapprochSecondaire=uid("a1")), guardian("a1")
    )
    assert (only_fault(one).key, only_fault(one).breaks) == ("", True)
    assert list(one.ties()) == []
    assert list(one.known_as()) == []
    short = feed(teacher("t1", ENTPersonJointure="AC-TEST$800001"))
    assert [known.key for known in short.known_as()] == ["t1.agent"]


@pytest.mark.parametrize(("name", "told"), [("givenname", "givenName"), ("x990000002EA", "one that was not asked for")])
def test_an_attribute_that_holds_no_text_is_told_by_its_name_only_where_we_asked_for_it(name: str, told: str) -> None:
    fault = only_fault(feed(replace(guardian("a1"), unreadable=frozenset({name}))))
    assert fault.reason == f"an attribute that holds no text: {told}"


@pytest.mark.parametrize("key", ["990000002EA x", "\u202etxt"])
def test_what_is_no_key_is_told_nowhere(key: str) -> None:
    odd = entry(f"uid={key},ou=people,{BASE}", objectClass=["ENTPerson", "ENTAuxPersRelEleve"], uid=key)
    assert (only_fault(feed(odd)).file, only_fault(feed(odd)).key) == (NAME, "")


def test_a_key_that_holds_a_pupil_s_number_keeps_the_record_and_is_not_shown() -> None:
    """Seen by the long fuzz: the number spelt within a school's key would have stood in a report that many read."""
    fault = only_fault(feed(schools=[school("19990000002EA0001", ENTStructureNomCourant="")]))
    assert (fault.file, fault.key) == (NAME, "19990000002EA0001")
