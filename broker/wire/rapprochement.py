"""RapprochementSSO, by which Pronote knows people at their first login (domain §6.1): a school's people, written.

The national number of pupils (`NumeroNational`) is never written: no release holds the INE. Nor is the container that
carries such a file over the vendor's web service: it is encrypted to a key that the vendor gives to its partners.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from xml.sax.saxutils import quoteattr

from broker.domain.roll import Roll, RollEntry, RollKind

NAMESPACE = "http://www.index-education.com/rapprochementssoV2.0"
_LISTS = (
    (RollKind.STAFF, "Personnels", "Personnel"),
    (RollKind.TEACHER, "Professeurs", "Professeur"),
    (RollKind.GUARDIAN, "Responsables", "Responsable"),
    (RollKind.PUPIL, "Eleves", "Eleve"),
)
_SCHOOL = 1


def write_rapprochement(roll: Roll, *, partner: str, now: datetime) -> bytes:
    """The file. `Ident`s are numbers of this file alone; `ID_Partenaire` is what CAS will say."""
    idents = {entry.person_id: number for number, entry in enumerate(roll.entries, 1)}
    head = _attributes({"Date": now.isoformat(timespec="seconds"), "Partenaire": partner,
                        "ProtocoleDelegationAuthentification": "CAS"})  # fmt: skip
    school = _attributes({"Ident": str(_SCHOOL), "Numero": roll.uai, "Nom": roll.school})
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<PARTENAIRE_INDEX xmlns="{NAMESPACE}"{head}>',
        f"  <Etablissements>\n    <Etablissement{school}/>\n  </Etablissements>",
        f'  <EtablissementsGeres>\n    <Etablissement Ident="{_SCHOOL}"/>\n  </EtablissementsGeres>',
        *(line for kind, many, one in _LISTS for line in _list(roll.of(kind), many, one, idents)),
        "</PARTENAIRE_INDEX>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _list(entries: Iterable[RollEntry], many: str, one: str, idents: Mapping[str, int]) -> Iterator[str]:
    """A list that is not empty: the schema wants one of each or no list."""
    found = tuple(entries)
    if not found:
        return
    yield f"  <{many}>"
    for entry in found:
        inner = "".join(f'<Responsable Ident="{idents[who]}"/>' for who in entry.guardians)
        start = f"    <{one}{_attributes(_said(entry, idents))}"
        yield f"{start}>{inner}</{one}>" if inner else f"{start}/>"
    yield f"  </{many}>"


def _said(entry: RollEntry, idents: Mapping[str, int]) -> Mapping[str, str]:
    """A birth date goes with those who were given one: pupils, who must have it, and teachers."""
    born = {"DateNaissance": entry.born.isoformat()} if entry.born else {}
    return {
        "Ident": str(idents[entry.person_id]),
        "Nom": entry.family,
        "Prenom": entry.given,
        **born,
        "ID_Partenaire": entry.known_as,
    }


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_plain(value))}" for name, value in values.items())


def _plain(text: str) -> str:
    """Without what XML cannot hold: names come from files."""
    return "".join(letter for letter in text if letter.isprintable() or letter == " ")
