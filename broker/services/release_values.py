"""The values of each claim, before any renaming: one small function a claim.

Each reads what the release was built from and nothing else; none has an INE, another adult or a reason to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from broker.domain.details import NO_DETAILS, ChildPlace, OwnPlace, OwnRecord, PersonDetails
from broker.domain.guardianship import Right
from broker.domain.people import ChildCard, PersonView, Post, RecordKind
from broker.domain.release_rules import AttributeRule, DateFormat
from broker.domain.released import Value
from broker.domain.school import holds_ine
from broker.domain.services import ClaimName, Service
from broker.domain.trust import Disputed
from broker.services.access import Place, profils_of, role_in
from broker.services.vecteur import vecteurs
from policies import Role

ChildSubject = Callable[[str], str]
"""From a child's person id to the service's own identifier of that child."""

MANY = frozenset(
    {
        ClaimName.PROFIL,
        ClaimName.UAI,
        ClaimName.CHILDREN,
        ClaimName.CLASSES,
        ClaimName.MEF,
        ClaimName.TEACHINGS,
        ClaimName.FUNCTIONS,
        ClaimName.SUB_FUNCTIONS,
        ClaimName.STRUCTURE_TYPE,
        ClaimName.VECTEUR,
    }
)
"""Claims that are lists even when they hold one value."""

_KINDS = {Role.GUARDIAN: RecordKind.GUARDIAN, Role.PUPIL: RecordKind.PUPIL, Role.STAFF: RecordKind.STAFF}


@dataclass(frozen=True, slots=True)
class Told:
    """What claims are computed from. `places`: where the service is offered to the person, within the school in play.

    `scoped` tells that a school is in play (or should be): nothing of another one is then told.
    """

    service: Service
    person: PersonView
    places: Sequence[Place]
    child_subject: ChildSubject
    details: PersonDetails = NO_DETAILS
    scoped: bool = False
    quiet_until: Callable[[str], datetime | None] = lambda _uai: None
    """From a school to until when its messages wait; None: they go now."""

    @property
    def role(self) -> Role:
        """The role in which the person meets the service."""
        return role_in(self.service, self.person)

    @property
    def records(self) -> tuple[OwnRecord, ...]:
        """The person's records of this role alone: a teacher's home address is no business of a staff service."""
        kind = _KINDS.get(self.role)
        return tuple(record for record in self.details.records if record.kind is kind)

    def trusted(self, attribute: Disputed) -> tuple[OwnRecord, ...]:
        """Those records in the order in which their feeds are believed about an attribute."""
        return tuple(sorted(self.records, key=lambda record: record.ranks.get(attribute, 0)))

    @property
    def own_places(self) -> tuple[OwnPlace, ...]:
        """Where those records put the person, within the places of the release: a school, and a pupil's class there."""
        offered = {(place.uai, place.class_label if isinstance(place, ChildCard) else "") for place in self.places}
        own = (place for record in self.records for place in record.places)
        return tuple(place for place in own if (place.uai, place.class_label) in offered)


Builder = Callable[[Told, AttributeRule], Iterable[Value]]


def values_of(told: Told, rule: AttributeRule) -> tuple[Value, ...]:
    """What is told of the rule's claim: every value of a list, else the first."""
    found = candidates_of(told, rule)
    return found if rule.claim in MANY else found[:1]


def candidates_of(told: Told, rule: AttributeRule) -> tuple[Value, ...]:
    """Every value the claim could have, none of them empty, none that holds a pupil's national number."""
    return tuple(value for value in _BUILDERS[rule.claim](told, rule) if value != "" and not _is_ine(value))


def _is_ine(value: Value) -> bool:
    return isinstance(value, str) and holds_ine(value)


def write_date(day: date, style: DateFormat) -> str:
    """A date as a service wants it; years have four digits on every platform."""
    year, month, day_of = f"{day.year:04}", f"{day.month:02}", f"{day.day:02}"
    return {
        DateFormat.ISO: f"{year}-{month}-{day_of}",
        DateFormat.FRENCH: f"{day_of}/{month}/{year}",
        DateFormat.COMPACT: f"{year}{month}{day_of}",
    }[style]


def _name(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return (f"{told.person.name.given} {told.person.name.family}".strip(),)


def _given_name(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return (told.person.name.given,)


def _family_name(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return (told.person.name.family,)


def _profil(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    profils = profils_of(told.person, told.role) & told.service.profils
    if told.scoped:
        posts = {place.profil for place in told.places if isinstance(place, Post)}
        profils = profils & posts if told.role is Role.STAFF else (profils if told.places else frozenset())
    return sorted(f"National_{profil.value}" for profil in profils)


def _uai(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return sorted({place.uai for place in told.places})


def _children(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    for card in told.places:
        if isinstance(card, ChildCard) and told.role is Role.GUARDIAN:
            yield {
                "sub": told.child_subject(card.child_id),
                "uai": card.uai,
                "level": card.level.value if card.level else None,
                "class": card.class_label,
                "rights": [Right.SEE.value, *([Right.ACT.value] if card.may_act else [])],
            }


def _birth_date(told: Told, rule: AttributeRule) -> Iterable[Value]:
    return (write_date(one.birth_date, rule.date) for one in told.trusted(Disputed.BIRTH_DATE) if one.birth_date)


def _email(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    """A pupil's address on record may be a parent's, so none is told: another adult's contact never leaves."""
    return () if told.role is Role.PUPIL else (record.mail for record in told.trusted(Disputed.CONTACTS))


def _email_verified(told: Told, rule: AttributeRule) -> Iterable[Value]:
    """The school knows the address; nobody has shown us that they read it (OIDC Core §5.1)."""
    return (False for mail in _email(told, rule) if mail)


def _phone_number(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    """A guardian's own alone: on a pupil's record it may be a parent's, and a teacher's is private."""
    return (record.mobile for record in told.trusted(Disputed.CONTACTS) if told.role is Role.GUARDIAN)


def _phone_number_verified(told: Told, rule: AttributeRule) -> Iterable[Value]:
    return (False for number in _phone_number(told, rule) if number)


def _address(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    """A guardian's own alone, as the feed writes it: no feed tells street from town for certain (OIDC Core §5.1.1)."""
    at_home = (record for record in told.trusted(Disputed.CONTACTS) if record.address and told.role is Role.GUARDIAN)
    for record in at_home:
        yield {"formatted": record.address, **({"postal_code": record.postal_code} if record.postal_code else {})}


def _postal_code(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return (record.postal_code for record in told.trusted(Disputed.CONTACTS))


def _login(told: Told, rule: AttributeRule) -> Iterable[Value]:
    return (login.login for login in told.details.logins if login.source_id == rule.source)


def _external_id(told: Told, rule: AttributeRule) -> Iterable[Value]:
    return (f"{rule.prefix}{record.key}" for record in told.records if record.feed == rule.feed and record.key)


def _classes(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return _each(place.class_label for place in told.own_places)


def _mef(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return _each(place.mef for place in told.own_places)


def _teachings(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    offered = {place.uai for place in told.places}
    here = (record for record in told.records if any(place.uai in offered for place in record.places))
    return _each(code for record in here for code in record.teachings)


def _functions(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    return _each(place.function for place in told.places if isinstance(place, Post))


def _sub_functions(_told: Told, _rule: AttributeRule) -> Iterable[Value]:
    """No feed read today names the tasks of canteen agents; the claim is declared and stays empty."""
    return ()


def _structure_type(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    offered = {place.uai for place in told.places}
    own = (place.structure_type for place in told.own_places)
    return _each((*own, *(place.structure_type for place in told.details.children if place.uai in offered)))


def _vecteur(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    cards = [place for place in told.places if isinstance(place, ChildCard)]
    if told.role is Role.GUARDIAN:
        return vecteurs(cards, told.details.children, guardian=told.person.name)
    return vecteurs(cards, tuple(_own_numbers(told))) if told.role is Role.PUPIL else ()


def _quiet_until(told: Told, _rule: AttributeRule) -> Iterable[Value]:
    """The last of the schools that are quiet now decides: a message to the person waits for all of them."""
    ends = [end for uai in {place.uai for place in told.places} if (end := told.quiet_until(uai)) is not None]
    return (max(ends).strftime("%Y-%m-%dT%H:%M:%SZ"),) if ends else ()


def _own_numbers(told: Told) -> Iterable[ChildPlace]:
    for record in told.records:
        for place in record.places:
            yield ChildPlace(told.person.person_id, place.uai, number=record.number)


def _each(values: Iterable[str]) -> Iterable[str]:
    return tuple(dict.fromkeys(value for value in values if value))


_BUILDERS: dict[ClaimName, Builder] = {
    ClaimName.NAME: _name,
    ClaimName.GIVEN_NAME: _given_name,
    ClaimName.FAMILY_NAME: _family_name,
    ClaimName.PROFIL: _profil,
    ClaimName.UAI: _uai,
    ClaimName.CHILDREN: _children,
    ClaimName.BIRTH_DATE: _birth_date,
    ClaimName.EMAIL: _email,
    ClaimName.EMAIL_VERIFIED: _email_verified,
    ClaimName.PHONE_NUMBER: _phone_number,
    ClaimName.PHONE_NUMBER_VERIFIED: _phone_number_verified,
    ClaimName.ADDRESS: _address,
    ClaimName.POSTAL_CODE: _postal_code,
    ClaimName.LOGIN: _login,
    ClaimName.EXTERNAL_ID: _external_id,
    ClaimName.CLASSES: _classes,
    ClaimName.MEF: _mef,
    ClaimName.TEACHINGS: _teachings,
    ClaimName.FUNCTIONS: _functions,
    ClaimName.SUB_FUNCTIONS: _sub_functions,
    ClaimName.STRUCTURE_TYPE: _structure_type,
    ClaimName.VECTEUR: _vecteur,
    ClaimName.QUIET_UNTIL: _quiet_until,
}
