"""By what name a service knows a person, where its protocol has one (CAS user, SAML NameID).

Pairwise unless the descriptor says otherwise; any other name is a claim that policies let through, and exactly one
value, or there is no release: a person is never known by somebody else's name, nor by a name chosen among several.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from broker.domain.errors import ReleaseRefused
from broker.domain.release_rules import AttributeRule, IdShape, PrincipalKind, PrincipalRule
from broker.domain.services import ClaimName
from broker.services.release_values import Told, candidates_of
from policies import Role

CLAIM_OF = {
    PrincipalKind.LOGIN: ClaimName.LOGIN,
    PrincipalKind.EXTERNAL_ID: ClaimName.EXTERNAL_ID,
    PrincipalKind.MAIL: ClaimName.EMAIL,
    PrincipalKind.UAI: ClaimName.UAI,
}
"""The claim that a name which is not pairwise discloses."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The name, and what it discloses beyond a pairwise identifier."""

    value: str
    claims: frozenset[ClaimName] = frozenset()


def principal_of(told: Told, rule: PrincipalRule, *, subject: str, allowed: frozenset[ClaimName]) -> Principal:
    """The name of the person at the service. Raises `ReleaseRefused` when there is not exactly one."""
    if rule.kind is PrincipalKind.SUBJECT:
        return Principal(subject)
    if rule.kind is PrincipalKind.ID:
        return Principal(str(UUID(hex=subject)) if rule.shape is IdShape.UUID else subject)
    claim = CLAIM_OF[rule.kind]
    if claim not in allowed:
        raise ReleaseRefused(f"policies do not let {claim.value} through, and the service knows people by it")
    return Principal(_one_value(told, rule, claim), frozenset({claim}))


def _one_value(told: Told, rule: PrincipalRule, claim: ClaimName) -> str:
    if rule.kind is PrincipalKind.MAIL and told.role is not Role.STAFF:
        # two parents often share one address on their records: the name of one would open the account of the other
        raise ReleaseRefused("an address on a family's record names nobody")
    wanted = AttributeRule(claim, claim.value, source=rule.source, feed=rule.feed, prefix=rule.prefix)
    values = {value for value in candidates_of(told, wanted) if isinstance(value, str)}
    if len(values) != 1:
        raise ReleaseRefused(f"the person has {len(values)} values of {claim.value}")
    return values.pop()
