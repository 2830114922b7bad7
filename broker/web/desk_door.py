"""Who may see the pages of the desk: agents with a second factor. For anybody else there are no such pages."""

from __future__ import annotations

from broker.domain.errors import PageNotFound
from broker.helpdesk.agents import Agent, agent_of
from broker.helpdesk.rooms import Helpdesk
from broker.web.parts import PageParts
from broker.web.visitor import SignedIn, require_second, require_signed_in


def desk_of(parts: PageParts) -> Helpdesk:
    """The desk of this installation. Raises `PageNotFound` where it has none."""
    if parts.helpdesk is None:
        raise PageNotFound("no desk here")
    return parts.helpdesk


def find_agent(parts: PageParts, me: SignedIn) -> Agent | None:
    """The agent who is signed in, second factor or not; None for anybody else."""
    if parts.helpdesk is None:
        return None
    source = parts.federation.sources.get(me.session.authn.authority).description
    agent = agent_of(
        parts.helpdesk.posts, me.session, me.person, tenant=source.tenant, from_desk=source.desk, now=parts.clock()
    )
    return agent if agent.works_at_desk or agent.teaches else None


def require_agent(parts: PageParts) -> Agent:
    """The agent at the desk. Raises `NotSignedIn`, `PageNotFound`, `SecondWanted`."""
    desk_of(parts)
    if find_agent(parts, require_signed_in(parts)) is None:
        raise PageNotFound("not an agent")
    agent = find_agent(parts, require_second(parts))
    if agent is None:
        raise PageNotFound("not an agent")
    return agent
