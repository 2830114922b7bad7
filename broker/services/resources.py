"""APIs of a service as its descriptor declares them: `[[resources]]` (RFC 8707)."""

from __future__ import annotations

from enum import StrEnum

from broker.domain.people import Space
from broker.domain.services import Resource
from broker.services.addresses import address_fault
from broker.services.grant_types import is_scope
from broker.services.reading import Reader

LONGEST_URI = 255


class TokenFormat(StrEnum):
    """How tokens for an API are written."""

    OPAQUE = "opaque"
    JWT = "jwt"


def read_resource(reader: Reader, *, space: Space) -> Resource:
    """Read one `[[resources]]`.

    Whoever holds a JWT can read it, and nobody can take it back before its end: none is about a family, so no child is
    ever in one. `scopes` bound what a client's own descriptor gives it, which is another hand's.
    """
    reader.only(("uri", "client_id", "clients", "scopes", "tokens"))
    uri = reader.word("uri")
    if uri and (why := _uri_fault(uri)):
        reader.fault(f"'{uri}' {why}", key="uri")
    tokens = reader.member("tokens", TokenFormat, default=TokenFormat.OPAQUE)
    if tokens is TokenFormat.JWT and space is not Space.STAFF:
        reader.fault("'tokens' is 'opaque' for a family service: data of children travel in no JWT", key="tokens")
    scopes = reader.words("scopes", least=1)
    for scope in scopes:
        if not is_scope(scope):
            reader.fault(f"'scopes': '{scope}' is no scope (RFC 6749 §3.3)", key="scopes")
    return Resource(
        uri=uri,
        client_id=reader.identifier("client_id"),
        clients=frozenset(reader.words("clients", least=1)),
        scopes=frozenset(scopes),
        jwt=tokens is TokenFormat.JWT,
    )


def _uri_fault(uri: str) -> str:
    if "?" in uri:
        return "must have no query (RFC 8707 §2)"
    return address_fault(uri) or ("" if len(uri) <= LONGEST_URI else f"is longer than {LONGEST_URI} characters")
