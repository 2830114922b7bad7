"""From a client that registered itself to a service: declared by nobody here, so told the least there is.

It has one client, no address and no card in the portal, and no claim at all: a person is a pairwise subject there,
and of a child nothing is ever told. The policies of its tenant may give less, never more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from broker.domain.people import Profil, Space
from broker.domain.registrations import Registration, RegistrationTerms
from broker.domain.services import (
    Accessibility,
    ClientKind,
    Operator,
    RelyingParty,
    SelfRegistered,
    Service,
    TokenAuthMethod,
)

REGISTERED_SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
"""The standard ones (OIDC Core §5.4, §11): none that speaks of children, of schooling or of directory keys."""
_FAMILY = frozenset({Profil.ELEVE, Profil.TUTEUR})


def service_of(registration: Registration, terms: RegistrationTerms) -> Service:
    """The service that a registration stands for, on these terms."""
    told: Mapping[str, Any] = registration.metadata
    host = urlsplit(told["redirect_uris"][0]).hostname or told["redirect_uris"][0].partition(":")[0]
    name = told.get("client_name") or host
    return Service(
        service_id=registration.client_id,
        tenant=registration.tenant,
        names={"fr": name},
        purpose="Service inscrit par lui-même, à l'essai.",
        data="Un identifiant propre à ce service, et rien d'autre.",
        legal_basis="Aucune n'est déclarée.",
        retention="Non déclarée.",
        rights_url=told.get("policy_uri", ""),
        operator=Operator(name=name, contact=", ".join(told.get("contacts", ()))),
        accessibility=Accessibility(None, ""),
        profils=terms.profils,
        levels=frozenset(),
        schools=frozenset(),
        claims=(),
        space=Space.FAMILY if terms.profils & _FAMILY else Space.STAFF,
        parties=(party_of(registration, terms),),
        instances=(),
        registered=SelfRegistered(
            host=host,
            until=registration.expires_at,
            **{name: told.get(name, "") for name in ("client_uri", "logo_uri", "policy_uri", "tos_uri")},
        ),
        sector_host=urlsplit(told.get("sector_identifier_uri", "")).hostname or "",
    )


def party_of(registration: Registration, terms: RegistrationTerms) -> RelyingParty:
    """The one client of it, as its metadata say (RFC 7591 §2, OIDC Registration §2)."""
    told: Mapping[str, Any] = registration.metadata
    method = TokenAuthMethod(told["token_endpoint_auth_method"])
    return RelyingParty(
        client_id=registration.client_id,
        secret_digest=registration.secret_digest,
        redirect_uris=tuple(told["redirect_uris"]),
        auth_method=method,
        scopes=tuple(told["scope"].split()),
        signing_alg=told["id_token_signed_response_alg"],
        kind=ClientKind(told["application_type"]),
        jwks=json.dumps(told["jwks"], sort_keys=True) if "jwks" in told else "",
        par=told.get("require_pushed_authorization_requests", False),
        dpop=told.get("dpop_bound_access_tokens", False),
        post_logout_redirect_uris=tuple(told.get("post_logout_redirect_uris", ())),
        backchannel_logout_uri=told.get("backchannel_logout_uri", ""),
        frontchannel_logout_uri=told.get("frontchannel_logout_uri", ""),
        jwks_uri=told.get("jwks_uri", ""),
        userinfo_alg=told.get("userinfo_signed_response_alg", ""),
        initiate_login_uri=told.get("initiate_login_uri", ""),
        self_registered=True,
        assertion_alg=told.get("token_endpoint_auth_signing_alg", ""),
        pkce_waiver="" if method is TokenAuthMethod.NONE else terms.pkce_waiver,
    )
