"""The life of a directory under imports: complete and delta sets of both degrees, on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.domain.audit import Topic
from broker.domain.guardianship import Quality
from broker.storage import schema
from broker.storage.sql_people import SqlPeople
from tests import aaf, builders
from tests.clock import FakeClock
from tests.imports import FATHER, FEED_1D, FEED_2D, MOTHER, Desk

GOLDEN = Path(__file__).parents[1] / "data" / "aaf"


@pytest.fixture
def desk(sql_engine: Engine, clock: FakeClock) -> Desk:
    return Desk(sql_engine, clock)


def family(folder: Path, *relations: str, mode: str = "Delta", day: str = "20260906") -> Path:
    """A set that states these relations of pupil 1, whose parents are 500101 and 500102."""
    adults = [aaf.guardian("500101"), aaf.guardian("500102", given="Goulven", title="M.")]
    return aaf.write_set(
        folder,
        mode=mode,
        day=day,
        EtabEducNat=[aaf.school()],
        Eleve=[aaf.pupil("1", *relations)],
        PersRelEleve=adults,
    )


def test_a_complete_2d_set_fills_an_empty_directory(desk: Desk) -> None:
    report = desk.run(GOLDEN / "2d-complet")
    assert (report.state, report.faults) == ("done", ())
    assert report.counts is not None
    assert (report.counts["pupil_added"], report.counts["guardian_added"], report.counts["staff_added"]) == (2, 3, 3)
    assert desk.open_guardianships() == {
        ("500101", "200345"),
        ("500102", "200345"),
        ("500103", "200345"),
        ("500101", "200346"),
        ("500102", "200346"),
    }
    assert desk.rows(schema.guardianships, "adult_record", "quality", "may_see", "may_act", "contact_first")[-1] == (
        "99-2d:500103",
        Quality.CONTACT.value,
        False,
        False,
        True,
    )
    assert desk.rows(schema.staff_posts, "record_id", "uai", "profil") == [
        ("99-2d:300001", "9990002Y", "ENS"),
        ("99-2d:300001", "9990003Z", "ENS"),
        ("99-2d:300002", "9990002Y", "DIR"),
        ("99-2d:300003", "9990002Y", "ETA"),
    ]
    assert len(desk.persons()) == 8
    assert all(len(records) == 1 for records in desk.persons())


def test_the_mother_sees_her_children_of_the_feed(desk: Desk) -> None:
    desk.run(GOLDEN / "2d-complet")
    people = SqlPeople(desk.engine)
    (mother,) = [p for p, r in desk.rows(schema.attachments, "person_id", "record_id") if r == "99-2d:500101"]
    cards = people.children_of(mother, now=desk.clock.advance(1))
    assert [(card.given, card.school, card.class_label) for card in cards] == [
        ("Maëlys", "Collège des Tilleuls", "3A"),
        ("Noé", "Lycée Henri IV", "201"),
    ]


def test_a_1d_set_is_imported_beside_it(desk: Desk) -> None:
    desk.run(GOLDEN / "2d-complet")
    desk.run(GOLDEN / "1d-complet", feed=FEED_1D)
    assert desk.rows(schema.schools, "uai", "name", "level", "commune")[0] == (
        "9990001X",
        "École les Acacias",
        "ecole",
        "L'Ile-Fictive",
    )
    enrolments = desk.rows(schema.enrolments, "record_id", "uai", "class_label", "level_code")
    assert enrolments[0] == ("99-1d:410001", "9990001X", "CE1-CE2 MME TEST", "1122")


def test_the_same_delivery_twice_does_nothing(desk: Desk) -> None:
    desk.run(GOLDEN / "2d-complet")
    assert desk.run(GOLDEN / "2d-complet").state == "nothing_to_do"


def test_the_same_content_in_another_delivery_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER, FATHER, mode="Complet"))
    report = desk.run(family(tmp_path / "two", MOTHER, FATHER, mode="Complet", day="20260912"))
    assert report.counts == {"unchanged": 4}
    assert report.difference is not None
    assert all(kind.changed == kind.added == kind.removed == 0 for kind in report.difference.kinds.values())


def test_a_golden_delta_removes_a_pupil_a_father_and_changes_a_mail(desk: Desk) -> None:
    desk.run(GOLDEN / "2d-complet")
    report = desk.run(GOLDEN / "2d-delta")
    assert desk.open_guardianships() == {("500101", "200345"), ("500103", "200345")}
    assert report.counts == {
        "guardianships_ended": 3,
        "pupil_retired": 1,
        "pupil_changed": 1,
        "contacts_changed": 1,
        "guardian_changed": 1,
    }
    retired = [key for key, at in desk.rows(schema.records, "key", "retired_at") if at]
    assert retired == ["200346"]
    (content,) = [c for key, c in desk.rows(schema.records, "key", "content") if key == "500102"]
    assert "nouveau.test@example.org" in content
    assert "+33639980002" in content


def test_a_withdrawn_relation_falls_with_the_pupils_record(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "before", MOTHER, FATHER))
    desk.run(family(tmp_path / "after", MOTHER, day="20260907"))
    assert desk.open_guardianships() == {("500101", "1")}
    ended = [u for a, u in desk.rows(schema.guardianships, "adult_record", "until") if a == "99-2d:500102"]
    assert ended == [desk.clock()]


def test_a_relation_given_back_is_a_new_dated_fact(desk: Desk, tmp_path: Path) -> None:
    begun = []
    for number, relations in enumerate([(MOTHER, FATHER), (MOTHER,), (MOTHER, FATHER)]):
        desk.run(family(tmp_path / str(number), *relations, day=f"2026090{number + 1}"))
        begun.append(desk.clock())
    father = [
        (since, until)
        for adult, since, until in desk.rows(schema.guardianships, "adult_record", "since", "until")
        if adult == "99-2d:500102"
    ]
    assert sorted(father, key=lambda fact: fact[0]) == [(begun[0], begun[1]), (begun[2], None)]


def test_a_legal_guardian_who_becomes_a_contact_sees_no_more(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "before", MOTHER, FATHER))
    desk.run(family(tmp_path / "after", MOTHER, "500102$20$0$3$0$0", day="20260907"))
    facts = desk.rows(schema.guardianships, "adult_record", "may_see", "until")
    assert ("99-2d:500102", False, None) in facts
    assert ("99-2d:500102", True, desk.clock()) in facts


def test_a_partial_change_without_relations_leaves_them(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "before", MOTHER, FATHER))
    change = aaf.modify("Eleve", "1", givenName="Enora")
    desk.run(aaf.write_set(tmp_path / "after", mode="Delta", day="20260907", Eleve=[change]))
    assert desk.open_guardianships() == {("500101", "1"), ("500102", "1")}
    assert ("1", "Enora") in desk.rows(schema.records, "key", "given_name")


def test_what_a_guardians_record_says_of_children_grants_nothing(desk: Desk, tmp_path: Path) -> None:
    adult = aaf.guardian("666666", children=["1"])
    family(tmp_path, MOTHER)
    aaf.write_set(tmp_path, mode="Delta", day="20260906", PersRelEleve=[[aaf.guardian("500101"), adult]])
    desk.run(tmp_path)
    assert desk.open_guardianships() == {("500101", "1")}


def test_people_not_seen_retire_in_a_complete_run_and_come_back(desk: Desk, tmp_path: Path) -> None:
    def everybody(name: str, day: str, *pupils: str) -> Path:
        return aaf.write_set(
            tmp_path / name,
            day=day,
            EtabEducNat=[aaf.school()],
            Eleve=[aaf.pupil(key, MOTHER) for key in pupils],
            PersRelEleve=[aaf.guardian("500101")],
        )

    desk.run(everybody("first", "20260901", "1", "2"))
    before = desk.persons()
    report = desk.run(everybody("second", "20260908", "1"))
    assert report.counts is not None
    assert (report.counts["pupil_retired"], desk.open_guardianships()) == (1, {("500101", "1")})
    report = desk.run(everybody("third", "20260915", "1", "2"))
    assert report.counts is not None
    assert (report.counts["pupil_returned"], desk.open_guardianships()) == (1, {("500101", "1"), ("500101", "2")})
    assert desk.persons() == before


def test_a_delta_retires_nobody_it_does_not_name(desk: Desk, tmp_path: Path) -> None:
    desk.run(GOLDEN / "2d-complet")
    desk.run(aaf.write_set(tmp_path, mode="Delta", day="20260906", Eleve=[aaf.pupil("9")]))
    assert [key for key, at in desk.rows(schema.records, "key", "retired_at") if at] == []


def test_a_complete_set_without_guardian_files_retires_no_guardian(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER, FATHER, mode="Complet", day="20260901"))
    folder = aaf.write_set(tmp_path / "two", day="20260908", Eleve=[aaf.pupil("2", MOTHER)])
    desk.run(folder)
    assert [key for key, at in desk.rows(schema.records, "key", "retired_at") if at] == ["1"]


def test_a_complete_set_with_a_broken_file_retires_nobody(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER, FATHER, mode="Complet", day="20260901"))
    folder = aaf.write_set(tmp_path / "two", day="20260908", Eleve=[aaf.pupil("2", MOTHER), "<cut"])
    report = desk.run(folder)
    assert (report.complete, [fault.line > 1 for fault in report.faults]) == (False, [True])
    assert [key for key, at in desk.rows(schema.records, "key", "retired_at") if at] == []
    assert "2" in [key for (key,) in desk.rows(schema.records, "key")]


def test_a_malformed_record_keeps_its_person_and_its_rights(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER, FATHER, mode="Complet", day="20260901"))
    folder = family(tmp_path / "two", MOTHER, FATHER, mode="Complet", day="20260908")
    broken = aaf.pupil("1", MOTHER, FATHER, born="31/02/2012")
    aaf.write_set(folder, day="20260908", Eleve=[broken])
    report = desk.run(folder)
    assert [fault.reason for fault in report.faults] == ["a date that does not exist"]
    assert desk.open_guardianships() == {("500101", "1"), ("500102", "1")}


def test_a_school_that_closes_is_retired_with_its_enrolments(desk: Desk, tmp_path: Path) -> None:
    desk.run(GOLDEN / "2d-complet")
    folder = aaf.write_set(tmp_path, day="20260912", EtabEducNat=[aaf.school()], Eleve=[aaf.pupil("200345", MOTHER)])
    desk.run(folder)
    assert [uai for uai, at in desk.rows(schema.schools, "uai", "retired_at") if at] == ["9990003Z"]
    open_now = [r for r, until in desk.rows(schema.enrolments, "record_id", "until") if until is None]
    assert open_now == ["99-2d:200345"]


def test_a_school_that_comes_later_gets_its_pupils_although_they_did_not_change(desk: Desk, tmp_path: Path) -> None:
    pupils = [aaf.pupil("1", MOTHER), aaf.pupil("2", MOTHER)]
    report = desk.run(aaf.write_set(tmp_path / "one", day="20260901", Eleve=pupils))
    assert desk.rows(schema.enrolments, "record_id") == []
    assert [fault.warning for fault in report.faults] == [True]
    desk.run(aaf.write_set(tmp_path / "two", day="20260908", EtabEducNat=[aaf.school()], Eleve=pupils))
    assert len(desk.rows(schema.enrolments, "record_id")) == 2


def test_a_school_without_level_gets_the_one_of_its_pupils(desk: Desk, tmp_path: Path) -> None:
    folder = aaf.write_set(
        tmp_path,
        EtabEducNat=[aaf.school(name="COURS FICTIF", kind="")],
        MefEducNat=[aaf.mef()],
        Eleve=[aaf.pupil("1")],
    )
    desk.run(folder)
    assert desk.rows(schema.schools, "uai", "level") == [("9990002Y", "college")]


def test_the_last_of_a_repeated_key_wins_also_when_all_comes_again(desk: Desk, tmp_path: Path) -> None:
    pupils = [aaf.pupil("1", given=given) for given in ("Anna", "Berthe", "Chloé")]
    filler = [aaf.pupil(str(number)) for number in range(100, 120)]
    for number in range(2):
        folder = tmp_path / str(number)
        aaf.write_set(folder, day=f"2026090{number + 1}", Eleve=[pupils[0], *filler, pupils[1], *filler, pupils[2]])
        desk.run(folder)
        assert ("1", "Chloé") in desk.rows(schema.records, "key", "given_name")


def test_one_delta_may_change_a_right_twice(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER, FATHER))
    filler = [aaf.pupil(str(number)) for number in range(100, 120)]
    turns = [aaf.pupil("1", MOTHER), *filler, aaf.pupil("1", MOTHER, FATHER), *filler, aaf.pupil("1", MOTHER)]
    desk.run(aaf.write_set(tmp_path / "two", mode="Delta", day="20260907", Eleve=turns))
    assert desk.open_guardianships() == {("500101", "1")}


def test_a_key_that_changes_its_kind_is_refused_and_told(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER))
    folder = aaf.write_set(tmp_path / "two", mode="Delta", day="20260907", PersRelEleve=[aaf.guardian("1")])
    report = desk.run(folder)
    assert ["pupil comes back as that of a guardian" in fault.reason for fault in report.faults] == [True]
    assert ("1", "pupil") in desk.rows(schema.records, "key", "kind")


def test_rights_are_given_anew_when_the_policy_changes(desk: Desk, tmp_path: Path) -> None:
    from dataclasses import replace

    host = "500103$51$0$2$0$0"
    desk.run(family(tmp_path / "one", MOTHER, host))
    assert ("99-2d:500103", False) in desk.rows(schema.guardianships, "adult_record", "may_see")
    sees = replace(desk.rules, in_charge_sees=True)
    desk.run(family(tmp_path / "two", MOTHER, host, day="20260907"), rules=sees)
    facts = desk.rows(schema.guardianships, "adult_record", "may_see", "until")
    assert ("99-2d:500103", True, None) in facts


def test_sessions_of_those_who_sign_in_are_told_and_only_theirs(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "one", MOTHER, FATHER))
    owners = dict(desk.rows(schema.attachments, "record_id", "person_id"))
    father = owners["99-2d:500102"]
    builders.add_session(desk.engine, father, builders.add_account(desk.engine, father))
    desk.run(family(tmp_path / "two", day="20260907"))
    assert desk.rows(schema.outbox, "topic", "key") == [(Topic.SESSIONS_CHANGED.value, father)]
    ((digest,),) = desk.rows(schema.sessions, "handle_digest")
    ((payload,),) = desk.rows(schema.outbox, "payload")
    assert payload == {"digests": digest}
    changes = desk.rows(schema.audit_events, "action", "subject", "outcome", "trace")
    assert [(subject, outcome) for action, subject, outcome, _ in changes if action == "guardianship_changed"] == [
        ("99-2d:1", "ended"),
        ("99-2d:1", "ended"),
    ]


def test_every_run_is_audited_from_start_to_end(desk: Desk) -> None:
    report = desk.run(GOLDEN / "2d-complet")
    events = desk.rows(schema.audit_events, "action", "actor", "subject", "tenant")
    assert events == [
        ("import_finished", "feed:99-2d", report.import_id, FEED_2D.tenant),
        ("import_started", "feed:99-2d", report.import_id, FEED_2D.tenant),
    ]


def test_facts_of_a_run_bear_one_instant(desk: Desk) -> None:
    desk.run(GOLDEN / "2d-complet")
    instants = {since for (since,) in desk.rows(schema.guardianships, "since")}
    instants |= {since for (since,) in desk.rows(schema.enrolments, "since")}
    assert instants == {desk.clock()}
    assert desk.clock.advance(timedelta(0)) in instants
