"""FrEduVecteur (ATEN): `profil|nom|prenom|idEleve|UAI`, one value for each child at each school.

Each vector is one tuple and is matched as one. Testing each field against the list of all values of that field lets the
number of one child count at the school of another: that is how a wrong child is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.errors import UpstreamRefused

VECTEUR = "FrEduVecteur"
_PARTS = 5
_UAI = re.compile(r"[0-9]{7}[A-Z]")
_PUPIL = re.compile(r"[0-9]{1,20}")


class VecteurProfil(StrEnum):
    """Whose vector it is."""

    GUARDIAN_1D = "1"
    GUARDIAN_2D = "2"
    PUPIL_1D = "3"
    PUPIL_2D = "4"

    @property
    def is_guardian(self) -> bool:
        """Whether the names in it are those of an adult."""
        return self in {VecteurProfil.GUARDIAN_1D, VecteurProfil.GUARDIAN_2D}


@dataclass(frozen=True, slots=True)
class Vecteur:
    """One child at one school, and for guardians by what name the school knows the adult."""

    profil: VecteurProfil
    family: str
    given: str
    pupil: str
    uai: str


@dataclass(frozen=True, slots=True)
class KnownPupil:
    """A pupil as a directory has them, beside one guardian of theirs; what a vector is held against."""

    pupil: str
    uai: str
    family: str = ""
    given: str = ""


def parse_vecteur(value: str) -> Vecteur:
    """Read one vector. Raises `UpstreamRefused` for a missing part, an unknown profile, an empty id or UAI."""
    parts = [part.strip() for part in value.split("|")]
    if len(parts) != _PARTS or not _PUPIL.fullmatch(parts[3]) or not _UAI.fullmatch(parts[4]):
        raise UpstreamRefused("invalid.vector")
    if parts[0] not in set(VecteurProfil):
        raise UpstreamRefused("invalid.user.profile")
    profil = VecteurProfil(parts[0])
    if profil.is_guardian and not (parts[1] and parts[2]):
        raise UpstreamRefused("invalid.vector")
    return Vecteur(profil, *parts[1:])


def parse_vecteurs(values: Iterable[str]) -> tuple[Vecteur, ...]:
    """Read every value; one header may hold several, with `;` between. A pupil has one vector. Raises as above."""
    texts = dict.fromkeys(part.strip() for value in values for part in value.split(";") if part.strip())
    found = tuple(parse_vecteur(text) for text in texts)
    if len({each.profil.is_guardian for each in found}) > 1:
        raise UpstreamRefused("vectors of a pupil and of an adult")
    if len(found) > 1 and not found[0].profil.is_guardian:
        raise UpstreamRefused("a pupil with several vectors")
    return found


def matching(vecteurs: Iterable[Vecteur], known: Iterable[KnownPupil]) -> tuple[KnownPupil, ...]:
    """Those pupils that some one vector names in all of its fields at once."""
    wanted = {_key(each) for each in vecteurs}
    by_guardian = {key for key in wanted if len(key) > 2}  # noqa: PLR2004 - number and school, then the names
    return tuple(
        each
        for each in known
        if (each.pupil, each.uai) in wanted
        or (each.pupil, each.uai, each.family.casefold(), each.given.casefold()) in by_guardian
    )


def _key(vecteur: Vecteur) -> tuple[str, ...]:
    place = (vecteur.pupil, vecteur.uai)
    return (*place, vecteur.family.casefold(), vecteur.given.casefold()) if vecteur.profil.is_guardian else place
