"""Decisions: Cedar rules for who may do what, TOML for numbers and tables, and the Python that loads and decides.

Owns: the rules, their reasons in French, the numbers of sessions and links, the closed facts that rules may read.
Must not know: people, ids, clocks, databases, the network. A fact is a closed enum or a boolean, computed before.
"""

from policies.decision import Decision, Rule
from policies.facts import AccessFacts, Assurance, Facts, ReleaseFacts, Role
from policies.loader import Policies, load
from policies.numbers import AssuranceTable, LinkingRules, SessionLimits

__all__ = [
    "AccessFacts",
    "Assurance",
    "AssuranceTable",
    "Decision",
    "Facts",
    "LinkingRules",
    "Policies",
    "ReleaseFacts",
    "Role",
    "Rule",
    "SessionLimits",
    "load",
]
