"""A generated académie for measuring: N invented pupils in AAF 2D files, with the attributes that real files carry.

Shares follow what was measured on real sets: two or three adults beside a pupil, 96 % of guardians with a mobile,
half with an e-mail, no guardian with a birth date. Académie 99 does not exist; the UAI begin with 999, which is
unassigned. The same seed gives the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">\n<ficAlimMENESR>\n'
    '<!-- versionAF="AAF-VE2407" versionSDET="Annexe 4bis version 6.4" codeAcademieExport="99" degre="2D"'
    ' dateGenerationExport="20260905" -->\n'
)
FOOT = "</ficAlimMENESR>\n"
PART = 25_000
COMPLETE, DELTA = "ENT2DVA-ENT99_Complet_20260905", "ENT2DVA-ENT99_Delta_20260906"
FAMILIES = [
    a + b
    for a in ("BOU", "DEL", "FER", "GAR", "LAM", "MOR", "PER", "ROU", "SAN", "VAL")
    for b in ("ARD", "AUX", "CHET", "DIER", "GNON", "LIN", "MAND", "NET", "RIN", "VEAU", "ZAT", "TIN")
]
GIVEN = [
    "Adam",
    "Aïcha",
    "Anaïs",
    "Baptiste",
    "Chloé",
    "Élise",
    "Fatou",
    "Gaël",
    "Hugo",
    "Inès",
    "Jeanne",
    "Kilian",
    "Léa",
    "Maëlys",
    "Noé",
    "Océane",
    "Paul",
    "Quentin",
    "Rose",
    "Sacha",
    "Théo",
    "Ugo",
    "Victoire",
    "Yanis",
    "Zoé",
]
MEFS = ["10010012110", "10110001110", "10210001110", "10310019110", "20010018110", "20110019110", "20210019110"]
L23, D10 = "ABCDEFGHJKLMNPRSTUVWXYZ", "ABCDEFGHJK"


def write_academy(folder: Path, *, pupils: int, seed: int = 2026) -> int:
    """Write the files; returns how many records (schools, pupils, guardians) they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    schools = _schools(pupils)
    count = _write(folder, "EtabEducNat", (_school(number) for number in range(schools)))
    families = list(_families(draw, pupils))
    count += _write(folder, "Eleve", _pupils(draw, families, schools))
    return count + _write(folder, "PersRelEleve", _guardians(draw, families))


@dataclass(frozen=True, slots=True)
class Watched:
    """Whose page tells that a delta arrived: keys of an adult whose child moves, of one whose right is withdrawn."""

    moving_parent: str
    withdrawn_parent: str


NEW_CLASS = "6ARRIVEE"
"""The class that a delta moves pupils to."""


def write_delta(folder: Path, *, pupils: int, records: int, seed: int = 2026) -> Watched:
    """Write the delta of the day after: of `records`, 60 % change class, 12 % lose an adult, 16 % of mobiles change.

    The rest comes (6 %) or leaves (6 %). `records` is at most a hundredth of `pupils`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    families = list(_families(random.Random(seed), pupils))
    firsts = _first_adults(families)
    moved, bereft, called, come = (records * share // 100 for share in (60, 12, 16, 6))
    left = records - moved - bereft - called - come
    place = iter(range(len(families)))
    moving = [next(place) for _ in range(moved)]
    losing = [next(place) for _ in range(bereft)]
    calling = [next(place) for _ in range(called)]
    leaving = [next(place) for _ in range(left)]
    draw = random.Random(seed + 1)
    requests = [
        *(_change("Eleve", _pupil_key(families[one][0]), _arrival(draw, pupils)) for one in moving),
        *(_change("Eleve", _pupil_key(families[one][0]), _attribute("ENTElevePersRelEleve")) for one in losing),
        *(_pupil(draw, pupils + number, "NOUVEAU", [], 9000) for number in range(come)),
        *(_leave("Eleve", _pupil_key(families[one][0])) for one in leaving),
    ]
    _write(folder, "Eleve", iter(requests), name=DELTA)
    mobiles = (
        _change("PersRelEleve", str(5_000_000 + firsts[one]), _attribute("mobile", "+33 7 00 00 00 00"))
        for one in calling
    )
    _write(folder, "PersRelEleve", mobiles, name=DELTA)
    return Watched(*(str(5_000_000 + firsts[group[0]]) for group in (moving, losing)))


def _first_adults(families: list[tuple[int, int, int]]) -> list[int]:
    """The number of each family's first adult."""
    return [0, *accumulate(adults for _, _, adults in families)]


def _schools(pupils: int) -> int:
    return max(1, pupils // 600)


def _pupil_key(number: int) -> str:
    return str(2_000_000 + number)


def _arrival(draw: random.Random, pupils: int) -> str:
    school = str(9000 + draw.randrange(_schools(pupils)))
    return _attribute("ENTPersonStructRattach", school) + _attribute("ENTEleveClasses", f"{school}${NEW_CLASS}")


def _change(category: str, key: str, body: str) -> str:
    return _request(
        "modifyRequest", "modifications", category, key, body.replace("<attr ", '<attr operation="replace" ')
    )


def _leave(category: str, key: str) -> str:
    return _request("deleteRequest", "attributes", category, key, "")


def _write(folder: Path, category: str, records: Iterator[str], *, name: str = COMPLETE) -> int:
    """Write one category in numbered parts."""
    count, part = 0, 0
    stream: IO[str] | None = None
    for record in records:
        if stream is None:
            path = folder / f"{name}_{category}_{part:04d}.xml"
            stream = path.open("w", encoding="utf-8")
            stream.write(HEAD)
            part += 1
        stream.write(record)
        count += 1
        if count % PART == 0:
            stream.write(FOOT)
            stream.close()
            stream = None
    if stream is not None:
        stream.write(FOOT)
        stream.close()
    return count


def _families(draw: random.Random, pupils: int) -> Iterator[tuple[int, int, int]]:
    """Families as (number of the first pupil, children, adults)."""
    first = 0
    while first < pupils:
        children = min(draw.choices((1, 2, 3), (75, 20, 5))[0], pupils - first)
        yield first, children, draw.choices((1, 2, 3), (5, 55, 40))[0]
        first += children


def uai(number: int) -> str:
    """A key-valid UAI of the unassigned prefix 999."""
    digits = 9990000 + number
    return f"{digits:07d}{L23[digits % 23]}"


def ine(number: int) -> str:
    """A key-valid pupil number."""
    digits = 990_000_000 + number
    key = 97 - digits % 97
    return f"{digits:09d}{D10[key // 10]}{D10[key % 10]}"


def _attribute(name: str, *values: str) -> str:
    inside = "".join(f"<value>{value}</value>" if value else "<value/>" for value in values) or "<value/>"
    return f'  <attr name="{name}">{inside}</attr>\n'


def _record(category: str, key: str, body: str) -> str:
    return _request("addRequest", "attributes", category, key, body)


def _request(operation: str, part: str, category: str, key: str, body: str) -> str:
    kind = "categorieStructure" if category == "EtabEducNat" else "categoriePersonne"
    return (
        f'<{operation}>\n <operationalAttributes><attr name="{kind}"><value>{category}</value></attr>'
        f"</operationalAttributes>\n <identifier><id>{key}</id></identifier>\n <{part}>\n{body} </{part}>\n"
        f"</{operation}>\n"
    )


def _school(number: int) -> str:
    sort, label, code = (("CLG", "COLLEGE", "340"), ("LGT", "LYCEE", "300"))[number % 3 == 2]
    classes = [f"{level}{letter}${level}EME$10310019110" for level in "6543" for letter in "ABCDEF"]
    body = (
        _attribute("ENTStructureJointure", str(9000 + number))
        + _attribute("ENTStructureUAI", uai(number))
        + _attribute("ENTStructureSIREN", f"19{9990000 + number:07d}00011")
        + _attribute("ENTStructureNomCourant", f"{sort}$DES TILLEULS {number}$PORT-FICTIF")
        + _attribute("ENTStructureTypeStruct", label)
        + _attribute("ENTStructureCodeTypeStruct", code)
        + _attribute("ENTEtablissementContrat", "PU")
        + _attribute("ENTStructureClasses", *classes)
    )
    return _record("EtabEducNat", str(9000 + number), body)


def _pupils(draw: random.Random, families: list[tuple[int, int, int]], schools: int) -> Iterator[str]:
    adult = 0
    for first, children, adults in families:
        name = draw.choice(FAMILIES) + draw.choice(("", "E", "ON", "ET"))
        keys = [str(5_000_000 + adult + place) for place in range(adults)]
        adult += adults
        for number in range(first, first + children):
            yield _pupil(draw, number, name, keys, 9000 + draw.randrange(schools))


def _pupil(draw: random.Random, number: int, name: str, adults: list[str], school: int) -> str:
    terms = ("10$1$1$0$1", "20$0$1$0$0", "39$0$0$1$0")
    place = f"{draw.choice('6543')}{draw.choice('ABCDEF')}"
    given = draw.choice(GIVEN)
    mef = draw.choice(MEFS)
    key = _pupil_key(number)
    body = (
        _attribute("ENTPersonJointure", key)
        + _attribute("ENTEleveINE", ine(number))
        + _attribute("ENTEleveStructRattachId", str(700_000 + number))
        + _attribute(
            "ENTPersonDateNaissance", f"{draw.randint(1, 28):02d}/{draw.randint(1, 12):02d}/{2008 + number % 7}"
        )
        + _attribute("ENTPersonNomPatro", name)
        + _attribute("sn", name)
        + _attribute("givenName", given)
        + _attribute("ENTPersonAutresPrenoms", given, draw.choice(GIVEN))
        + _attribute("personalTitle", draw.choice(("M.", "Mme")))
        + _attribute("ENTElevePersRelEleve", *(f"{key}${term}" for key, term in zip(adults, terms, strict=False)))
        + _attribute("ENTEleveBoursier", "N")
        + _attribute("ENTEleveRegime", "DEMI-PENSIONNAIRE DANS L ETABLISSEMENT")
        + _attribute("ENTEleveTransport", "N")
        + _attribute("ENTPersonAdresse", f"{number % 90} RUE DES LICES$$$")
        + _attribute("ENTPersonCodePostal", "99000")
        + _attribute("ENTPersonVille", "PORT-FICTIF")
        + _attribute("ENTPersonPays", "FRANCE")
        + _attribute("ENTEleveStatutEleve", "SCOLAIRE")
        + _attribute("ENTEleveMEF", mef)
        + _attribute("ENTEleveLibelleMEF", "3EME GENERALE")
        + _attribute("ENTEleveNivFormation", "3EME")
        + _attribute("ENTEleveFiliere", "TROISIEME")
        + _attribute("ENTEleveEnseignements", "FRANCAIS", "MATHEMATIQUES", "ANGLAIS LV1", "ESPAGNOL LV2")
        + _attribute("ENTEleveCodeEnseignements", "020700", "061300", "030201", "030602")
        + _attribute("ENTPersonStructRattach", str(school))
        + _attribute("ENTEleveClasses", f"{school}${place}")
        + _attribute("ENTEleveGroupes", f"{school}${place} GR1", f"{school}${place} LV2")
    )
    return _record("Eleve", key, body)


def _guardians(draw: random.Random, families: list[tuple[int, int, int]]) -> Iterator[str]:
    number = 0
    for first, children, adults in families:
        pupils = [_pupil_key(first + place) for place in range(children)]
        for place in range(adults):
            yield _guardian(draw, number, pupils, ("Mme", "M.", "Mme")[place])
            number += 1


def _guardian(draw: random.Random, number: int, pupils: list[str], title: str) -> str:
    name = draw.choice(FAMILIES) + draw.choice(("", "E", "ON", "ET"))
    given = draw.choice(GIVEN)
    key = str(5_000_000 + number)
    mobile = (
        f"+33 6 {number // 1_000_000:02d} {number // 10_000 % 100:02d} {number // 100 % 100:02d} {number % 100:02d}"
    )
    body = (
        _attribute("ENTPersonJointure", key)
        + _attribute("ENTPersonDateNaissance", "")
        + _attribute("ENTPersonNomPatro", name)
        + _attribute("sn", name)
        + _attribute("givenName", given)
        + _attribute("personalTitle", title)
        + _attribute("ENTAuxPersRelEleveEleve", *pupils)
        + _attribute("homePhone", "")
        + _attribute("telephoneNumber", "")
        + _attribute("mobile", mobile if draw.random() < 0.96 else "")
        + _attribute("mail", f"{given.lower()}.{number}@example.org" if draw.random() < 0.5 else "")
        + _attribute("ENTPersonAdresse", f"{number % 90} RUE DES LICES$$$")
        + _attribute("ENTPersonCodePostal", "99000")
        + _attribute("ENTPersonVille", "PORT-FICTIF")
        + _attribute("ENTPersonPays", "FRANCE")
        + _attribute("ENTPersonAdresseDiffusion", "N")
    )
    return _record("PersRelEleve", key, body)
