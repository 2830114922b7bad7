"""What comes next in a login: one pure function, read from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.assurance import Assurance
from broker.domain.errors import LoginRequired, PageNotFound
from broker.domain.sessions import Session
from broker.federation.linking import Refuse
from broker.federation.logins import ASK_AGAIN, Interaction
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
    """The person is signed in but must prove it anew where they did before, or prove more where that is possible."""

    source_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """The session answers the request: go back to where it came from."""

    resume: str


Step = ChooseSource | GoUpstream | StepUp | Refuse | Done


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided outside: the sources on offer and the one the person chose, if any.

    `assurance`: how surely the session at hand proves its person. `down`: sources that are known not to answer: nobody
    is sent there without having chosen it.
    """

    offered: tuple[SourceDescription, ...]
    now: datetime
    chosen: str = ""
    assurance: Assurance = Assurance.NONE
    down: frozenset[str] = frozenset()


def next_step(interaction: Interaction, session: Session | None, decisions: Decisions) -> Step:
    """Say what comes next."""
    request = interaction.request
    if session is not None and _answers(session, interaction, decisions):
        return Done(request.resume)
    if "none" in request.prompt:
        return Refuse(LoginRequired, "prompt=none and no session that answers")
    if decisions.chosen:
        return _go(decisions, force=request.wants_proof)
    straight = _without_asking(interaction, session, decisions)
    return straight or ChooseSource(decisions.offered)


def answers(
    session: Session, *, prompt: frozenset[str], max_age: int | None, started: datetime | None, now: datetime
) -> bool:
    """Tell whether this session is what a request asks for (OIDC Core §3.1.2.1 `prompt`, `max_age`).

    `started`: when the request began a login, None while it has not. A login made for it answers it, however short the
    age asked: `max_age=0` would never end. No tolerance here: the return from the source allowed for its clock and
    counts a proof that was asked for as made after the departure. A login of unknown age has no age that answers.
    """
    if not session.is_live(now):
        return False
    proven, proven_at = session.authn.proven, session.authn.auth_time
    if proven and started is not None and session.opened_at >= started and proven_at >= started:
        return True
    if prompt & ASK_AGAIN:
        return False
    return max_age is None or (proven and now - proven_at <= timedelta(seconds=max_age))


def _answers(session: Session, interaction: Interaction, decisions: Decisions) -> bool:
    request, started = interaction.request, interaction.started_at
    return decisions.assurance.reaches(request.requires) and answers(
        session, prompt=request.prompt, max_age=request.max_age, started=started, now=decisions.now
    )


def _without_asking(
    interaction: Interaction, session: Session | None, decisions: Decisions
) -> StepUp | GoUpstream | None:
    """Where to go without a question: back where they signed in, or to the only source; None to let them choose."""
    request = interaction.request
    if "select_account" in request.prompt:
        return None
    ids = [source.source_id for source in decisions.offered]
    if session is not None and request.wants_proof and session.authn.authority in ids:
        return _unless_down(StepUp(session.authn.authority), decisions)
    if len(ids) != 1:
        return None
    lacking = session is not None and not decisions.assurance.reaches(request.requires)
    return _unless_down(StepUp(ids[0]) if lacking else GoUpstream(ids[0], request.wants_proof), decisions)


def _unless_down(step: StepUp | GoUpstream, decisions: Decisions) -> StepUp | GoUpstream | None:
    return None if step.source_id in decisions.down else step


def _go(decisions: Decisions, *, force: bool) -> GoUpstream | Refuse:
    if all(decisions.chosen != source.source_id for source in decisions.offered):
        return Refuse(PageNotFound, "no such source")
    return GoUpstream(decisions.chosen, force)
