"""How an agent convinced themselves that the right person is asking: points, and how many are enough (ux §2.11).

Birth dates, addresses and classes prove nothing: half the schoolyard knows them. Nor does a code read out: each message
that carries one says to give it to nobody, and whoever hears it needs a birth date alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from policies.explain import N_

ENOUGH = 3


class Proof(StrEnum):
    """What was shown or read out."""

    PAPER = "piece"
    CALLED_BACK = "rappel"
    LETTER = "lettre"
    KNOWN = "vue"


POINTS: dict[Proof, int] = {Proof.PAPER: 3, Proof.CALLED_BACK: 2, Proof.LETTER: 2, Proof.KNOWN: 1}
WORDS: dict[Proof, str] = {
    Proof.PAPER: N_("Pièce d'identité vue"),
    Proof.CALLED_BACK: N_("Rappel au numéro connu de l'école"),
    Proof.LETTER: N_("Numéro d'une lettre récente lu, jamais son code"),
    Proof.KNOWN: N_("Connu de vue"),
}


def are_enough(proofs: Collection[Proof]) -> bool:
    """Whether the points reach the threshold: being known by sight never does alone."""
    return sum(POINTS[each] for each in set(proofs)) >= ENOUGH


def read_proofs(names: Iterable[str]) -> frozenset[Proof]:
    """The proofs of these names; others are none."""
    known = {each.value for each in Proof}
    return frozenset(Proof(name) for name in names if name in known)
