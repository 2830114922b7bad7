"""Everything of the desk, put together for the pages."""

from __future__ import annotations

from dataclasses import dataclass

from broker.domain.ports import Audit, DeskPosts
from broker.helpdesk.acts import DeskActs
from broker.helpdesk.delegating import Delegations
from broker.helpdesk.finding import Finder
from broker.helpdesk.gate import Gate
from broker.helpdesk.incident import Incidents
from broker.helpdesk.journal import Journals
from broker.helpdesk.letters import DeskLetters
from broker.helpdesk.pairs import Pairs
from broker.helpdesk.sheet import Sheets
from broker.helpdesk.teacher import Teacher
from broker.helpdesk.texted import DeskTexts


@dataclass(frozen=True, slots=True)
class Helpdesk:
    """The desk. `letters`, `texts` None: this installation prints, or sends, none."""

    posts: DeskPosts
    gate: Gate
    finder: Finder
    sheets: Sheets
    acts: DeskActs
    teacher: Teacher
    incidents: Incidents
    journals: Journals
    pairs: Pairs
    delegations: Delegations
    audit: Audit
    letters: DeskLetters | None = None
    texts: DeskTexts | None = None
