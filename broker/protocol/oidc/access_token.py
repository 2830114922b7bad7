"""Access tokens as they are handed out: opaque, or signed for an API that reads them itself (RFC 9068).

A signed token has its row too, found by its `jti`: introspection says at once that it was taken back; an API that asks
nobody believes it until its end (`access_token` in `sessions.toml`). It says who, for whom and what, and nothing of
anybody's life; `sub` is the person as that API's service knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from broker.domain.handles import digest
from broker.domain.services import Resource
from broker.domain.sessions import CodePayload, ServiceToken
from broker.protocol.oidc.provider import ProviderSettings
from broker.wire.jose import SigningKey, sign

TYP = "at+jwt"
ALG = "ES256"


def issue_for_person(
    payload: CodePayload,
    settings: ProviderSettings,
    key: SigningKey,
    *,
    scope: Iterable[str],
    handle: str,
    jkt: str,
    now: datetime,
) -> str:
    """Sign a token for the API of a grant: `scope` is what the API takes of it, `handle` the opaque one of its row."""
    grant, authn = payload.grant, payload.authn
    if grant.audience is None:
        raise ValueError("a grant for no API in particular")
    told = {
        "sub": grant.audience.subject,
        "client_id": grant.client_id,
        "scope": " ".join(scope),
        "auth_time": int(authn.auth_time.timestamp()),
        **({"acr": authn.acr} if authn.acr else {}),
    }
    return _issue(told, settings, key, audience=grant.audience.uri, handle=handle, jkt=grant.jkt or jkt, now=now)


def issue_for_service(
    token: ServiceToken, settings: ProviderSettings, key: SigningKey, *, handle: str, now: datetime
) -> str:
    """Sign a token of a client in its own name: `sub` is the client (RFC 9068 §2.2)."""
    told = {"sub": token.client_id, "client_id": token.client_id, "scope": " ".join(token.scope)}
    return _issue(told, settings, key, audience=token.resource, handle=handle, jkt=token.jkt, now=now)


def is_signed(resource: Resource | None) -> bool:
    """Tell whether tokens for this API are signed; for none in particular they are opaque."""
    return resource is not None and resource.jwt


def _issue(
    told: Mapping[str, object],
    settings: ProviderSettings,
    key: SigningKey,
    *,
    audience: str,
    handle: str,
    jkt: str,
    now: datetime,
) -> str:
    claims = {
        "iss": settings.issuer,
        "aud": audience,
        **told,
        "iat": int(now.timestamp()),
        "exp": int((now + settings.access_token).timestamp()),
        "jti": digest(handle),  # names the row; nobody was given the handle, so it opens nothing
        **({"cnf": {"jkt": jkt}} if jkt else {}),
    }
    return sign(claims, key, typ=TYP)
