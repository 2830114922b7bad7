"""Decisions: Cedar rules for who may do what, TOML for numbers and tables, and the Python that loads and decides.

Owns: the rules, their reasons in French, the numbers of sessions, links, guesses and retention, the calendars, the
closed facts that rules may read, what would have to be otherwise for a refusal to pass, and the examples of all that.
Must not know: people, ids, clocks, databases, the network. A fact is a closed enum or a boolean, computed before.
"""

from policies.book import BookReader, PolicyBook, Reread, load_book
from policies.decision import Decision, Rule
from policies.facts import (
    AccessFacts,
    AgentProfile,
    Assurance,
    Facts,
    HelpdeskAct,
    HelpdeskFacts,
    Mandate,
    ReleaseFacts,
    Role,
    Term,
)
from policies.loader import Policies, load
from policies.numbers import AssuranceTable, CodeTable, LinkingRules, SessionLimits, ThrottleTable

__all__ = [
    "AccessFacts",
    "AgentProfile",
    "Assurance",
    "AssuranceTable",
    "BookReader",
    "CodeTable",
    "Decision",
    "Facts",
    "HelpdeskAct",
    "HelpdeskFacts",
    "LinkingRules",
    "Mandate",
    "Policies",
    "PolicyBook",
    "ReleaseFacts",
    "Reread",
    "Role",
    "Rule",
    "SessionLimits",
    "Term",
    "ThrottleTable",
    "load",
    "load_book",
]
