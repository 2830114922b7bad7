"""A SAML identity provider as a source of logins: a signed question, an answer by form (Profiles §4.1).

The question goes by redirect; by form to a provider that takes it by form alone, or where the address got too long.

The question's ID is kept with the login of this browser and nothing but an answer to it is taken: an assertion that
somebody else obtained, or that nobody asked for, signs nobody in.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from broker.domain.errors import PreauError, UpstreamDeclined, UpstreamRefused, UpstreamUnavailable
from broker.domain.identity import AccountKey, AuthnContext, UpstreamIdentity, UpstreamProtocol
from broker.domain.ports import Current, Departure, Return, UpstreamLogout
from broker.wire.saml import Refusal, SamlRefused, names, verify_response
from broker.wire.saml.asking import AskingKey, AuthnRequest, authn_request_form, authn_request_url, service_metadata
from broker.wire.saml.bindings import RELAY_STATE, RESPONSE
from broker.wire.saml.identity_provider import IdentityProvider
from broker.wire.saml.requests import LogoutAsked
from broker.wire.saml.statements import Statements, statements_of
from connectors.saml.acceptance import ACCEPTANCE_CHECKS, Check, Expected
from connectors.saml.logout import (
    MOST_URL,
    answer_url,
    is_done,
    is_meant,
    logout_asked,
    read_hint,
    start_logout,
    write_hint,
)
from connectors.saml.profiles import PlainSamlProfile, SamlProfile, display_of

_SILENT = frozenset({"", names.UNSPECIFIED_CLASS})
_DECLINED = frozenset(
    {names.AUTHN_FAILED, names.REQUEST_DENIED, names.NO_PASSIVE, names.NO_AUTHN_CONTEXT, names.INVALID_NAMEID_POLICY}
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """A provider that does not change (`Current`)."""

    provider: IdentityProvider

    def current(self) -> IdentityProvider:
        """The provider."""
        return self.provider


@dataclass(frozen=True, slots=True)
class SamlSource:
    """How to reach one provider, and who we are to it. `entity_id`, `acs`, `slo`: ours, built from the issuer alone.

    `providers`: the provider, as its metadata say now.
    """

    source_id: str
    entity_id: str
    acs: str
    providers: Current[IdentityProvider | None]
    key: AskingKey = field(repr=False)
    profile: SamlProfile = field(default_factory=PlainSamlProfile)
    slo: str = ""
    logout_hosts: frozenset[str] = frozenset()
    """Hosts that the provider may name as the place to sign out (`FrEduUrlRetour`); empty: that of its sign-in."""

    @property
    def provider(self) -> IdentityProvider:
        """The provider as its metadata say now. Raises `UpstreamUnavailable` while none have come."""
        found = self.providers.current()
        if found is None:
            raise UpstreamUnavailable("no metadata of the provider yet")
        return found

    @property
    def leads_to(self) -> frozenset[str]:
        """The hosts that count."""
        return self.logout_hosts or frozenset({urlsplit(self.provider.signs_in_at[0]).hostname or ""})

    def standing(self) -> SamlSource:
        """The same, held to the provider as it is now: within one act nothing is of two versions."""
        return replace(self, providers=Known(self.provider))

    def open(self) -> SamlConnector:
        """Make the connector; nothing is fetched, ever."""
        return SamlConnector(self)


@dataclass(frozen=True, slots=True)
class SamlConnector:
    """`RedirectConnector` over SAML 2.0."""

    source: SamlSource
    checks: tuple[Check, ...] = ACCEPTANCE_CHECKS
    clock: Callable[[], datetime] = _utc_now

    @property
    def state_parameter(self) -> str:
        """RelayState comes back untouched (SAML Bindings §3.4.3)."""
        return RELAY_STATE

    def start(self, *, return_url: str, state: str, force: bool) -> Departure:  # noqa: ARG002 - answers go to the ACS
        """Build the signed request; `force` becomes `ForceAuthn`. By redirect, where the provider takes it so."""
        provider, key = self.source.provider, self.source.key
        request = AuthnRequest(
            f"_{secrets.token_hex(20)}",
            issuer=self.source.entity_id,
            destination=provider.sso or provider.sso_post,
            acs=self.source.acs,
            at=self.clock(),
            force=force,
        )
        private = {"state": state, "request": request.request_id}
        url = authn_request_url(request, key, relay_state=state) if provider.sso else ""
        if not provider.sso_post or 0 < len(url) <= MOST_URL:
            return Departure(url, private)
        posted = replace(request, destination=provider.sso_post)
        return Departure(posted.destination, private, authn_request_form(posted, key, relay_state=state))

    def finish(self, answer: Return, *, private: Mapping[str, str], now: datetime) -> UpstreamIdentity:
        """Verify the response, hold it against what was asked, and read who this is from what was signed."""
        _check_state(answer, private)
        source = self.source.standing()
        _check_metadata(source.provider, now)
        try:
            said = _verified(source, _response(answer))
            self._check(source, said, private["request"], now=now)
        except SamlRefused as fault:
            raise refusal(fault) from None
        return _identity(source, said, now=now)

    def start_logout(self, *, hint: str, return_url: str, state: str) -> UpstreamLogout | None:  # noqa: ARG002 - to the SLO
        """Where the provider said that browsers go, else a signed request to its logout service."""
        return start_logout(self.source.standing(), read_hint(hint), state=state, now=self.clock())

    def finish_logout(self, answer: Return, *, state: str) -> bool:
        """The provider's signed answer to the request of this state."""
        return is_done(self.source.standing(), answer, state=state)

    def logout_asked(self, query: str, *, now: datetime) -> LogoutAsked:
        """A logout request of the provider, verified. Raises `UpstreamRefused`."""
        return logout_asked(self.source.standing(), query, now=now)

    def is_meant(self, hint: str, asked: LogoutAsked) -> bool:
        """Whether a request names the session that left this hint."""
        return is_meant(read_hint(hint), asked)

    def logout_answer(self, asked: LogoutAsked, *, done: bool, now: datetime) -> str:
        """Where the browser carries our answer; empty when the provider takes none."""
        return answer_url(self.source.standing(), asked, done=done, now=now)

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def metadata(self) -> bytes:
        """What the provider's administrator is given."""
        return service_metadata(self.source.entity_id, self.source.acs, self.source.key, slo=self.source.slo)

    def _check(self, source: SamlSource, said: Statements, request_id: str, *, now: datetime) -> None:
        wanted = Expected(
            provider=source.provider.entity_id,
            audience=source.entity_id,
            acs=source.acs,
            request_id=request_id,
            now=now,
        )
        for check in self.checks:
            check(said, wanted)


def _check_metadata(provider: IdentityProvider, now: datetime) -> None:
    """Keys of metadata that has run out vouch for nobody (SAML Metadata §2.3.1)."""
    if provider.valid_until is not None and now >= provider.valid_until:
        raise UpstreamRefused("the provider's metadata is no longer valid: fetch it anew")


def _verified(source: SamlSource, xml: bytes) -> Statements:
    verified = verify_response(xml, keys=source.provider.keys, decrypting=(source.key.decrypting,))
    return statements_of(verified)


def _identity(source: SamlSource, said: Statements, *, now: datetime) -> UpstreamIdentity:
    profile, proof = source.profile, said.authn[0]
    subject = profile.subject(said)
    return UpstreamIdentity(
        key=AccountKey(UpstreamProtocol.SAML, source.provider.entity_id, subject.subject_format, subject.value),
        authn=AuthnContext(
            acr="" if proof.class_ref in _SILENT else proof.class_ref,
            amr=profile.methods(said),
            auth_time=min(proof.instant, now),
            authority=source.source_id,
        ),
        references=profile.references(said),
        posts=profile.posts(said, now=now),
        display=display_of(said),
        logout_hint=write_hint(said, hosts=source.leads_to),
        answer=said.assertion_id,
    )


def _check_state(answer: Return, private: Mapping[str, str]) -> None:
    """The login that came back is the one that left (login CSRF)."""
    if not hmac.compare_digest(answer.params.get(RELAY_STATE, "").encode(), private["state"].encode()):
        raise UpstreamRefused("another state came back")


def _response(answer: Return) -> bytes:
    try:
        return base64.b64decode(answer.params.get(RESPONSE, ""), validate=True)
    except (binascii.Error, ValueError):
        raise UpstreamRefused("no usable response") from None


def refusal(fault: SamlRefused) -> PreauError:
    """What a refusal means to a person: a source that says no is not an answer that is false."""
    if fault.reason is Refusal.STATUS and _DECLINED & set(str(fault).split()):
        return UpstreamDeclined(f"SAML response refused: {fault}")
    return UpstreamRefused(f"SAML response refused: {fault}")
