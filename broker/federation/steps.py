"""What comes next in a login: one pure function, read from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.errors import LoginRequired, PageNotFound
from broker.domain.sessions import Session
from broker.federation.linking import Link, LinkDecision, Refuse, SignIn
from broker.federation.logins import Interaction
from broker.federation.sources import SourceDescription


@dataclass(frozen=True, slots=True)
class ChooseSource:
    """Let the person say how they log in."""

    sources: tuple[SourceDescription, ...]


@dataclass(frozen=True, slots=True)
class GoUpstream:
    """Send the browser to this source; `force`: it must ask for a proof again."""

    source_id: str
    force: bool


@dataclass(frozen=True, slots=True)
class StepUp:
    """The person is signed in but must prove it anew, where they did before."""

    source_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """The session answers the request: go back to where it came from."""

    resume: str


Step = ChooseSource | GoUpstream | StepUp | SignIn | Link | Refuse | Done


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided outside: the sources on offer, the person's choice, and, after the return, whose login it is."""

    offered: tuple[SourceDescription, ...]
    now: datetime
    chosen: str = ""
    link: LinkDecision | None = None


def next_step(interaction: Interaction, session: Session | None, decisions: Decisions) -> Step:
    """Say what comes next."""
    if decisions.link is not None:
        return decisions.link
    request = interaction.request
    if session is not None and answers(session, interaction, now=decisions.now):
        return Done(request.resume)
    if "none" in request.prompt:
        return Refuse(LoginRequired, "prompt=none and no session that answers")
    offered = {source.source_id for source in decisions.offered}
    if decisions.chosen:
        return _go(decisions.chosen, offered, force=request.wants_proof)
    if session is not None and request.wants_proof and session.authn.authority in offered:
        return StepUp(session.authn.authority)
    straight = _without_asking(interaction, decisions)
    return GoUpstream(straight, request.wants_proof) if straight else ChooseSource(decisions.offered)


def answers(session: Session, interaction: Interaction, *, now: datetime) -> bool:
    """Tell whether this session is what the request asks for (OIDC Core §3.1.2.1 `prompt`, `max_age`)."""
    request = interaction.request
    if not session.is_live(now):
        return False
    if "login" in request.prompt and session.authn.auth_time < interaction.started_at:
        return False
    if "select_account" in request.prompt and session.opened_at < interaction.started_at:
        return False
    if request.max_age is None:
        return True
    # A login made for this very request answers it, however short the age asked: max_age=0 would never end.
    oldest = min(now - timedelta(seconds=request.max_age), interaction.started_at)
    return session.authn.auth_time >= oldest


def _go(chosen: str, offered: set[str], *, force: bool) -> Step:
    return GoUpstream(chosen, force) if chosen in offered else Refuse(PageNotFound, "no such source")


def _without_asking(interaction: Interaction, decisions: Decisions) -> str:
    """The source to go to without a question: the one hinted, or the only one; empty when the person must choose."""
    ids = [source.source_id for source in decisions.offered]
    if "select_account" in interaction.request.prompt:
        return ""
    if interaction.request.source_hint in ids:
        return interaction.request.source_hint
    return ids[0] if len(ids) == 1 else ""
