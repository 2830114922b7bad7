"""A decision in words: which rules spoke, and why. Sentences are French msgids; pages translate them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from policies.decision import Decision
from policies.facts import Facts


def N_(msgid: str) -> str:  # noqa: N802 - the name by which translators' tools find texts
    """Mark a text that people read."""
    return msgid


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


def facts_told(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Name and value of every fact of a decision, in the order of the schema."""
    return tuple((field.name, _word(getattr(facts, field.name))) for field in fields(facts))


def _word(value: Enum | bool) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return "yes" if value else "no"
