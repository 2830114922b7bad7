"""Every test of a plan talks to its stand over HTTPS, as the Foundation's suite does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.carriage import HttpsFront, carried_by
from tests.certificates import ThrowAwayCa
from tests.oidc_stand import HOST


@pytest.fixture(scope="session")
def https_front(throw_away_ca: ThrowAwayCa) -> Iterator[HttpsFront]:
    """This worker's TLS server, for whichever stand a test opens."""
    with HttpsFront(throw_away_ca, hosts=(HOST,)) as front:
        yield front


@pytest.fixture(autouse=True)
def _over_https(https_front: HttpsFront) -> Iterator[None]:
    with carried_by(https_front):
        yield
