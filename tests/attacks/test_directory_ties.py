"""An ENT's directory that names a pupil of the académie's by a key alone: it opens that child to nobody of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from broker.directory import ImportRules
from broker.domain.errors import ImportHeld
from broker.domain.feed import Feed
from broker.domain.identity import EvidenceKind
from broker.storage import schema
from broker.storage.engine import open_engine
from broker.storage.sql_people import SqlPeople
from tests import aaf
from tests.clock import FakeClock
from tests.contract.statements import without_fsync
from tests.imports import FEED_2D, Desk
from tests.ldif import BASE, LdifFeed

ENT = Feed("ent", "collectivite-b", "")
SCHOOL = f"ENTStructureSIREN=19999003200011,ou=structures,{BASE}"
BORN = "ENTPersonDateNaissance: 14/03/2012\n"
INES = ("990000002EA", "990000003DK", "990000004DJ", "990000005DH")


@pytest.fixture
def desk(sqlite_url: str, clock: FakeClock) -> Iterator[Desk]:
    engine = without_fsync(open_engine(sqlite_url))
    yield Desk(engine, clock)
    engine.dispose()


def academie(desk: Desk, folder: Path) -> None:
    """Four pupils of one given name, and the mother of all."""
    pupils = [
        aaf.pupil(str(2000 + number), "500101$10$1$1$0$1", given="Léa", ine=ine) for number, ine in enumerate(INES)
    ]
    place = aaf.write_set(
        folder / "2d", day="20260905", EtabEducNat=[aaf.school()], Eleve=pupils, PersRelEleve=[aaf.guardian("500101")]
    )
    desk.run(place, feed=FEED_2D)


def school() -> str:
    return f"""dn: {SCHOOL}
objectClass: ENTEtablissement
ENTStructureSIREN: 19999003200011
ENTStructureUAI: 9990003Z
ENTStructureNomCourant: AUTRE COLLEGE

"""


def adult(uid: str, family: str, given: str, more: str = "") -> str:
    return f"""dn: uid={uid},ou=people,{BASE}
objectClass: ENTAuxPersRelEleve
uid: {uid}
sn: {family}
givenName: {given}
{more}
"""


def pupil(uid: str, given: str, more: str = "") -> str:
    return f"""dn: uid={uid},ou=people,{BASE}
objectClass: ENTEleve
uid: {uid}
sn: NIMPORTEQUI
givenName: {given}
ENTElevePersRelEleve: uid=voisin,ou=people,{BASE}$20$1$1$0$0
{more}
"""


def key(number: int | str) -> str:
    return f"ENTPersonJointure: AC-TEST${number}\n"


def told(desk: Desk, folder: Path, day: int, *entries: str, rules: ImportRules | None = None) -> None:
    place = folder / f"ent-{day}"
    place.mkdir()
    (place / "annuaire.ldif").write_text("".join((school(), *entries)), encoding="utf-8")
    desk.run(place, feed=ENT, reader=LdifFeed(date(2026, 9, day)), rules=rules)


def homes(desk: Desk, state: str = "attached") -> dict[str, tuple[str, str]]:
    rows = desk.rows(schema.attachments, "record_id", "person_id", "evidence_kind", "state")
    return {record: (person, kind) for record, person, kind, is_ in rows if is_ == state}


TIE = EvidenceKind.DIRECTORY_TIE.value


@pytest.mark.parametrize(("stated", "joins"), [("", False), (BORN, True), (BORN.replace("2012", "2011"), False)])
def test_a_key_without_the_birth_date_opens_no_child(desk: Desk, tmp_path: Path, stated: str, joins: bool) -> None:
    academie(desk, tmp_path)
    told(desk, tmp_path, 6, adult("voisin", "VOISIN", "Jean"), pupil("faux", "Lea", key(2000) + stated))
    victim, _ = homes(desk)["99-2d:2000"]
    assert (homes(desk)["ent:faux"] == (victim, TIE)) is joins
    cards = SqlPeople(desk.engine).children_of(homes(desk)["ent:voisin"][0], now=desk.clock())
    assert (victim in {card.child_id for card in cards}) is joins
    assert homes(desk, "proposed") == ({} if joins else {"ent:faux": (victim, TIE)})


@pytest.mark.parametrize(("family", "joins"), [("QUEMENEUR", True), ("Quéméneur", True), ("VOISIN", False)])
def test_a_key_with_another_family_name_makes_nobody_a_mother(
    desk: Desk, tmp_path: Path, family: str, joins: bool
) -> None:
    academie(desk, tmp_path)
    told(desk, tmp_path, 6, adult("voisine", family, "Aline", key(500101)))
    mother, _ = homes(desk)["99-2d:500101"]
    assert (homes(desk)["ent:voisine"] == (mother, TIE)) is joins


@pytest.mark.parametrize("by_key", [True, False], ids=["key", "INE"])
def test_pupils_whom_a_directory_names_count_as_changes_of_those_known(
    desk: Desk, tmp_path: Path, by_key: bool
) -> None:
    academie(desk, tmp_path)
    voisin = adult("voisin", "VOISIN", "Jean")
    own = [pupil(f"own{number}", f"Own{number}") for number in range(40)]
    told(desk, tmp_path, 6, voisin, *own)
    proofs = [key(2000 + number) if by_key else f"ENTEleveINE: {ine}\n" for number, ine in enumerate(INES)]
    fakes = [pupil(f"fake{number}", "Lea", proof + BORN) for number, proof in enumerate(proofs)]
    with pytest.raises(ImportHeld):
        told(desk, tmp_path, 7, voisin, *own, *fakes, rules=ImportRules())
    strangers = [pupil(f"new{number}", "Lea", key(3000 + number) + BORN) for number in range(4)]
    told(desk, tmp_path, 8, voisin, *own, *strangers, rules=ImportRules())
