"""The desk of an academy in SAML: who an agent is there, and where they may help (`connectors.agents`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.desk import SaidPost
from broker.domain.people import Reference
from broker.wire.saml.statements import Statements
from connectors.agents import APPLICATION, posts_of
from connectors.saml.profiles import Subject, one_value

MAIL = "ctemail"


@dataclass(frozen=True, slots=True)
class AgentsProfile:
    """`SamlProfile` of an academy's desk. `subject_attribute`: what names an account for good, else the work mail.

    `application`: by which name heads delegate our desk.
    """

    subject_attribute: str = ""
    application: str = APPLICATION

    def subject(self, said: Statements) -> Subject:
        """The stated attribute, else the work mail: NameIDs of these desks are transient."""
        return one_value(said, self.subject_attribute) if self.subject_attribute else one_value(said, MAIL, "mail")

    def references(self, said: Statements) -> tuple[Reference, ...]:  # noqa: ARG002 - part of the seam
        """None: the desk knows staff by number, the directory's keys are not among its attributes."""
        return ()

    def methods(self, said: Statements) -> tuple[str, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()

    def posts(self, said: Statements, *, now: datetime) -> tuple[SaidPost, ...]:
        """The schools that the agent heads, and those where a head lets them help."""
        return posts_of(said.values, self.application, now=now)
