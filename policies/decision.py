"""What a decision is: yes or no, the rules that spoke, and the version of the text they were read from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as people meet it. `reason` is a French sentence (a msgid); `legal_basis` may be empty."""

    id: str
    reason: str
    legal_basis: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `rules` are the permits that allowed or the forbids that refused; none: no rule allows it."""

    allowed: bool
    rules: tuple[Rule, ...]
    version: str
