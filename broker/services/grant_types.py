"""By what a client gets tokens, as its descriptor declares it, and what it may do in its own name (RFC 7591 §2)."""

from __future__ import annotations

import re

from broker.domain.services import ClientKind, GrantType
from broker.services.reading import Reader

GRANT_KEYS = ("grant_types", "service_scopes", "child_scopes", "device_offline")
OF_A_PERSON = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE})
"""Grants that a person gives, signed in: they need scopes, `openid` among them."""
SCOPES = (
    "openid",
    "profile",
    "school",
    "children",
    "email",
    "phone",
    "address",
    "birthdate",
    "schooling",
    "directory",
    "quiet_hours",
    "offline_access",
)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")
"""RFC 6749 §3.3: what can be told apart in a list."""


def read_grant_types(reader: Reader, kind: ClientKind) -> frozenset[GrantType]:
    """The grants of a client; what keeps no secret has none in its own name (RFC 6749 §4.4)."""
    stated = reader.members("grant_types", GrantType, least=1) if reader.has("grant_types") else ()
    grants = frozenset(stated) or frozenset({GrantType.AUTHORIZATION_CODE})
    if GrantType.CLIENT_CREDENTIALS in grants and kind is not ClientKind.WEB:
        reader.fault("'grant_types': a native or browser client keeps no secret to ask in its own name", key="kind")
    if GrantType.TOKEN_EXCHANGE in grants and kind is not ClientKind.WEB:
        reader.fault("'grant_types': a native or browser client keeps no secret to exchange tokens with", key="kind")
    return grants


def read_scopes(reader: Reader, grants: frozenset[GrantType]) -> tuple[str, ...]:
    """What the client may ask a person for."""
    of_a_person = bool(grants & OF_A_PERSON)
    scopes = reader.words("scopes", least=1 if of_a_person else 0)
    for scope in scopes:
        if scope not in SCOPES:
            reader.fault(f"'scopes' knows no '{scope}'", key="scopes")
    if of_a_person and "openid" not in scopes:
        reader.fault("'scopes' needs 'openid'", key="scopes")
    if scopes and not of_a_person:
        reader.fault("'scopes' is what a person grants, and 'grant_types' has no grant of a person", key="scopes")
    return scopes


def read_service_scopes(reader: Reader, grants: frozenset[GrantType]) -> tuple[str, ...]:
    """What the client may do in its own name: words of the service, none of which tells of a person."""
    return _own_words(reader, "service_scopes", needs=GrantType.CLIENT_CREDENTIALS, grants=grants)


def read_child_scopes(reader: Reader, grants: frozenset[GrantType]) -> tuple[str, ...]:
    """What the client may do for one child in a guardian's place: words of the service too."""
    return _own_words(reader, "child_scopes", needs=GrantType.TOKEN_EXCHANGE, grants=grants)


def read_device_offline(reader: Reader, grants: frozenset[GrantType], scopes: tuple[str, ...]) -> bool:
    """Whether screens renew their tokens; said in words, since a code may be written for a stranger's screen."""
    stated = reader.flag("device_offline")
    if stated and not (GrantType.DEVICE_CODE in grants and "offline_access" in scopes):
        why = f"is for grant_types with '{GrantType.DEVICE_CODE}' and scopes with 'offline_access'"
        reader.fault(f"'device_offline' {why}", key="device_offline")
    return stated


def is_scope(word: str) -> bool:
    """Tell whether a word can be a scope (RFC 6749 §3.3)."""
    return _SCOPE.fullmatch(word) is not None


def _own_words(reader: Reader, key: str, *, needs: GrantType, grants: frozenset[GrantType]) -> tuple[str, ...]:
    scopes = reader.words(key, least=1 if needs in grants else 0)
    if scopes and needs not in grants:
        reader.fault(f"'{key}' is for grant_types with '{needs}'", key=key)
    for scope in scopes:
        if scope in SCOPES:
            reader.fault(f"'{key}': '{scope}' is what a person grants of themselves", key=key)
        elif not is_scope(scope):
            reader.fault(f"'{key}': '{scope}' is no scope (RFC 6749 §3.3)", key=key)
    return scopes
