"""EduConnect in SAML: its attributes by OID, and both of its contracts.

An ENT is released `FrEduCtRefId`, the directory references; every other service only an opaque `FrEduCtId` of its own.
Attributes count by Name or FriendlyName, because the OID of `FrEduCtRefId` is published nowhere; and they may be there
and empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.desk import SaidPost
from broker.domain.errors import UpstreamRefused
from broker.domain.people import Reference
from broker.wire.saml.statements import Statements
from connectors import sdet
from connectors.saml.profiles import Subject, one_value

_ARC = "urn:oid:1.3.6.1.4.1.20326.10.999.1."
CT_ID = (f"{_ARC}57", "FrEduCtId")
AFFILIATION = (f"{_ARC}7", sdet.AFFILIATION)
RETURN_URL = (f"{_ARC}5", "FrEduUrlRetour")
"""Where the browser goes when the person signs out: a chain of logout addresses."""
REF_ID = (sdet.REF_ID,)
ORIGIN = (sdet.AUTH_ORIGIN,)

PUPILS = frozenset({"eleve1d", "eleve2d"})
GUARDIANS = frozenset({"resp1d", "resp2d"})


@dataclass(frozen=True, slots=True)
class EduConnectSamlProfile:
    """`SamlProfile` of EduConnect. `releases_references`: the source has the contract of an ENT."""

    releases_references: bool = False

    def subject(self, said: Statements) -> Subject:
        """`FrEduCtId`: opaque, another one for each service, the same for good."""
        return one_value(said, "FrEduCtId", *CT_ID)

    def references(self, said: Statements) -> tuple[Reference, ...]:
        """Every `{AAF}` reference: several values are several records of one human, in one or more académies."""
        if not self.releases_references:
            return ()
        _check_affiliation(said)
        found = sdet.distinct(sdet.parse_ref_id(value) for value in said.values(*REF_ID))
        if found is None:
            raise UpstreamRefused("more references than one human can have")
        return found

    def methods(self, said: Statements) -> tuple[str, ...]:
        """By which credential the login was made, as `origin:ECT`."""
        return tuple(f"origin:{origin}" for origin in said.values(*ORIGIN)[:1])

    def posts(self, said: Statements, *, now: datetime) -> tuple[SaidPost, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()


def _check_affiliation(said: Statements) -> None:
    """A login that says it is both a pupil's and a parent's is nobody's."""
    stated = frozenset(said.values(*AFFILIATION))
    if stated & PUPILS and stated & GUARDIANS:
        raise UpstreamRefused("affiliations of a pupil and of an adult")
