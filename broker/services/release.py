"""What a service is told of a person: claims decided one by one by policies, computed anew at every call.

Nothing here is stored: a right withdrawn, a child who changed school or a restriction falls with the next call.
The names, contacts and numbers of children are never claims, nor is any reason for a right (minimisation,
RGPD article 5(1)(c)). A descriptor's rules rename and shape what was decided; they open nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.details import NO_DETAILS, PersonDetails
from broker.domain.errors import ReleaseRefused
from broker.domain.people import ChildCard, PersonView
from broker.domain.release_rules import AttributeRule, PrincipalRule, ReleaseRules
from broker.domain.released import Attribute, Released, Value
from broker.domain.services import NO_TEXT, ClaimName, Protocol, Service
from broker.services.access import Place, places_open, profils_of, role_in
from broker.services.release_principal import principal_of
from broker.services.release_values import MANY, ChildSubject, Told, values_of
from policies import Policies, ReleaseFacts, Role
from policies.calendar import quiet_until
from policies.calendar_tables import calendar_of

_EVERY = tuple(ClaimName)
_PLAIN = ReleaseRules()
_UNDER_OWN_NAME = tuple(AttributeRule(claim, claim.value) for claim in ClaimName)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a service, by a protocol, for the people of a school (`school`: the UAI in play, empty when none)."""

    service: Service
    protocol: Protocol
    school: str = ""

    @property
    def rules(self) -> ReleaseRules:
        """The service's rules, or the plain ones."""
        return self.service.release or _PLAIN

    @property
    def by_school(self) -> bool:
        """Tell whether the service is told of one school at a time."""
        return bool(self.rules.school_parameter)

    @property
    def principal(self) -> PrincipalRule:
        """By what name the service knows people; in OpenID Connect `sub` is always the pairwise subject."""
        return _PLAIN.principal if self.protocol is Protocol.OIDC else self.rules.principal


@dataclass(frozen=True, slots=True)
class About:
    """Whom the release is about: the person, the children they may see now, and what was asked beyond.

    `subject` is the person's pairwise identifier at the service; `child_subject` gives a child's.
    """

    person: PersonView
    children: Sequence[ChildCard]
    subject: str
    child_subject: ChildSubject
    now: datetime
    details: PersonDetails = NO_DETAILS


def release_for(policies: Policies, asker: Asker, about: About, *, wanted: Collection[str] | None = None) -> Released:
    """Build what the service is told now, in the order of its rules. `wanted` narrows it to what a grant covers.

    A claim without a value is left out (OIDC Core §5.3.2). Raises `ReleaseRefused` when the person has no place at the
    school in play or, where the answer itself opens the service (CAS, SAML), no role or no such name as it asks for.
    """
    told = _told(policies, asker, about)
    if asker.protocol is not Protocol.OIDC and not _is_served(asker.service, about.person, told.role):
        raise ReleaseRefused("the person has no role, or no profile, at this service")
    asked = [claim for claim in asker.service.claims if wanted is None or claim.value in wanted]
    allowed = frozenset(released(policies, asker.service, about.person, among=asked))
    chosen = [rule for rule in _rules(asker) if rule.claim in allowed]
    attributes = tuple((rule.claim, found) for rule in chosen if (found := _attribute(told, rule)) is not None)
    principal = principal_of(told, asker.principal, subject=about.subject, allowed=allowed)
    claims = frozenset(claim for claim, _ in attributes) | principal.claims
    plain = _plain(asker, principal.value)
    return Released(principal.value, (*plain, *(found for _, found in attributes)), claims)


def _is_served(service: Service, person: PersonView, role: Role) -> bool:
    """Tell whether the service is for such people: no parent is told of to one that is for pupils alone."""
    return role is not Role.NONE and not service.profils.isdisjoint(profils_of(person, role))


def _plain(asker: Asker, principal: str) -> tuple[Attribute, ...]:
    """What discloses nothing beyond the name: texts that are the same for everybody, and the name once more."""
    if asker.protocol is Protocol.OIDC:
        return ()
    fixed = tuple(Attribute(name, (text,)) for name, text in asker.rules.fixed)
    again = asker.rules.principal_as
    return (*fixed, Attribute(again, (principal,))) if again else fixed


def claims_for(
    policies: Policies,
    service: Service,
    person: PersonView,
    children: Sequence[ChildCard],
    *,
    child_subject: ChildSubject,
    now: datetime,
    wanted: Collection[str] | None = None,
) -> dict[str, object]:
    """The OpenID Connect claims of a release that needs no details of the person."""
    about = About(person, children, subject="", child_subject=child_subject, now=now)
    return as_claims(release_for(policies, Asker(service, Protocol.OIDC), about, wanted=wanted))


def as_claims(released_now: Released) -> dict[str, object]:
    """A release as OpenID Connect claims: lists where there may be several values, else one."""
    return {each.name: list(each.values) if each.many else each.values[0] for each in released_now.attributes}


def released(
    policies: Policies, service: Service, person: PersonView, *, among: Collection[ClaimName] = _EVERY
) -> tuple[ClaimName, ...]:
    """Names of the claims that policies let this service have of this person, in the order of `among`."""
    role = role_in(service, person)
    return tuple(name for name in among if policies.release(release_facts(service, role, name)).allowed)


def release_facts(service: Service, role: Role, claim: ClaimName) -> ReleaseFacts:
    """The facts on telling this service this claim of a person in this role."""
    return ReleaseFacts(
        claim=claim,
        declared=claim in service.claims,
        role=role,
        about_child=is_about_child(claim, role),
        service=service.state,
    )


def is_about_child(claim: ClaimName, role: Role) -> bool:
    """Tell whether the claim would tell of a child other than the person (a pupil's own vector does not)."""
    return claim is ClaimName.CHILDREN or (claim is ClaimName.VECTEUR and role is not Role.PUPIL)


def _told(policies: Policies, asker: Asker, about: About) -> Told:
    service = asker.service
    places = places_open(policies, service, about.person, about.children, now=about.now)
    if asker.by_school:
        places = _in_play(places, asker.school)
    return Told(
        service, about.person, places, about.child_subject, about.details, scoped=asker.by_school,
        quiet_until=lambda uai: quiet_until(calendar_of(policies.calendar, uai), about.now),
    )  # fmt: skip


def _in_play(places: tuple[Place, ...], school: str) -> tuple[Place, ...]:
    here = tuple(place for place in places if place.uai == school)
    if school and not here:
        raise ReleaseRefused("the school in play is none of the person's")
    if school:
        return here
    return places if len({place.uai for place in places}) == 1 else ()


def _rules(asker: Asker) -> tuple[AttributeRule, ...]:
    """What is told under which name. OpenID Connect has registered names; elsewhere the rules name everything told."""
    rules = asker.rules.spoken_in(asker.protocol)
    if asker.protocol is Protocol.OIDC:
        return _in_claim_order(rules) if rules else _UNDER_OWN_NAME
    if asker.service.release is not None:
        return rules
    return tuple(rule for rule in _UNDER_OWN_NAME if rule.claim not in NO_TEXT)


def _in_claim_order(rules: tuple[AttributeRule, ...]) -> tuple[AttributeRule, ...]:
    ruled = {rule.claim for rule in rules}
    every = [*rules, *(plain for plain in _UNDER_OWN_NAME if plain.claim not in ruled)]
    return tuple(sorted(every, key=lambda rule: _EVERY.index(rule.claim)))


def _attribute(told: Told, rule: AttributeRule) -> Attribute | None:
    values = _shaped(values_of(told, rule), rule)
    many = rule.claim in MANY and not rule.join
    return Attribute(rule.name, values, many=many, wrap=rule.wrap) if values else None


def _shaped(values: tuple[Value, ...], rule: AttributeRule) -> tuple[Value, ...]:
    """The values in the service's own words, each once, joined where it wants one text."""
    if not rule.values and not rule.join:
        return values
    words = dict(rule.values)
    texts = [value for value in values if isinstance(value, str)]
    mapped = [words.get(text, "" if rule.only_mapped else text) for text in texts]
    kept = tuple(dict.fromkeys(word for word in mapped if word))
    return (rule.join.join(kept),) if rule.join and kept else kept
