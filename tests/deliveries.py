"""Two deliveries of every kind of feed, small and yet of many chunks, beside what another feed told before.

The first one is joined to what is known; the second founds and joins more people, withdraws guardianships, ends
enrolments, retires a few records, and gives one pupil's number to somebody else. Everybody in them is invented.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import ldap3

from tests import aaf, onde, siecle
from tests.directories import BASE, PEOPLE, READER, STRUCTURES, Ent
from tests.onde import Adult, Child

INE = ("990000001EB", "990000002EA", "990000003DK", "990000004DJ", "990000005DH")
BORN = date(2012, 3, 14)
FEEDS = """
[[feeds]]
id = "99-1d"
tenant = "ac-test"
academie = "99"
degree = "1D"
[[feeds]]
id = "99-2d"
tenant = "ac-test"
academie = "99"
degree = "2D"
[[feeds]]
id = "onde"
tenant = "ac-test"
kind = "onde"
guardians = "legal"
[[feeds]]
id = "siecle"
tenant = "ac-test"
kind = "siecle"
level = "college"
[[feeds]]
id = "cantine"
tenant = "ac-test"
kind = "csv"
people = "pupils"
columns = { login = "Login", family = "Nom", given = "Prenom", birth_date = "Ne", ine = "INE", class_name = "Classe" }
"""

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What an operator types after `preau`, one line after the other. `login` is a record of an adult who signs in."""

    known: Words
    first: Words
    second: Words
    login: str


def of_kind(name: str, folder: Path) -> Deliveries:
    """The deliveries of a kind of feed that hands over files, written into a folder."""
    return _KINDS[name](folder)


# ---- AAF ----------------------------------------------------------------------------------------------------------


def _aaf_line(folder: Path, feed: str) -> Words:
    return ("import", "aaf", str(folder), "--feed", feed, "--confirm")


def aaf_1d(
    folder: Path, *, numbers: tuple[str, ...] = INE, beside: tuple[str, ...] = ("610777$10", "610778$20")
) -> Path:
    """An école's pupils, with both parents or one."""
    pupils = [_pupil_1d(n, *beside, ine=ine) for n, ine in enumerate(numbers)]
    return _aaf_1d_set(folder, "20260901", pupils, [key for key in ADULTS_1D if key in "".join(beside)])


def _aaf_1d_later(folder: Path) -> Path:
    """The mother comes, 1 is gone, 2 without father, 0 under another INE, two new ones, one of them with a new man."""
    mother, father, other = "610777$10", "610778$20", "610779$20"
    pupils = [
        _pupil_1d(0, mother, father, ine="990000007DF"), _pupil_1d(2, mother, ine=INE[2]),
        _pupil_1d(3, mother, father, ine=INE[3]), _pupil_1d(7, mother, other),
    ]  # fmt: skip
    return _aaf_1d_set(folder, "20260908", pupils, list(ADULTS_1D))


ADULTS_1D = {
    "610777": aaf.guardian("610777", degree="1D", mobile="0639980001"),
    "610778": aaf.guardian("610778", degree="1D", given="Goulven", title="M."),
    "610779": aaf.guardian("610779", degree="1D", given="Ronan", title="M."),
}


def _pupil_1d(number: int, *adults: str, ine: str = "") -> str:
    return aaf.pupil_1d(f"40000{number}", *adults, ine=ine, given="Maëlys", born="14/03/2012")


def _aaf_1d_set(folder: Path, day: str, pupils: Sequence[str], adults: Sequence[str]) -> Path:
    school = aaf.school("9001", aaf.SCHOOL_1D, "ECOLE LES MARRONNIERS", "ECOLE ELEMENTAIRE")
    told = [ADULTS_1D[key] for key in adults]
    return aaf.write_set(folder, degree="1D", day=day, EtabEducNat=[school], Eleve=pupils, PersRelEleve=told)


def aaf_2d(folder: Path) -> Path:
    """A collège and a lycée, whose first pupils an école knew too; the father comes with the second delivery."""
    pupils = [
        aaf.pupil(
            f"20000{n}", MOTHER, f"60000{n % 3}$50$0$1$0$0", ine=INE[n] if n < 4 else "", school=f"900{2 + n % 2}"
        )
        for n in range(6)
    ]
    adults = [aaf.guardian("500101", mobile="0639980001")]
    adults += [aaf.guardian(f"60000{n}", given=f"Prénom {n}") for n in range(3)]
    lycee = aaf.school("9003", "9990003Z", "LGT$HENRI IV$PORT-FICTIF", "LYCEE")
    staff = [aaf.staff(f"30000{n}", "9002$ENS$X", "9003$DOC$X") for n in range(3)]
    return aaf.write_set(
        folder, day="20260901", EtabEducNat=[aaf.school(), lycee], Eleve=[pupils[:3], pupils[3:]], PersRelEleve=adults,
        PersEducNat=staff,
    )  # fmt: skip


def _aaf_2d_later(folder: Path) -> Path:
    """The lycée gone, a right withdrawn, a father come, one INE corrected, one pupil left, two new, one malformed."""
    ine = {0: INE[0], 1: INE[1], 2: "990000006DG", 3: INE[3], 8: INE[4]}
    beside = {n: (MOTHER, FATHER) if n != 3 else (FATHER,) for n in (0, 1, 2, 3, 4, 7, 8)}
    pupils = [aaf.pupil(f"20000{n}", *adults, ine=ine.get(n, "")) for n, adults in beside.items()]
    adults = [
        aaf.guardian("500101", mobile="0639980009"), aaf.guardian("500102", given="Goulven", title="M."),
        aaf.guardian("600001", given="Prénom 1"), aaf.guardian("600004", given="Prénom 4"),
    ]  # fmt: skip
    return aaf.write_set(
        folder, day="20260908", EtabEducNat=[aaf.school(name="CLG$DES CHENES$PORT-FICTIF")],
        Eleve=[[*pupils, aaf.pupil("200004", MOTHER, given="Zoé")], [aaf.pupil("200009", born="31/02/2012")]],
        PersRelEleve=adults, PersEducNat=[aaf.staff(f"30000{n}", "9002$DIR$X") for n in (1, 2, 3)],
    )  # fmt: skip


MOTHER, FATHER = "500101$10$1$1$0$1", "500102$20$0$1$0$0"


def _of_aaf_1d(folder: Path) -> Deliveries:
    return Deliveries(
        _aaf_line(aaf_2d(folder / "2d"), "99-2d"),
        _aaf_line(aaf_1d(folder / "first", numbers=INE[:3], beside=("610778$20",)), "99-1d"),
        _aaf_line(_aaf_1d_later(folder / "second"), "99-1d"),
        login="99-1d:610778",
    )


def _of_aaf_2d(folder: Path) -> Deliveries:
    return Deliveries(
        _aaf_line(aaf_1d(folder / "1d"), "99-1d"),
        _aaf_line(aaf_2d(folder / "first"), "99-2d"),
        _aaf_line(_aaf_2d_later(folder / "second"), "99-2d"),
        login="99-2d:600000",
    )


# ---- what schools hand over ---------------------------------------------------------------------------------------


def _school_line(kind: str, feed: str, folder: Path, uai: str, day: int) -> Words:
    day_and_school = ("--school", uai, "--made-on", f"2026-09-{day:02}")
    return ("import", kind, str(folder), "--feed", feed, *day_and_school, "--confirm")


def _of_onde(folder: Path) -> Deliveries:
    uai = aaf.SCHOOL_1D
    children = [
        *(Child(f"QUEMENEUR {n}", "Maëlys", BORN, INE[n], "CM1") for n in range(2)),
        *(Child("TESTEUR", f"Enfant {n}", BORN, "", "CM1") for n in range(3)),
    ]
    adults = [Adult("QUEMENEUR", "Aline", mobile="0639980001", children=tuple(children[:2]))]
    adults += [Adult("TESTEUR", f"Parent {n}", children=(children[2 + n], children[3])) for n in range(3)]
    first = onde.write_set(folder / "first", children, adults)
    other = [replace(children[0], ine=INE[2]), replace(children[2], label="CE2"), children[3]]
    new = [Child("QUEMENEUR 3", "Maëlys", BORN, INE[3], "CP"), Child("NOUVEAU", "Tom", BORN, "", "CP")]
    parents = [
        replace(adults[0], children=(other[0], new[0])),
        Adult("TESTEUR", "Parent 0", children=(children[3],)),
        Adult("TESTEUR", "Parent 1", children=(other[1], children[3])),
        Adult("NOUVEAU", "Jean", civility="M.", children=(new[1],)),
    ]
    second = onde.write_set(folder / "second", [*other, *new], parents)
    return Deliveries(
        _aaf_line(aaf_1d(folder / "1d"), "99-1d"),
        _school_line("onde", "onde", first, uai, 8),
        _school_line("onde", "onde", second, uai, 9),
        login="99-1d:610777",
    )


def _siecle_set(folder: Path, day: str, children: Mapping[str, tuple[str, str]], beside: Mapping[str, str]) -> Path:
    """`children`: class and INE by key; `beside`: keys of the adults of each child, one digit each."""
    said = siecle.parameters(day=day)
    names = {"1": ("Aline", "MME"), "2": ("Goulven", "M."), "3": ("Ronan", "M."), "4": ("Gwenn", "MME")}
    links = {"1": "10", "2": "20", "3": "20", "4": "10"}
    present = sorted({number for numbers in beside.values() for number in numbers})
    return siecle.write_set(
        folder,
        siecle.pupils_file(
            [siecle.pupil(key, ine=ine) for key, (_, ine) in children.items()],
            [siecle.classes(key, place) for key, (place, _) in children.items()],
            said=said,
        ),
        siecle.adults_file(
            [siecle.adult(f"88010{n}", given=names[n][0], title=names[n][1]) for n in present],
            [siecle.relation(key, f"88010{n}", link=links[n]) for key, numbers in beside.items() for n in numbers],
            said=said,
        ),
    )


def _of_siecle(folder: Path) -> Deliveries:
    first = _siecle_set(
        folder / "first", "08/09/2026",
        {"771201": ("3A", INE[0]), "771202": ("3B", INE[1]), "771203": ("3A", ""), "771204": ("3A", "")},
        {"771201": "14", "771202": "1", "771203": "34", "771204": "3"},
    )  # fmt: skip
    second = _siecle_set(
        folder / "second", "09/09/2026",
        {"771201": ("3A", INE[0]), "771202": ("3C", INE[3]), "771203": ("3B", ""), "771205": ("6A", INE[2]),
         "771206": ("6A", "")},
        {"771201": "12", "771202": "1", "771203": "4", "771205": "12", "771206": "4"},
    )  # fmt: skip
    return Deliveries(
        _aaf_line(aaf_1d(folder / "1d"), "99-1d"),
        ("import", "siecle", str(first), "--feed", "siecle", "--confirm"),
        ("import", "siecle", str(second), "--feed", "siecle", "--confirm"),
        login=f"siecle.{siecle.UAI.lower()}:880103",
    )


def _list(folder: Path, *lines: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "liste.csv").write_text("\n".join(["Login;Nom;Prenom;Ne;INE;Classe", *lines, ""]), encoding="utf-8")
    return folder


def _of_csv(folder: Path) -> Deliveries:
    def line(login: str, given: str, ine: str, place: str) -> str:
        return f"{login};QUEMENEUR;{given};14/03/2012;{ine};{place}"

    first = _list(
        folder / "first",
        line("m0", "Maëlys", INE[0], "3A"), line("m1", "Maëlys", INE[1], "3A"), line("m2", "Maëlys", INE[2], "3B"),
        *(line(f"t{n}", f"Tom {n}", "", "3A") for n in range(4)),
    )  # fmt: skip
    second = _list(
        folder / "second",
        line("m0", "Maëlys", INE[0], "3C"), line("m2", "Maëlys", INE[4], "3B"), line("m3", "Maëlys", INE[3], "3A"),
        *(line(f"t{n}", f"Tom {n}", "", "3B") for n in (1, 2, 5, 6)),
    )  # fmt: skip
    return Deliveries(
        _aaf_line(aaf_1d(folder / "1d"), "99-1d"),
        _school_line("csv", "cantine", first, aaf.SCHOOL_2D, 8),
        _school_line("csv", "cantine", second, aaf.SCHOOL_2D, 9),
        login="99-1d:610777",
    )


_KINDS: Mapping[str, Callable[[Path], Deliveries]] = {
    "aaf_1d": _of_aaf_1d,
    "aaf_2d": _of_aaf_2d,
    "onde": _of_onde,
    "siecle": _of_siecle,
    "csv": _of_csv,
}


# ---- LDAP ---------------------------------------------------------------------------------------------------------


def of_ldap(folder: Path) -> Deliveries:
    """The directory of `tests/directories.py`, as it stands and as `change_directory` leaves it: both typed alike."""
    line = ("import", "ldap", "--feed", "ent", "--confirm")
    return Deliveries(_aaf_line(aaf_1d(folder / "1d"), "99-1d"), line, line, login="ent:T99000a3")


def ldap_feed(server: Ent) -> str:
    """The feed `ent` as settings say it; its password is in the file `secrets/reader`."""
    return f"""
[[feeds]]
id = "ent"
tenant = "ac-test"
kind = "ldap"
url = "{server.url}"
reader_dn = "{READER}"
reader_password_file = "secrets/reader"
ca_file = "{server.ca}"
people_dn = "{PEOPLE}"
structures_dn = "{STRUCTURES}"
academies = {{ AC-TEST = "99" }}
"""


def change_directory(server: Ent) -> None:
    """Tom and his mother's second entry are gone, Maëlys' father no longer beside her, a sister and her father come."""
    people, college = f"ou=people,{BASE}", f"ENTStructureSIREN=19999002200011,ou=structures,{BASE}"
    tls = ldap3.Tls(ca_certs_file=str(server.ca), validate=ssl.CERT_REQUIRED)
    host = ldap3.Server(server.url, tls=tls, get_info=ldap3.NONE)
    with ldap3.Connection(host, f"cn=admin,{BASE}", server.secret, raise_exceptions=True) as admin:
        admin.delete(f"uid=T99000e1,{people}")
        admin.delete(f"uid=T99000a2,{people}")
        kept = f"uid=T99000a1,{people}$10$1$1$0$1"
        changes = {"ENTElevePersRelEleve": kept, "ENTEleveClasses": f"{college}$6B"}
        admin.modify(
            f"uid=T99000e2,{people}", {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in changes.items()}
        )
        father = {
            "givenName": "Goulven", "personalTitle": "M.", "ENTPersonJointure": "AC-TEST$500109",
            "ENTAuxPersRelEleveEleve": f"uid=T99000e5,{people}",
        }  # fmt: skip
        sister = {
            "givenName": "Maëlys", "ENTPersonDateNaissance": "14/03/2012", "ENTEleveINE": INE[2],
            "ENTPersonStructRattach": college, "ENTEleveClasses": f"{college}$3A", "ENTEleveMEF": "10310019110",
            "ENTEleveStatutEleve": "SCOLAIRE", "ENTEleveLibelleMEF": "3EME", "ENTEleveNivFormation": "3EME",
            "ENTEleveFiliere": "GENERALE", "ENTEleveMajeur": "N",
            "ENTElevePersRelEleve": f"uid=T99000a5,{people}$20$1$1$0$0", "ENTPersonJointure": "AC-TEST$200349",
        }  # fmt: skip
        for key, classes, entry in (
            ("T99000a5", ["ENTAuxPersRelEleve", "ENTPersonRelation"], father),
            ("T99000e5", ["ENTEleve"], sister),
        ):
            named = {"uid": key, "ENTPersonLogin": key, "sn": "QUEMENEUR", "cn": "QUEMENEUR"}
            admin.add(f"uid={key},{people}", ["ENTPerson", *classes], {**named, **entry})
