"""A directory in memory, and entries as the national schema has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from broker.domain.errors import UpstreamUnavailable
from connectors.ldap.directory import NotOne, Question, secret_of
from connectors.ldap.entries import Entry, Illegible
from connectors.ldap.names import Dn, parse_dn

BASE = "dc=ent-test,dc=fr"
PEOPLE = parse_dn(f"ou=people,{BASE}")
STRUCTURES = parse_dn(f"ou=structures,{BASE}")
SIREN = "19999002200011"

Values = Mapping[str, str | Sequence[str]]


def entry(dn: str, **attributes: str | Sequence[str]) -> Entry:
    return Entry(
        parse_dn(dn),
        {name.lower(): (one,) if isinstance(one, str) else tuple(one) for name, one in attributes.items() if one},
    )


def uid(key: str) -> str:
    return f"uid={key},ou=people,{BASE}"


def school(siren: str = SIREN, **changes: str | Sequence[str]) -> Entry:
    attributes: dict[str, str | Sequence[str]] = {
        "objectClass": ["ENTStructure", "ENTEtablissement"],
        "ENTStructureSIREN": siren,
        "ENTStructureUAI": "9990002Y",
        "ENTStructureNomCourant": "COLLEGE DES GRANDS PRES",
        "ENTEtablissementContrat": "PU",
    }
    return entry(f"ENTStructureSIREN={siren},ou=structures,{BASE}", **{**attributes, **changes})


def person(key: str, *classes: str, **changes: str | Sequence[str]) -> Entry:
    attributes: dict[str, str | Sequence[str]] = {
        "objectClass": ["ENTPerson", *classes],
        "uid": key,
        "sn": "QUEMENEUR",
        "givenName": "Aline",
    }
    return entry(uid(key), **{**attributes, **changes})


def pupil(key: str = "e1", *beside: str, **changes: str | Sequence[str]) -> Entry:
    return person(key, "ENTEleve", **{"givenName": "Tom", "ENTElevePersRelEleve": beside, **changes})


def guardian(key: str = "a1", **changes: str | Sequence[str]) -> Entry:
    return person(key, "ENTAuxPersRelEleve", **changes)


def teacher(key: str = "t1", **changes: str | Sequence[str]) -> Entry:
    return person(key, "ENTAuxEnseignant", **changes)


def beside(key: str = "a1", terms: str = "10$1$1$0$1") -> str:
    return f"{uid(key)}${terms}"


@dataclass
class FakeDirectory:
    """Persons and schools; `answers` is what a login finds, `secrets` who binds with what, `dies` after so many."""

    persons: Iterable[Entry | Illegible] = ()
    schools: Iterable[Entry | Illegible] = ()
    answers: Sequence[Entry] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    dies: int | None = None
    asked: list[Question] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)

    def find_one(self, question: Question) -> Entry:
        self.asked.append(question)
        if len(self.answers) != 1:
            raise NotOne("several entries" if self.answers else "no entry")
        return self.answers[0]

    def check_password(self, dn: Dn, password: str) -> bool:
        secret_of(password)
        self.binds.append(str(dn))
        return self.secrets.get(str(dn)) == password

    def search(self, question: Question) -> Iterator[Entry | Illegible]:
        self.asked.append(question)
        for count, one in enumerate(self.schools if question.base == STRUCTURES else self.persons):
            if count == self.dies:
                raise UpstreamUnavailable("it died")
            yield one
