"""What a family of SAML providers says in attributes: the seam, and the plain one that knows nothing of schools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.desk import SaidPost
from broker.domain.errors import UpstreamRefused
from broker.domain.people import Reference
from broker.wire.saml.names import PERSISTENT
from broker.wire.saml.statements import Statements

MOST_SUBJECT = 255
_DISPLAY = ("urn:oid:2.16.840.1.113730.3.1.241", "displayName")
_GIVEN = ("urn:oid:2.5.4.42", "givenName", "prenom")
_FAMILY = ("urn:oid:2.5.4.4", "sn", "nom")


@dataclass(frozen=True, slots=True)
class Subject:
    """By what an account is known for good: the form it has, and its value."""

    subject_format: str
    value: str


class SamlProfile(Protocol):
    """A family of providers: statements in, directory words out. What it does not read is dropped."""

    def subject(self, said: Statements) -> Subject:
        """Who this is at the provider. Raises `UpstreamRefused` when it says nothing that lasts."""
        ...

    def references(self, said: Statements) -> tuple[Reference, ...]:
        """Authoritative references among the attributes. Raises `UpstreamRefused`."""
        ...

    def methods(self, said: Statements) -> tuple[str, ...]:
        """How the person proved who they are, beyond the class of the login."""
        ...

    def posts(self, said: Statements, *, now: datetime) -> tuple[SaidPost, ...]:
        """What the person may do at the desk, and where."""
        ...


@dataclass(frozen=True, slots=True)
class PlainSamlProfile:
    """A provider that knows nothing of schools. `subject_attribute`: where its lasting key stands, else the NameID.

    A transient NameID is another one tomorrow and a mail address is given to somebody else: neither is an account.
    """

    subject_attribute: str = ""

    def subject(self, said: Statements) -> Subject:
        """The stated attribute with exactly one value, or a persistent NameID; never now the one and then the other."""
        if self.subject_attribute:
            return one_value(said, self.subject_attribute)
        name_id = said.name_id
        if name_id is None or name_id.name_format != PERSISTENT:
            raise UpstreamRefused("no persistent NameID, and no subject_attribute is set for this source")
        return usable(Subject(PERSISTENT, name_id.value))

    def references(self, said: Statements) -> tuple[Reference, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()

    def methods(self, said: Statements) -> tuple[str, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()

    def posts(self, said: Statements, *, now: datetime) -> tuple[SaidPost, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()


def one_value(said: Statements, *known_as: str) -> Subject:
    """The subject that an attribute states, under its first name. Raises `UpstreamRefused` for none, and for two."""
    values = said.values(*known_as)
    if len(values) != 1:
        raise UpstreamRefused(f"{len(values)} values of the attribute that names the account")
    return usable(Subject(known_as[0], values[0]))


def usable(subject: Subject) -> Subject:
    """A key that can be kept exactly as it came. Raises `UpstreamRefused`."""
    value = subject.value
    if not value or len(value) > MOST_SUBJECT or not value.isprintable() or value != value.strip():
        raise UpstreamRefused("an empty or unusable name of an account")
    return subject


def display_of(said: Statements) -> str:
    """A name for the person's own eyes; it decides nothing."""
    full = said.value(*_DISPLAY) or f"{said.value(*_GIVEN)} {said.value(*_FAMILY)}"
    return full.strip()[:120]
