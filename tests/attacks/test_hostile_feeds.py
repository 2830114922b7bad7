"""Hostile or careless feeds: well-read files that would join strangers, pass on rights or lose a withdrawal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.directory import ImportRules, Intent, Progress
from broker.domain.errors import ImportHeld, ImportStale
from broker.domain.school import ine_is_plausible
from broker.storage import schema
from broker.storage.engine import open_engine
from broker.storage.sql_people import SqlPeople
from tests import aaf
from tests.clock import FakeClock
from tests.imports import FATHER, MOTHER, Desk

INE = "990000003DK"
BORN = "02/05/2018"
STRICT = ImportRules(chunk=50)
SCHOOLS = [aaf.school()]
PARENTS = [aaf.guardian("500101"), aaf.guardian("500102", title="M.", given="Paul")]


@pytest.fixture
def desk(sqlite_url: str, clock: FakeClock) -> Iterator[Desk]:
    engine = open_engine(sqlite_url)
    yield Desk(engine, clock)
    engine.dispose()


def sees(desk: Desk, key: str, *, feed: str = "99-2d") -> list[str]:
    """Given names of the children that the person behind a record sees."""
    rows = desk.rows(schema.attachments, "record_id", "person_id", "state")
    (person,) = [person for record, person, state in rows if (record, state) == (f"{feed}:{key}", "attached")]
    return sorted(card.given for card in SqlPeople(desk.engine).children_of(person, now=desk.clock()))


def ine(number: int) -> str:
    """A number whose key holds."""
    letters = "ABCDEFGHJK"
    return next(
        f"{number:09d}{one}{other}"
        for one in letters
        for other in letters
        if ine_is_plausible(f"{number:09d}{one}{other}")
    )


# ---- numbers that prove nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["00000000000", "INCONNU", "X", INE])
def test_a_placeholder_ine_joins_no_strangers(desk: Desk, tmp_path: Path, number: str) -> None:
    desk.run(
        aaf.write_set(
            tmp_path,
            EtabEducNat=SCHOOLS,
            Eleve=[
                aaf.pupil("20", "500101$10$0$1$0$0", given="Emma", family="DUPONT", ine=number),
                aaf.pupil("21", "500102$20$0$1$0$0", given="Emma", family="BENALI", ine=number),
            ],
            PersRelEleve=PARENTS,
        )
    )
    joined = ["99-2d:20", "99-2d:21"] in desk.persons()
    assert joined == ine_is_plausible(number)


# ---- keys given again ---------------------------------------------------------------------------------------------


def family(folder: Path, *, day: str = "20260901") -> Path:
    return aaf.write_set(
        folder, day=day, EtabEducNat=SCHOOLS, Eleve=[aaf.pupil("20", MOTHER, FATHER)], PersRelEleve=PARENTS
    )


def delta(folder: Path, day: str, **categories: list[str]) -> Path:
    return aaf.write_set(folder, mode="Delta", day=day, **categories)


@pytest.mark.parametrize("at_once", [True, False], ids=["in one delivery", "after a withdrawal"])
def test_a_recycled_guardian_key_passes_on_no_right(desk: Desk, tmp_path: Path, at_once: bool) -> None:
    desk.run(family(tmp_path / "1"))
    if not at_once:
        desk.run(delta(tmp_path / "2", "20260902", PersRelEleve=[aaf.delete("PersRelEleve", "500101")]))
    theirs = aaf.pupil("30", "500101$20$0$1$0$0", given="Bilal", family="BENALI", born="01/01/2013")
    stranger = aaf.guardian("500101", given="Karim", family="BENALI", title="M.")
    report = desk.run(delta(tmp_path / "3", "20260903", Eleve=[theirs], PersRelEleve=[stranger]))
    assert sees(desk, "500101") == []
    assert "another person" in report.faults[0].reason
    desk.run(delta(tmp_path / "4", "20260904", PersRelEleve=[PARENTS[0]], Eleve=[aaf.delete("Eleve", "30")]))
    assert sees(desk, "500101") == ["Maëlys"]


@pytest.mark.parametrize("born", ["14/03/2012", "15/03/2012"])
def test_a_retired_pupil_comes_back_only_as_the_same(desk: Desk, tmp_path: Path, born: str) -> None:
    desk.run(family(tmp_path / "1"))
    desk.run(delta(tmp_path / "2", "20260902", Eleve=[aaf.delete("Eleve", "20")]))
    report = desk.run(delta(tmp_path / "3", "20260903", Eleve=[aaf.pupil("20", MOTHER, born=born)]))
    same = born == "14/03/2012"
    assert sees(desk, "500101") == (["Maëlys"] if same else [])
    assert len(report.faults) == (not same)


def test_a_withdrawal_and_another_person_in_one_delivery_leave_the_key_retired(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "1"))
    rows = [aaf.delete("Eleve", "20"), aaf.pupil("20", MOTHER, given="Zoé")]
    desk.run(delta(tmp_path / "2", "20260902", Eleve=rows))
    assert sees(desk, "500101") == []


@pytest.mark.parametrize(
    ("given", "born", "shown"),
    [("Zoé", "15/03/2012", "Maëlys"), ("Zoé", "14/03/2012", "Zoé"), ("Maëlys", "15/03/2012", "Maëlys")],
    ids=["both change", "a corrected name", "a corrected date"],
)
def test_a_live_pupil_does_not_become_another(desk: Desk, tmp_path: Path, given: str, born: str, shown: str) -> None:
    desk.run(family(tmp_path / "1"))
    report = desk.run(delta(tmp_path / "2", "20260902", Eleve=[aaf.pupil("20", MOTHER, given=given, born=born)]))
    assert sees(desk, "500101") == [shown]
    changed = given != "Maëlys" and born != "14/03/2012"
    assert len(report.faults) == changed
    assert sees(desk, "500102") == (["Maëlys"] if changed else [])


def test_a_marriage_changes_only_the_family_name_and_keeps_the_rights(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "1"))
    desk.run(delta(tmp_path / "2", "20260902", PersRelEleve=[aaf.guardian("500101", family="LE GOFF")]))
    assert sees(desk, "500101") == ["Maëlys"]


def test_many_guardians_becoming_others_wait_for_a_human(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "1"))
    others = [aaf.guardian("500101", family="AUTRE", given="Eve"), PARENTS[1]]
    with pytest.raises(ImportHeld, match="1 of 2 guardian records"):
        desk.run(delta(tmp_path / "2", "20260902", PersRelEleve=others), rules=STRICT)


def test_a_school_under_a_pupils_key_does_not_keep_the_pupil(desk: Desk, tmp_path: Path) -> None:
    other = aaf.pupil("21", MOTHER, given="Zoé")
    both = [aaf.pupil("20", MOTHER), other]
    desk.run(aaf.write_set(tmp_path / "1", day="20260901", EtabEducNat=SCHOOLS, Eleve=both, PersRelEleve=PARENTS))
    schools = [*SCHOOLS, aaf.school("20", "9990003Z")]
    desk.run(aaf.write_set(tmp_path / "2", day="20260902", EtabEducNat=schools, Eleve=[other], PersRelEleve=PARENTS))
    assert sees(desk, "500101") == ["Zoé"]


# ---- rights that a file does not give -----------------------------------------------------------------------------


@pytest.mark.parametrize(("relation", "seen"), [("500102$20", []), ("500102$20$0$1$0$0", ["Maëlys"])])
def test_a_relation_without_legal_level_opens_nothing_in_2d(
    desk: Desk, tmp_path: Path, relation: str, seen: list[str]
) -> None:
    report = desk.run(
        aaf.write_set(tmp_path, EtabEducNat=SCHOOLS, Eleve=[aaf.pupil("20", relation)], PersRelEleve=PARENTS)
    )
    assert sees(desk, "500102") == seen
    assert ("without legal level" in report.faults[0].reason if report.faults else False) == (not seen)


@pytest.mark.parametrize("known", [True, False])
def test_new_records_that_open_many_known_children_wait_and_plain_arrivals_do_not(
    desk: Desk, tmp_path: Path, known: bool
) -> None:
    count = 30
    pupils = [aaf.pupil(str(1000 + n), MOTHER, family=f"F{n}", ine=ine(990000000 + n)) for n in range(count)]
    desk.run(aaf.write_set(tmp_path / "1", day="20260901", EtabEducNat=SCHOOLS, Eleve=pupils, PersRelEleve=PARENTS))
    first = 990000000 if known else 991000000
    forged = [aaf.pupil(str(2000 + n), FATHER, family=f"F{n}", ine=ine(first + n)) for n in range(count)]
    delivery = delta(tmp_path / "2", "20260902", Eleve=forged)
    if not known:
        assert desk.run(delivery, rules=STRICT).state == "done"
        return
    with pytest.raises(ImportHeld, match="30 of 30 guardianships") as held:
        desk.run(delivery, rules=STRICT)
    assert held.value.code == "PRE-4002"
    assert sees(desk, "500102") == []


# ---- withdrawals that must not be lost ----------------------------------------------------------------------------


def withdrawal(folder: Path) -> Path:
    """The father stands beside the pupil no more."""
    change = aaf.modify("Eleve", "20", ENTPersonJointure="20", ENTElevePersRelEleve=[MOTHER])
    return delta(folder, "20260902", Eleve=[change])


class Killed(BaseException):
    """The process ends here."""


def _kill(_progress: Progress) -> None:
    raise Killed


def test_a_delta_begun_is_not_dropped_for_the_next_one(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "1"))
    withdraws = withdrawal(tmp_path / "2")
    with pytest.raises(Killed):
        desk.run(withdraws, progress=_kill)
    later = delta(tmp_path / "3", "20260903", PersRelEleve=[aaf.guardian("500109")])
    with pytest.raises(ImportHeld, match="was begun") as waits:
        desk.run(later)
    assert waits.value.code == "PRE-4002"
    desk.run(withdraws)
    assert sees(desk, "500102") == []
    assert desk.run(later).state == "done"


def test_a_held_withdrawal_is_replaced_only_by_a_complete_set_of_what_it_covers(desk: Desk, tmp_path: Path) -> None:
    desk.run(family(tmp_path / "1"))
    with pytest.raises(ImportHeld, match="1 of 2 guardianships"):
        desk.run(withdrawal(tmp_path / "2"), rules=STRICT)
    narrow = aaf.write_set(tmp_path / "3", day="20260903", EtabEducNat=SCHOOLS)
    with pytest.raises(ImportHeld, match="waits for its confirmation"):
        desk.run(narrow, rules=STRICT)
    assert desk.run(family(tmp_path / "4", day="20260904"), rules=STRICT).state == "done"


@pytest.mark.parametrize("packing", ["zip", "gztar"])
def test_a_delivery_replayed_the_same_day_in_another_archive_is_stale(desk: Desk, tmp_path: Path, packing: str) -> None:
    desk.run(family(tmp_path / "1"))
    before = aaf.modify("Eleve", "20", ENTPersonJointure="20", ENTElevePersRelEleve=[MOTHER, FATHER])
    earlier = delta(tmp_path / "2", "20260902", Eleve=[before])
    desk.run(earlier)
    desk.run(withdrawal(tmp_path / "3"), intent=Intent.CONFIRM)
    again = Path(shutil.make_archive(str(tmp_path / "again"), packing, earlier))
    with pytest.raises(ImportStale) as stale:
        desk.run(again)
    assert stale.value.code == "PRE-4004"
    assert sees(desk, "500102") == []
