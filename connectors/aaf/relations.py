"""Who stands beside a pupil: relations in their six-part (2D) and two-part (1D) forms, both generations of link codes.

Sources: SDET (ENTElevePersRelEleve), SIECLE `N_LIEN_ELEVE_RESPONSABLE` and `NIVEAU_RESPONSABILITE`.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.domain.feed import Relation
from broker.domain.guardianship import Quality
from connectors.feed_values import Malformed, feed_key, link_code

_LEGAL_IN_1D = frozenset({"10", "20", "50"})
"""1D states no legal level: mother, father and guardian (tuteur) hold parental authority, others are contacts."""

_LEVELS = {
    "1": Quality.LEGAL_GUARDIAN,
    "2": Quality.IN_CHARGE,
    "3": Quality.CONTACT,
    "0": Quality.CONTACT,
}
"""Third field after the link: 1 legal guardian, 2 person in charge, 0 or 3 contact. Not a rank."""

_FLAGS = frozenset({"0", "1", ""})


def weakened(values: Sequence[str], *, degree: str) -> bool:
    """Tell whether a relation comes in the short form of 1D where the degree states legal levels."""
    return degree != "1D" and any(value.count("$") == 1 for value in values)


def parse_relations(values: Sequence[str], *, degree: str) -> tuple[Relation, ...]:
    """Read every relation of a pupil. The two-part form gives authority in 1D only: elsewhere its adult is a contact.

    Raises `Malformed` when one cannot be read, or names an adult twice in different terms: half a family is never
    applied, the record keeps its former state and the operator is told.
    """
    found: dict[str, Relation] = {}
    for value in values:
        relation = _relation(value, degree=degree)
        if found.setdefault(relation.adult_key, relation) != relation:
            raise Malformed("the same adult twice beside the pupil, in different terms")
    return tuple(found.values())


def _relation(value: str, *, degree: str) -> Relation:
    parts = value.split("$")
    if len(parts) == 2:  # noqa: PLR2004 - adult, link (1D)
        link = link_code(parts[1])
        quality = Quality.LEGAL_GUARDIAN if degree == "1D" and link in _LEGAL_IN_1D else Quality.CONTACT
        return Relation(feed_key(parts[0]), link, quality)
    if len(parts) != 6:  # noqa: PLR2004 - adult, link, pays, legal level, contact, payment (2D)
        raise Malformed("a relation with neither two nor six parts")
    adult, link, pays, level, contact, payment = parts
    if level not in _LEVELS or not _FLAGS.issuperset((pays, contact, payment)):
        raise Malformed("a relation with a level or flag that does not exist")
    return Relation(
        adult_key=feed_key(adult),
        link_code=link_code(link),
        quality=_LEVELS[level],
        pays=pays == "1",
        contact_first=contact == "1",
    )
