"""A small delivery of every kind of feed, for as many pupils as a test wants: what is spoilt, replayed or packed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from broker.domain.feed import Feed
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.ports import IdentityFeed
from connectors.aaf import AafFeed
from connectors.delivery import Limits
from connectors.onde import OndeFeed
from connectors.onde.columns import CHILD_COLUMNS, GUARDIAN_COLUMNS, PUPIL_COLUMNS
from connectors.siecle import SiecleFeed
from connectors.vendor_csv import VendorColumns, VendorCsvFeed
from tests import aaf, siecle
from tests.imports import FEED_2D, Desk
from tests.ldif import BASE, LdifFeed

SMALL = Limits(expanded=1 << 16, ratio=20, ratio_from=1 << 14, members=20)
MINE, OTHER = "9990002Y", "9990003Z"
LOGINS = VendorColumns(login="Identifiant", family="Nom", given="Prénom", school="UAI")


@dataclass(frozen=True)
class Source:
    """A kind of delivery: how one of so many persons is written, and its reader for a day."""

    feed: Feed
    write: Callable[[Path, int, date, str], Path]
    reader: Callable[[date, str, Limits], IdentityFeed]
    suffix: str
    first: re.Pattern[bytes]
    """What the delivery says of its first person, to be doubled or spoilt."""

    def deliver(self, desk: Desk, folder: Path, count: int, day: int, *, packed: bool = False) -> str:
        """Import a delivery of that day of September; gives the state of its run."""
        made_on = date(2026, 9, day)
        self.write(folder, count, made_on, MINE)
        path = Path(shutil.make_archive(f"{folder}-packed", "zip", folder)) if packed else folder
        return desk.run(path, feed=self.feed, reader=self.reader(made_on, MINE, Limits())).state


def write_onde(folder: Path, count: int, _day: date, _uai: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pupils, adults = [";".join(PUPIL_COLUMNS)], [";".join((*GUARDIAN_COLUMNS, *CHILD_COLUMNS))]
    for number in range(count):
        one = {"Nom élève": f"F{number}", "Prénom élève": "Titouan", "Date naissance": "02/05/2018"}
        two = {"Civilité Responsable": "Mme", "Nom responsable": f"F{number}", "Prénom responsable": "Aline"}
        one |= {"Libellé classe": "CE1", "Identifiant classe": "30412"}
        pupils.append(";".join(one.get(name, "") for name in PUPIL_COLUMNS))
        cells = [two.get(name, "") for name in GUARDIAN_COLUMNS]
        adults.append(";".join([*cells, "", f"F{number}", "Titouan", "CE1"]))
    for name, lines in (("eleves.csv", pupils), ("responsables.csv", adults)):
        (folder / name).write_bytes("".join(f"{line}\r\n" for line in lines).encode("cp1252"))
    return folder


def write_siecle(folder: Path, count: int, day: date, uai: str) -> Path:
    return siecle.family(folder, pupils=count, day=f"{day:%d/%m/%Y}", uai=uai)


def write_logins(folder: Path, count: int, _day: date, uai: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["Identifiant;Nom;Prénom;UAI", *(f"login{number};F{number};Aline;{uai}" for number in range(count))]
    (folder / "liste.csv").write_text("".join(f"{line}\r\n" for line in lines), encoding="utf-8")
    return folder


def write_aaf(folder: Path, count: int, day: date, _uai: str) -> Path:
    beside = ("51$10$1$1$0$1", "52$20$0$1$0$0")
    pupils = [aaf.pupil(f"2{number}", *beside, given=f"Zoé {number}") for number in range(count)]
    adults = [aaf.guardian("51"), aaf.guardian("52", title="M.", given="Paul")]
    return aaf.write_set(folder, day=f"{day:%Y%m%d}", EtabEducNat=[aaf.school()], Eleve=pupils, PersRelEleve=adults)


def write_ldif(folder: Path, count: int, _day: date, _uai: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    siren = f"ENTStructureSIREN=19999002200011,ou=structures,{BASE}"
    school = [f"dn: {siren}", "objectClass: ENTEtablissement", "ENTStructureSIREN: 19999002200011"]
    school += [f"ENTStructureUAI: {MINE}", "ENTStructureNomCourant: COLLEGE DES TILLEULS", ""]
    mother = [f"dn: uid=a1,ou=people,{BASE}", "objectClass: ENTAuxPersRelEleve", "uid: a1"]
    mother += ["sn: QUEMENEUR", "givenName: Aline", ""]
    lines = [*school, *mother]
    for number in range(count):
        lines += [f"dn: uid=e{number},ou=people,{BASE}", "objectClass: ENTEleve", f"uid: e{number}", "sn: QUEMENEUR"]
        lines += [f"givenName: Noémie {number}", f"ENTEleveClasses: {siren}$3A"]
        lines += [f"ENTElevePersRelEleve: uid=a1,ou=people,{BASE}$10$1$1$0$1", ""]
    (folder / "annuaire.ldif").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


SOURCES = {
    "aaf": Source(
        FEED_2D,
        write_aaf,
        lambda _day, _uai, limits: AafFeed(limits),
        ".xml",
        re.compile(rb"(?s)<addRequest>(?:(?!</addRequest>).)*<id>20</id>.*?</addRequest>\n"),
    ),
    "onde": Source(
        Feed("onde.9990002y", "ac-test", "99", "1D", MINE),
        write_onde,
        lambda day, uai, limits: OndeFeed(uai, day, Quality.LEGAL_GUARDIAN, limits),
        ".csv",
        re.compile(rb"F0;;Titouan;.*?\r\n"),
    ),
    "siecle": Source(
        Feed("siecle.9990002y", "ac-test", "99", "2D", MINE),
        write_siecle,
        lambda _day, _uai, limits: SiecleFeed(limits=limits),
        ".xml",
        re.compile(rb"(?s)<ELEVE .*?</ELEVE>\n"),
    ),
    "vendor": Source(
        Feed("cantine.9990002y", "ac-test", "99", "", MINE),
        write_logins,
        lambda day, uai, limits: VendorCsvFeed(uai, day, RecordKind.GUARDIAN, LOGINS, limits=limits),
        ".csv",
        re.compile(rb"login0;.*?\r\n"),
    ),
    "ldap": Source(
        Feed("ent", "ac-test", "99", ""),
        write_ldif,
        lambda day, _uai, _limits: LdifFeed(day),
        ".ldif",
        re.compile(rb"(?s)dn: uid=e0,.*?\n\n"),
    ),
}
