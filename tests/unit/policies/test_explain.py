"""A decision in sentences, and its facts by name and value."""

from __future__ import annotations

import policies
from broker.domain.services import ClaimName
from policies import Role
from policies.explain import NO_RULE, explain, facts_told
from tests.policy_facts import access, release

SHIPPED = policies.load()


def test_a_decision_is_put_into_the_sentences_of_its_rules() -> None:
    told = explain(SHIPPED.access(access()))
    assert (told.allowed, told.rule_ids) == (True, ("access.served",))
    assert told.sentences == ("Ce service est prévu pour votre profil, dans votre école.",)
    assert told.version == SHIPPED.version


def test_a_refusal_without_a_rule_says_that_no_rule_provides_for_it() -> None:
    told = explain(SHIPPED.access(access(school_served=False)))
    assert (told.allowed, told.sentences, told.rule_ids) == (False, (NO_RULE,), ())


def test_legal_bases_are_listed_once_each() -> None:
    told = explain(SHIPPED.release(release(claim=ClaimName.CHILDREN, declared=False, role=Role.PUPIL)))
    assert told.rule_ids == ("release.pupil_children", "release.undeclared")
    assert told.legal_bases == ("RGPD article 5(1)(c)",)


def test_every_fact_is_told_by_its_name_and_value() -> None:
    assert facts_told(release()) == (
        ("claim", "name"),
        ("declared", "yes"),
        ("role", "guardian"),
        ("about_child", "no"),
        ("service", "declared"),
    )
