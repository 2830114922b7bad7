"""JOSE vectors: none is accepted, and each check has vectors that only it stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from broker.wire.jose import TokenRefused, claims, dpop, verifying
from tests.vectors.jose import GATES, Gate, Vector, good, jose_vectors

LISTS = (
    (verifying, "HEADER_CHECKS"), (claims, "ID_TOKEN_CHECKS"), (claims, "ASSERTION_CHECKS"),
    (dpop, "PROOF_HEADER_CHECKS"), (dpop, "PROOF_CHECKS"),
)  # fmt: skip
CHECKS = sorted({vector.check for vector in jose_vectors() if vector.check}, key=lambda check: check.__qualname__)


def gets_in(vector: Vector) -> bool:
    try:
        vector.gate.verify(vector.token)
    except TokenRefused:
        return False
    except KeyError:
        return True  # past every check, to where the claim is used
    return True


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_what_is_good_gets_in(gate: Gate) -> None:
    assert gate.verify(good(gate))


@pytest.mark.spec("RFC 8725 §3")
def test_none_is_accepted() -> None:
    assert [vector.id for vector in jose_vectors() if gets_in(vector)] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__qualname__)
def test_without_its_check_a_vector_gets_in(check: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = [vector for vector in jose_vectors() if vector.check is check]
    for module, name in LISTS:
        monkeypatch.setattr(module, name, tuple(each for each in getattr(module, name) if each is not check))
    monkeypatch.setattr(claims, check.__name__, _nothing, raising=False)
    assert [vector.id for vector in vectors if not gets_in(vector)] == []


def test_every_check_has_vectors_that_only_it_stops() -> None:
    listed = {check for module, name in LISTS for check in getattr(module, name)}
    assert listed == set(CHECKS)


def _nothing(*_: Any) -> None:
    """A check that was taken out where it is named in the code."""
