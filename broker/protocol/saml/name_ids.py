"""By what name a service provider knows a person, and how it may ask for one (SAML Core §8.3, §3.4.1.1)."""

from __future__ import annotations

from broker.domain.errors import NameNotGiven
from broker.domain.handles import digest
from broker.domain.release_rules import PrincipalKind, ReleaseRules
from broker.domain.service_clients import NameIdKind
from broker.protocol.saml.provider import Provider
from broker.wire.saml.assertion import NameId
from broker.wire.saml.names import EMAIL_NAME, PERSISTENT, TRANSIENT, UNSPECIFIED_NAME

OFFERED = (PERSISTENT, TRANSIENT)
LONGEST_NAME = 64
_FREE = frozenset({"", UNSPECIFIED_NAME})
_PAIRWISE = frozenset({PrincipalKind.SUBJECT, PrincipalKind.ID})
_TRANSIENT_LENGTH = 40


def own_format(provider: Provider) -> str:
    """The format that a provider's names have when it asks for none."""
    kind = (provider.service.release or ReleaseRules()).principal.kind
    if kind not in _PAIRWISE:
        return EMAIL_NAME if kind is PrincipalKind.MAIL else UNSPECIFIED_NAME
    return TRANSIENT if provider.declared.name_id is NameIdKind.TRANSIENT else PERSISTENT


def chosen_format(provider: Provider, asked: str) -> str:
    """The format of the name that answers a request. Raises `NameNotGiven`.

    A name that means nothing tomorrow may be had instead of one that lasts, never the reverse.
    """
    own = own_format(provider)
    if asked in _FREE or asked == own:
        return own
    if asked == TRANSIENT and own == PERSISTENT:
        return TRANSIENT
    raise NameNotGiven("a format that this service is not given")


def transient_name(client_id: str, *, visit: str) -> str:
    """The name of one visit at one provider: another at each other, and none from which either could be guessed.

    Made anew from the visit when its end is told: nothing is kept for it.
    """
    return "_" + digest(f"transient|{visit}|{client_id}")[:_TRANSIENT_LENGTH]


def name_of(provider: Provider, principal: str, *, form: str, visit: str, issuer: str) -> NameId:
    """The NameID of an answer. Raises `NameNotGiven` for a name that is longer than a grant can keep."""
    value = transient_name(provider.client_id, visit=visit) if form == TRANSIENT else principal
    if len(value) > LONGEST_NAME:
        raise NameNotGiven("a name that is too long")
    return _qualified(provider, value, form=form, issuer=issuer)


def told_name(provider: Provider, name: str, *, visit: str, issuer: str) -> NameId:
    """The NameID that a provider was told, made again from what its grant keeps."""
    if name == transient_name(provider.client_id, visit=visit):
        return NameId(name, TRANSIENT)
    own = own_format(provider)
    return _qualified(provider, name, form=PERSISTENT if own == TRANSIENT else own, issuer=issuer)


def _qualified(provider: Provider, value: str, *, form: str, issuer: str) -> NameId:
    """Whose name it is and for whom, where it lasts (Core §8.3.7)."""
    if form != PERSISTENT:
        return NameId(value, form)
    return NameId(value, form, qualifier=issuer, sp_qualifier=provider.declared.entity_id)
