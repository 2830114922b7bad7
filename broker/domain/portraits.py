"""A person as hot decisions read them: the view and the children of one instant, drawn by one statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.details import NO_DETAILS, PersonDetails
from broker.domain.people import ChildCard, PersonView, Space
from broker.domain.sessions import AccessToken, CodePayload


@dataclass(frozen=True, slots=True)
class Portrait:
    """The person (None: no live record), the children they may see now, and the subjects they have by sector and space.

    `mark` is all that it was drawn from: an act that names it is carried out only while the database still says so.
    Empty where acts are not compared with it.
    """

    person: PersonView | None
    children: tuple[ChildCard, ...] = ()
    subjects: Mapping[tuple[str, Space], str] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a refresh token or a device code stood for, and its person at the moment it was redeemed."""

    payload: CodePayload
    portrait: Portrait


@dataclass(frozen=True, slots=True)
class DetailClaims:
    """Names of the claims that need the person's records, the places of their children, their logins."""

    records: frozenset[str]
    children: frozenset[str]
    logins: frozenset[str]


@dataclass(frozen=True, slots=True)
class TokenPortrait:
    """A live access token, its person, the details that its claims need, and the children's subjects at its service."""

    token: AccessToken
    portrait: Portrait
    details: PersonDetails = NO_DETAILS
    child_subjects: Mapping[str, str] = field(default_factory=dict)
