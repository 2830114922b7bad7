"""FrEduVecteur: `profil|nom|prenom|idEleve|UAI`, one value for each child at each school.

Profil 1 and 2 are a guardian's (première and second degree), 3 and 4 a pupil's; the name is the guardian's and empty
for a pupil; idEleve is the pupil's number in the school's base, never the INE. A value is built from one tuple of child
and school: fields of two tuples never meet, or the vector would name a child who does not exist, or another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from broker.domain.details import ChildPlace
from broker.domain.people import ChildCard, PersonName
from broker.domain.school import Level

_NUMBER = re.compile(r"[0-9A-Za-z]{1,32}")
_SEPARATORS = frozenset("|;")
"""`;` joins vectors in an HTTP header of those who read them."""


def vecteurs(
    cards: Sequence[ChildCard], numbered: Sequence[ChildPlace], *, guardian: PersonName | None = None
) -> tuple[str, ...]:
    """The vectors of these places, in their order; a place without a number that can be written has none.

    Of two numbers for one place the first counts: the oldest record's.
    """
    writable = [place for place in numbered if _NUMBER.fullmatch(place.number)]
    numbers = {(place.child_id, place.uai): place.number for place in reversed(writable)}
    names = (guardian.family, guardian.given) if guardian else ("", "")
    if any(_SEPARATORS & set(name) for name in names):
        return ()
    found = (
        "|".join((_profil(card, is_guardian=guardian is not None), *names, numbers[card.child_id, card.uai], card.uai))
        for card in cards
        if card.level is not None and (card.child_id, card.uai) in numbers
    )
    return tuple(dict.fromkeys(found))


def _profil(card: ChildCard, *, is_guardian: bool) -> str:
    first_degree = card.level is Level.ECOLE
    if is_guardian:
        return "1" if first_degree else "2"
    return "3" if first_degree else "4"
