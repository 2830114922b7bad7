"""Rules that nothing reaches are found, over the whole space of facts and without trying it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine import Engine, ParsedRule, parse_rule
from policies.facts import ReleaseFacts, every
from policies.reach import Reach

ACCESS = '(principal, action == Action::"access", resource)'
RELEASE = '(principal, action == Action::"release", resource)'
NEVER = 'context.role == Role::"none"'


def rule(body: str, name: str = "r") -> ParsedRule:
    return parse_rule(f'@id("{name}") @reason("R.") {body}')


@pytest.mark.parametrize(
    ("condition", "possible"),
    [
        ("when { true }", True),
        ("when { false }", False),
        ('when { context.role == Role::"pupil" && context.role == Role::"staff" }', False),
        ('when { context.role == Role::"pupil" } unless { context.role != Role::"staff" }', False),
        ('when { context.role == Role::"pupil" } unless { context.role == Role::"staff" }', True),
        ("unless { context.assured || !context.assured }", False),
        ("when { context.assured && context.profil_served } unless { context.profil_served }", False),
        ("when { if context.assured then context.profil_served else !context.profil_served }", True),
        ("when { (context.assured || context.profil_served) && !context.assured && !context.profil_served }", False),
        ("when { [].contains(context.role) }", False),
        ("", True),
    ],
)
def test_a_rule_that_contradicts_itself_is_found(condition: str, possible: bool) -> None:
    assert Reach().is_satisfiable(rule(f"permit {ACCESS} {condition};")) is possible


@pytest.mark.parametrize(
    ("permit", "forbids", "heard"),
    [
        ("", [f"when {{ {NEVER} }}"], True),
        (f"when {{ {NEVER} }}", [f"when {{ {NEVER} }}"], False),
        (f"when {{ {NEVER} && context.assured }}", [f"when {{ {NEVER} }}"], False),
        ("when { context.assured }", ['when { context.term == Term::"open" }',
                                      'unless { context.term == Term::"open" }'], False),
        ("when { context.assured }", ["when { context.assured && context.profil_served }",
                                      "when { context.assured && !context.profil_served }"], False),
        ("when { context.assured }", ["when { context.assured && context.profil_served }"], True),
        ("", [""], False),
    ],
)  # fmt: skip
def test_a_permit_that_forbids_always_beat_is_found(permit: str, forbids: list[str], heard: bool) -> None:
    beating = [rule(f"forbid {ACCESS} {condition};") for condition in forbids]
    assert Reach().is_heard(rule(f"permit {ACCESS} {permit};"), beating) is heard


def test_a_forbid_of_another_action_beats_nothing() -> None:
    assert Reach().is_heard(rule(f"permit {ACCESS};"), [rule(f"forbid {RELEASE};")])


_FACTS = st.sampled_from(
    [
        "context.declared",
        "context.about_child",
        'context.role == Role::"pupil"',
        'context.role != Role::"guardian"',
        'context.service == ServiceState::"suspended"',
    ]
)
_CONDITION = st.recursive(
    _FACTS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    permit=_CONDITION, forbids=st.lists(_CONDITION, max_size=2), kinds=st.lists(st.booleans(), min_size=2, max_size=2)
)
def test_the_search_equals_trying_every_fact(permit: str, forbids: list[str], kinds: list[bool]) -> None:
    """Against Cedar itself, over the facts these conditions read."""
    permitting = rule(f"permit {RELEASE} when {{ {permit} }};", "permit")
    closing = [
        rule(f"forbid {RELEASE} {'when' if kind else 'unless'} {{ {text} }};", f"forbid{place}")
        for place, (text, kind) in enumerate(zip(forbids, kinds, strict=False))
    ]
    seen = {
        (f.declared, f.about_child, f.role, f.service): f for f in every(ReleaseFacts) if isinstance(f, ReleaseFacts)
    }
    alone, joined = Engine([permitting], version="v"), Engine([permitting, *closing], version="v")
    assert len(seen) == len(list(product((0, 1), (0, 1), range(4), range(3))))
    assert Reach().is_satisfiable(permitting) is any(alone.decide(facts).allowed for facts in seen.values())
    assert Reach().is_heard(permitting, closing) is any(joined.decide(facts).allowed for facts in seen.values())
