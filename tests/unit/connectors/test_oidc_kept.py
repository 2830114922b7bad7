"""A document of a provider that is fetched now and then."""

from __future__ import annotations

import pytest

from broker.domain.errors import SourceCrowded, UpstreamUnavailable
from connectors.oidc_provider import REFETCH_SECONDS, Kept


def test_our_own_bound_is_no_failure_of_the_provider_and_is_not_remembered() -> None:
    answers: list[str | Exception] = [SourceCrowded("at once"), "first", SourceCrowded("at once"), "second"]
    clock = [0.0]

    def fetch() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = Kept("keys", fetch, monotonic=lambda: clock[0])
    with pytest.raises(SourceCrowded):
        kept.get()
    assert kept.get() == "first"
    clock[0] += REFETCH_SECONDS
    assert kept.get(lambda held: held == "second") == "first"
    assert kept.get(lambda held: held == "second") == "second"


def test_a_failure_of_the_provider_is_remembered_for_a_moment() -> None:
    def fetch() -> str:
        raise UpstreamUnavailable("silence")

    kept = Kept("keys", fetch, monotonic=lambda: 0.0)
    for said in ("silence", "a moment ago"):
        with pytest.raises(UpstreamUnavailable, match=said):
            kept.get()
