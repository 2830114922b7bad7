"""Which details a release reads: none unless a claim that may be told asks for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from broker.domain.details import PersonDetails
from broker.domain.people import PersonView, RecordKind
from broker.domain.portraits import DetailClaims
from broker.domain.ports import Details
from broker.domain.services import ClaimName

_RECORDS = frozenset(
    {
        ClaimName.BIRTH_DATE,
        ClaimName.EMAIL,
        ClaimName.EMAIL_VERIFIED,
        ClaimName.PHONE_NUMBER,
        ClaimName.PHONE_NUMBER_VERIFIED,
        ClaimName.ADDRESS,
        ClaimName.POSTAL_CODE,
        ClaimName.EXTERNAL_ID,
        ClaimName.CLASSES,
        ClaimName.MEF,
        ClaimName.TEACHINGS,
        ClaimName.STRUCTURE_TYPE,
        ClaimName.VECTEUR,
    }
)
_CHILDREN = frozenset({ClaimName.VECTEUR, ClaimName.STRUCTURE_TYPE})
_LOGINS = frozenset({ClaimName.LOGIN})
DETAIL_CLAIMS = DetailClaims(_RECORDS, _CHILDREN, _LOGINS)
"""For whoever reads a person and these details in one statement."""

_OF_PLACES = frozenset(
    {ClaimName.CHILDREN, ClaimName.UAI, ClaimName.VECTEUR, ClaimName.STRUCTURE_TYPE, ClaimName.QUIET_UNTIL}
)


def needs_children(claims: Collection[str]) -> bool:
    """Tell whether a guardian's claims are built from the children they may see, or from where these are."""
    return bool(set(claims) & _OF_PLACES)


def read_details(details: Details, person: PersonView, claims: Collection[str], *, now: datetime) -> PersonDetails:
    """Read what these claims need: at most one statement for records, one for children, one for logins."""
    asked = frozenset(claims)
    is_guardian = RecordKind.GUARDIAN in person.kinds
    return PersonDetails(
        records=details.records_of(person.person_id, now=now) if asked & _RECORDS else (),
        children=details.child_places(person.person_id, now=now) if asked & _CHILDREN and is_guardian else (),
        logins=details.logins_of(person.person_id) if asked & _LOGINS else (),
    )
