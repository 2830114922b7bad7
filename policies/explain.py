"""A decision in words: which rules spoke, and why. Sentences are French msgids; pages translate them."""

from __future__ import annotations

from dataclasses import dataclass

from policies.decision import Decision

NO_RULE = "Aucune règle ne le prévoit."
"""Said when nothing forbade but nothing permitted either: refusal is the default."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What to tell: the answer, one sentence a rule, and the ids and texts for those who check."""

    allowed: bool
    sentences: tuple[str, ...]
    rule_ids: tuple[str, ...]
    legal_bases: tuple[str, ...]
    version: str


def explain(decision: Decision) -> Explanation:
    """Put a decision into sentences; a refusal without a rule says that no rule provides for it."""
    sentences = tuple(dict.fromkeys(rule.reason for rule in decision.rules))
    return Explanation(
        allowed=decision.allowed,
        sentences=sentences or (NO_RULE,),
        rule_ids=tuple(rule.id for rule in decision.rules),
        legal_bases=tuple(dict.fromkeys(rule.legal_basis for rule in decision.rules if rule.legal_basis)),
        version=decision.version,
    )
