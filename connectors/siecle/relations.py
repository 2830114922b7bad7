"""Who stands beside a pupil: both generations of SIECLE's responsibility codes.

The same digits mean other things: `NIVEAU_RESPONSABILITE` is a level (1 legal guardian, 2 in charge, 3 contact),
`RESP_LEGAL`, which older versions have, a rank of address among legal guardians (1 and 2, who have equal rights; 0 is a
contact). Which of the two a file means is told by the elements it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from broker.domain.errors import FeedRefused
from broker.domain.feed import Relation
from broker.domain.guardianship import Quality
from connectors.feed_values import Malformed, feed_key, link_code
from connectors.siecle.files import Entry, SiecleFile


class Generation(StrEnum):
    """The element by which a file states responsibility."""

    LEVEL = "NIVEAU_RESPONSABILITE"
    RANK = "RESP_LEGAL"


_QUALITIES: Mapping[Generation, Mapping[str, Quality]] = {
    Generation.LEVEL: {"1": Quality.LEGAL_GUARDIAN, "2": Quality.IN_CHARGE, "3": Quality.CONTACT},
    Generation.RANK: {"1": Quality.LEGAL_GUARDIAN, "2": Quality.LEGAL_GUARDIAN, "0": Quality.CONTACT},
}
_YES_NO = {"1": True, "true": True, "0": False, "false": False, "": False}
_PAYS = ("PAIE_FRAIS_SCOLAIRES", "RESP_FINANCIER")
_FIRST = ("A_CONTACTER_EN_PRIORITE", "PERS_CONTACT")


def generation_of(file: SiecleFile) -> Generation | None:
    """Which generation of codes a file has; None for one that broke off before it told. Raises `FeedRefused`."""
    relations = file.entries["RESPONSABLE_ELEVE"]
    stated = [one for one in Generation if any(relation.texts.get(one) for relation in relations)]
    if len(stated) == 1:
        return stated[0]
    if stated:
        raise FeedRefused(f"{file.name}: both {Generation.LEVEL} and {Generation.RANK}: nobody can tell what they mean")
    if file.faults:
        return None
    raise FeedRefused(f"{file.name}: neither {Generation.LEVEL} nor {Generation.RANK}: it states nobody's rights")


def relations_of(entries: Iterable[Entry], generation: Generation) -> tuple[Relation, ...]:
    """The adults beside one pupil. Raises `Malformed` when one cannot be read: half a family is never applied."""
    found: dict[str, Relation] = {}
    for entry in entries:
        relation = _relation(entry, generation)
        if found.setdefault(relation.adult_key, relation) != relation:
            raise Malformed("the same adult twice beside the pupil, in different terms")
    return tuple(found.values())


def _relation(entry: Entry, generation: Generation) -> Relation:
    if entry.reason:
        raise Malformed(f"a relation that cannot be read: {entry.reason}")
    texts = entry.texts
    quality = _QUALITIES[generation].get(texts.get(generation, ""))
    if quality is None:
        raise Malformed(f"a relation whose {generation} does not exist")
    return Relation(
        adult_key=feed_key(texts.get("PERSONNE_ID", "")),
        link_code=link_code(texts.get("CODE_PARENTE", "")),
        quality=quality,
        pays=_any_yes(texts, _PAYS),
        contact_first=_any_yes(texts, _FIRST),
    )


def _any_yes(texts: Mapping[str, str], names: Sequence[str]) -> bool:
    answers = [_YES_NO.get(texts.get(name, "").lower()) for name in names]
    if None in answers:
        raise Malformed("a relation with a flag that is neither yes nor no")
    return any(answers)
