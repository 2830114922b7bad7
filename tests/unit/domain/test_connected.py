"""Connected sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.domain.connected import Connected

names = st.sampled_from("abcdefgh")


@given(st.lists(st.frozensets(names, max_size=4), max_size=8))
def test_sets_are_those_that_joining_one_by_one_gives(groups: list[frozenset[str]]) -> None:
    sets = [frozenset(name) for name in "abcdefgh"]
    connected = Connected("abcdefgh")
    for group in groups:
        connected.join(group)
        touched = [each for each in sets if each & group]
        sets = [each for each in sets if each not in touched] + [frozenset().union(*touched)]
    for one in "abcdefgh":
        for other in "abcdefgh":
            assert connected.same(one, other) is any({one, other} <= each for each in sets)


def test_a_name_that_was_not_given_belongs_to_nothing() -> None:
    connected = Connected("ab")
    connected.join(("a", "stranger"))
    assert not connected.same("stranger", "stranger")
    assert not connected.same("a", "stranger")
