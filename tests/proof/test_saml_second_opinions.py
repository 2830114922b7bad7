"""Every spoilt SAML answer of the corpus before python3-saml, pysaml2 and us."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from tests.proof.evidence import Batch, Proof, prove_each
from tests.saml_second_opinion import FAMILIES, RECORDED, Family, Judge, judges, vectors_of
from tests.vectors.saml_documents import VICTIM, come_in

pytestmark = [pytest.mark.proof, pytest.mark.timeout(0), pytest.mark.filterwarnings("ignore")]

PROOF = Proof(
    name="saml_second_opinions",
    what=(
        "A spoilt SAML answer of the corpus is refused here; python3-saml and pysaml2, asked the same, let in as many "
        "of each family as the table of docs/saml.md says, and never as the attacker's victim"
    ),
    count=2_300,
    seed=0,
    covers=(
        "broker/wire/saml",
        "connectors/saml",
        "tests/vectors/saml_documents.py",
        "tests/vectors/saml_markup.py",
        "tests/vectors/saml_statements.py",
        "tests/vectors/saml_wrapping.py",
        "tests/saml_peer.py",
        "tests/saml_second_opinion.py",
    ),
)


def judging(both: Mapping[str, Judge], name: str, family: Family) -> Batch:
    def batch(_random: Random) -> int:
        every = vectors_of(family)
        assert [each.id for each in every if come_in(each.body)] == []
        let_in = [[found for each in every if (found := judge(each.body))] for judge in both.values()]
        assert not any(VICTIM in found for found in let_in)
        assert (len(every), *map(len, let_in)) == RECORDED[name], name
        return len(every)

    return batch


def test_three_opinions_of_every_answer(tmp_path: Path) -> None:
    with judges(tmp_path) as both:
        prove_each(PROOF, [judging(both, name, family) for name, family in FAMILIES])
