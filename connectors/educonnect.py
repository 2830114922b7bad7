"""The EduConnect profile of an OpenID provider: the directory references it releases.

In SAML only ENTs receive `FrEduCtRefId`; that it comes in OIDC under the same name is an assumption, hence the setting
`releases_references`. Attributes may be there and empty: emptiness is tested, never presence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.desk import SaidPost
from broker.domain.errors import UpstreamRefused
from broker.domain.people import Reference
from connectors import sdet
from connectors.claims import Claims, texts_of

ORIGIN_PREFIX = "origin:"

PUPILS = frozenset({"eleve1d", "eleve2d"})
GUARDIANS = frozenset({"resp1d", "resp2d"})


@dataclass(frozen=True, slots=True)
class EduConnectProfile:
    """`Profile` of EduConnect."""

    releases_references: bool = False

    def references(self, claims: Claims) -> tuple[Reference, ...]:
        """Every `{AAF}` reference of the person: several values are several records of one human."""
        if not self.releases_references:
            return ()
        _check_affiliation(claims)
        found = sdet.distinct(sdet.parse_ref_id(value) for value in texts_of(claims, sdet.REF_ID))
        if found is None:
            raise UpstreamRefused("more references than one human can have")
        return found

    def methods(self, claims: Claims) -> tuple[str, ...]:
        """By which credential the login was made, as `origin:ECT`."""
        return tuple(f"{ORIGIN_PREFIX}{origin}" for origin in texts_of(claims, sdet.AUTH_ORIGIN)[:1])

    def posts(self, claims: Claims, *, now: datetime) -> tuple[SaidPost, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()


def _check_affiliation(claims: Claims) -> None:
    """A login that says it is both a pupil's and a parent's is nobody's."""
    stated = frozenset(texts_of(claims, sdet.AFFILIATION))
    if stated & PUPILS and stated & GUARDIANS:
        raise UpstreamRefused("affiliations of a pupil and of an adult")
