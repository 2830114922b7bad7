"""Who an agent is at this moment: their posts, the schools these cover, and as what they act towards one account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from broker.domain.desk import DeskProfile, HeldPost
from broker.domain.people import PersonView, Profil
from broker.domain.ports import DeskPosts
from broker.domain.sessions import Session
from policies import AgentProfile

_ORDER = (DeskProfile.ACADEMIE, DeskProfile.CHEF, DeskProfile.ACCUEIL, DeskProfile.AUDITEUR)
"""Of several posts at one school, the first of these speaks."""
SECOND_FACTORS = frozenset({"otp", "hwk"})
"""What `amr` names a second factor by (RFC 8176 §2)."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent in a session. `places`: the schools covered, by UAI; `teaches`: schools of a teacher's own posts."""

    person_id: str
    account_id: str
    tenant: str
    second_factor: bool
    posts: tuple[HeldPost, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    covers: Mapping[str, DeskProfile] = field(default_factory=dict)
    teaches: Mapping[str, str] = field(default_factory=dict)
    now: datetime | None = None

    @property
    def scope(self) -> frozenset[str]:
        """The schools that the agent covers."""
        return frozenset(self.covers)

    @property
    def works_at_desk(self) -> bool:
        """Whether the agent has any post: a teacher has a class alone."""
        return bool(self.posts)

    def profile_at(self, schools: Iterable[str]) -> AgentProfile:
        """As what the agent acts towards an account that stands at these schools."""
        here = {self.covers[uai] for uai in schools if uai in self.covers}
        held = here or {each.post.profile for each in self.posts}
        found = next((each for each in _ORDER if each in held), None)
        return AgentProfile(found.value) if found else AgentProfile.NONE

    @property
    def profile(self) -> AgentProfile:
        """As what the agent is shown."""
        return self.profile_at(self.covers)

    @property
    def last_day(self) -> date | None:
        """The last day of the post that ends first."""
        ends = min((each.post.until for each in self.posts if each.post.until), default=None)
        return (ends - timedelta(seconds=1)).date() if ends else None


def agent_of(
    posts: DeskPosts, session: Session, person: PersonView, *, tenant: str, from_desk: bool, now: datetime
) -> Agent:
    """The agent of this session: posts belong to the account that signed in, not to whatever else its person has.

    `from_desk`: its source is one of agents still; where it is not any more, its accounts have no posts.
    """
    held = posts.of_account(session.account_id, now=now) if from_desk else ()
    names, covers = _covered(posts, held)
    return Agent(
        person_id=session.person_id,
        account_id=session.account_id,
        tenant=tenant,
        second_factor=bool(SECOND_FACTORS & frozenset(session.authn.amr)),
        posts=held,
        places=names,
        covers=covers,
        teaches={each.uai: each.school for each in person.posts if each.profil is Profil.ENSEIGNANT},
        now=now,
    )


def absent_agent(posts: DeskPosts, person_id: str, account_id: str, *, tenant: str, now: datetime) -> Agent:
    """An agent who showed a second factor when they asked, and is not here now: their posts may have ended since."""
    held = posts.of_account(account_id, now=now)
    names, covers = _covered(posts, held)
    return Agent(person_id, account_id, tenant, second_factor=True, posts=held, places=names, covers=covers, now=now)


def _covered(posts: DeskPosts, held: tuple[HeldPost, ...]) -> tuple[dict[str, str], dict[str, DeskProfile]]:
    """The schools that posts cover: their names, and as what the agent acts at each."""
    covers: dict[str, DeskProfile] = {}
    names: dict[str, str] = {}
    for profile in reversed(_ORDER):
        of_profile = [each for each in held if each.post.profile is profile]
        for place in posts.places(of_profile) if of_profile else ():
            covers[place.uai] = profile
            names[place.uai] = place.name
    return names, covers
