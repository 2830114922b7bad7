"""What an OpenID provider says of itself: discovery document and key set, fetched, checked and kept.

A document that names another issuer, or sends us elsewhere in clear, replaces nothing: the last good one stays in use
(discovery poisoning, CVE-2026-104056).
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from authlib.oidc.discovery import get_well_known_url

from broker.domain.errors import SourceCrowded, UpstreamRefused, UpstreamUnavailable
from broker.wire.jose import KeySet, TokenRefused, jwks_from_json
from connectors.outbound import Outbound

FRESH_SECONDS = 3600.0
"""How long a document is used before it is fetched anew; on failure the old one goes on."""
REFETCH_SECONDS = 60.0
"""A document without what is wanted (an unknown `kid`) is fetched anew at most this often: anybody can invent one."""
PAUSE_SECONDS = 5.0
"""After a failure with nothing kept, callers are refused at once: a source that hangs must not queue up threads."""

T = TypeVar("T")

_OK = 200
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The parts of OpenID Provider Metadata that a login needs (OpenID Connect Discovery §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    sends_iss: bool
    """The authorization response carries `iss` (RFC 9207 §3)."""
    end_session_endpoint: str = ""
    """Where a browser signs out there (RP-Initiated Logout §2.1); empty: nowhere."""


class Kept(Generic[T]):
    """A document fetched now and then: the last good one is used as long as no better one can be had."""

    def __init__(self, name: str, fetch: Callable[[], T], *, monotonic: Callable[[], float]) -> None:
        self._name = name
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._value: T | None = None
        self._fetched = self._asked = float("-inf")

    def get(self, wanted: Callable[[T], bool] = lambda _: True) -> T:
        """The document. One that is not `wanted` is given too when it is too early to ask again.

        Raises `UpstreamUnavailable` when none was ever good.
        """
        with self._lock:
            now = self._monotonic()
            if self._value is None:
                if now - self._asked < PAUSE_SECONDS:
                    raise UpstreamUnavailable(f"{self._name}: failed a moment ago")
                return self._renew()
            fresh = now - self._fetched < FRESH_SECONDS and wanted(self._value)
            return self._value if fresh or now - self._asked < REFETCH_SECONDS else self._renew()

    def _renew(self) -> T:
        try:
            found = self._fetch()
        except SourceCrowded:  # the provider was not asked: nothing is remembered
            if self._value is None:
                raise
            return self._value
        except (UpstreamUnavailable, UpstreamRefused) as fault:
            if self._value is None:
                self._asked = self._monotonic()
                raise UpstreamUnavailable(f"{self._name}: {fault.cause}") from None
            self._asked = self._monotonic()
            log.warning("%s: %s; the last good one stays in use", self._name, fault.cause)
            return self._value
        self._asked = self._fetched = self._monotonic()
        self._value = found
        return found


class Provider:
    """The provider behind one configured issuer."""

    def __init__(self, issuer: str, outbound: Outbound, *, monotonic: Callable[[], float]) -> None:
        self._issuer = issuer
        self._outbound = outbound
        self._metadata = Kept(f"discovery document of {issuer}", self._fetch_metadata, monotonic=monotonic)
        self._keys = Kept(f"key set of {issuer}", self._fetch_keys, monotonic=monotonic)

    def metadata(self) -> ProviderMetadata:
        """The checked metadata. Raises `UpstreamUnavailable` when none was ever good."""
        return self._metadata.get()

    def keys(self, kid: str) -> KeySet:
        """The provider's keys; fetched anew, but rarely, when `kid` is not among them. Raises `UpstreamUnavailable`."""
        return self._keys.get(lambda keys: not kid or keys.has(kid))

    def _fetch_metadata(self) -> ProviderMetadata:
        answer = self._outbound.get(get_well_known_url(self._issuer, external=True))
        if answer.status != _OK:
            raise UpstreamUnavailable(f"discovery answered {answer.status}")
        return parse_metadata(answer.body, issuer=self._issuer)

    def _fetch_keys(self) -> KeySet:
        answer = self._outbound.get(self.metadata().jwks_uri)
        if answer.status != _OK:
            raise UpstreamUnavailable(f"key set answered {answer.status}")
        try:
            return jwks_from_json(answer.body)
        except TokenRefused as fault:
            raise UpstreamUnavailable(f"unusable key set: {fault}") from None


def parse_metadata(document: bytes, *, issuer: str) -> ProviderMetadata:
    """Read a discovery document that must be this issuer's, character for character. Raises `UpstreamRefused`."""
    fields = parse_object(document)
    if fields.get("issuer") != issuer:
        raise UpstreamRefused("discovery document of another issuer")
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=_endpoint(fields, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(fields, "token_endpoint", issuer),
        jwks_uri=_endpoint(fields, "jwks_uri", issuer),
        userinfo_endpoint=_optional(fields, "userinfo_endpoint", issuer),
        sends_iss=fields.get("authorization_response_iss_parameter_supported") is True,
        end_session_endpoint=_optional(fields, "end_session_endpoint", issuer),
    )


def parse_object(document: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises `UpstreamRefused`."""
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        raise UpstreamRefused("not JSON") from None
    if not isinstance(content, dict):
        raise UpstreamRefused("not a JSON object")
    return content


def _optional(fields: dict[str, Any], name: str, issuer: str) -> str:
    return _endpoint(fields, name, issuer) if name in fields else ""


def _endpoint(fields: dict[str, Any], name: str, issuer: str) -> str:
    """An absolute address without fragment; never in clear when the issuer is not."""
    url = fields.get(name)
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        raise UpstreamRefused(f"{name} is missing or is not an address")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UpstreamRefused(f"{name} is not an address") from None
    allowed = {"https", urlsplit(issuer).scheme}
    if parts.scheme not in allowed or not parts.hostname or parts.fragment or parts.username is not None:
        raise UpstreamRefused(f"{name} is not a usable address")
    return url
