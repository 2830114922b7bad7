"""How a service is told what it may be told: under which name, in which words, in which shape.

Rules narrow and rename; they never open. What a service may have is decided before, claim by claim, by policies; a
rule for a claim that policies do not let through releases nothing. The rules speak of no protocol but where one has a
shape of its own (`XmlShape`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.services import ClaimName, Protocol


class PrincipalKind(StrEnum):
    """What a service recognises a person by, where its protocol has a name for the person (CAS user, SAML NameID).

    `SUBJECT` and `ID` are pairwise: two services cannot compare them. Every other kind is a name that the person also
    has elsewhere; it is a claim, declared and decided like any other. In OpenID Connect `sub` is the subject, whatever
    a rule says.
    """

    SUBJECT = "subject"
    ID = "id"
    LOGIN = "login"
    EXTERNAL_ID = "external_id"
    MAIL = "mail"
    UAI = "uai"


class IdShape(StrEnum):
    """How a pairwise identifier is written for services that check its shape; the value behind it is the subject."""

    HEX = "hex"
    UUID = "uuid"


class DateFormat(StrEnum):
    """How a date is written."""

    ISO = "yyyy-MM-dd"
    FRENCH = "dd/MM/yyyy"
    COMPACT = "yyyyMMdd"


class XmlShape(StrEnum):
    """Where a CAS answer carries attributes: the four shapes met in service (see `wire.cas_xml`)."""

    ATTRIBUTES = "attributes"
    USER_ATTRIBUTES = "user_attributes"
    DIRECT = "direct"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class PrincipalRule:
    """Which name stands for the person. `source` goes with `LOGIN`, `feed` with `EXTERNAL_ID`, `shape` with `ID`.

    `prefix` is written before a directory key (`AC-FICTIVE$`), as some services expect it.
    """

    kind: PrincipalKind = PrincipalKind.SUBJECT
    source: str = ""
    feed: str = ""
    prefix: str = ""
    shape: IdShape = IdShape.HEX


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One claim under one name.

    `values` maps each value to the service's own word; with `only_mapped`, a value that is not mapped is left out.
    `wrap` names the parent of a list whose members are called `name`. `join` puts all values into one text.
    `date` is how a date is written. `feed`, `source` and `prefix` say which key or login is meant, as for a principal.
    `protocols` are those in which the rule speaks; elsewhere an OpenID Connect claim keeps its registered name.
    """

    claim: ClaimName
    name: str
    protocols: frozenset[Protocol] = frozenset({Protocol.CAS, Protocol.SAML})
    values: tuple[tuple[str, str], ...] = ()
    only_mapped: bool = False
    wrap: str = ""
    join: str = ""
    date: DateFormat = DateFormat.ISO
    source: str = ""
    feed: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRules:
    """How a service is told: what the attributes name, and nothing else, where the protocol is theirs.

    `school_parameter`: the parameter of the service's address (in OpenID Connect, or of its request) that names the
    school in play (a UAI). That school's data alone is then told; where none is named, a person of one school is
    there, and of a person of several nothing of any school is told. `fixed`: texts that are the same for everybody (the
    number of an ENT), by the attribute's name; `principal_as`: the attribute that holds the pairwise identifier too,
    where a service reads it there.
    """

    principal: PrincipalRule = PrincipalRule()
    attributes: tuple[AttributeRule, ...] = ()
    xml: XmlShape = XmlShape.ATTRIBUTES
    school_parameter: str = ""
    fixed: tuple[tuple[str, str], ...] = ()
    principal_as: str = ""

    def spoken_in(self, protocol: Protocol) -> tuple[AttributeRule, ...]:
        """The rules that speak in a protocol, in order."""
        return tuple(rule for rule in self.attributes if protocol in rule.protocols)

    @property
    def sources(self) -> frozenset[str]:
        """Sources whose logins the service is told: they must know people by name."""
        return frozenset({self.principal.source, *(rule.source for rule in self.attributes)} - {""})

    @property
    def feeds(self) -> frozenset[str]:
        """Feeds whose keys the service is told."""
        return frozenset({self.principal.feed, *(rule.feed for rule in self.attributes)} - {""})
