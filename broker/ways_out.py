"""Calls to services: the guarded clients for addresses that they registered, and who tells them of a logout."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from http import HTTPStatus

from broker.domain.errors import SettingsError, UpstreamUnavailable
from broker.domain.ports import Current, Services
from broker.domain.services import Protocol
from broker.protocol.cas.logout import CasLogout
from broker.protocol.notifiers import Notifiers
from broker.protocol.oidc.back_channel import BackChannel
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.protocol.saml.logout import SamlLogout
from broker.saml_identity import SamlIdentity
from broker.settings import Settings
from broker.wire.saml.aggregate import MOST_AGGREGATE
from connectors.guarded import NOTICE_LIMITS, open_guarded
from connectors.outbound import Outbound, OutboundLimits

METADATA_LIMITS = OutboundLimits(connect=5.0, read=20.0, whole=180.0, most_bytes=MOST_AGGREGATE, at_once=1)
"""An aggregate is large and comes once an hour, to a thread that nobody waits for."""
_SOAP_ACTION = '"http://www.oasis-open.org/committees/security"'


def open_notifier(
    settings: Settings,
    provider: ProviderSettings,
    register: Current[Services],
    signer: Signer,
    saml: SamlIdentity,
    resources: ExitStack,
) -> Notifiers:
    """Who tells the clients of each protocol. Adding a protocol is adding a line."""
    ways = [open_way_out(settings, resources, strangers=strangers) for strangers in (False, True)]
    by_openid = BackChannel(provider, register, signer, *(partial(_post, way) for way in ways))
    by_cas = CasLogout(register, partial(_post_as, open_way_out(settings, resources)))
    soap = [open_way_out(settings, resources, strangers=strangers) for strangers in (False, True)]
    by_saml = SamlLogout(saml.idp, register, saml.keys, *(partial(_post_envelope, way) for way in soap))
    return Notifiers({Protocol.OIDC: by_openid, Protocol.CAS: by_cas, Protocol.SAML: by_saml})


def _post(outbound: Outbound, url: str, body: str) -> int:
    return outbound.post_form(url, body=body, headers={}).status


def _post_as(outbound: Outbound, url: str, body: str, media_type: str) -> int:
    return outbound.post_form(url, body=body, headers={"content-type": media_type}).status


def _post_envelope(outbound: Outbound, url: str, body: bytes) -> tuple[int, bytes]:
    """SAML by SOAP (SAML Bindings §3.2.3.1)."""
    headers = {"content-type": "text/xml; charset=utf-8", "soapaction": _SOAP_ACTION}
    answer = outbound.post(url, body=body, headers=headers)
    return answer.status, answer.body


def fetch_metadata(outbound: Outbound, url: str) -> bytes:
    """The document at an address where metadata are published. Raises `UpstreamUnavailable` for anything but a 200."""
    answer = outbound.get_once(url, headers={"accept": "application/samlmetadata+xml, application/xml;q=0.9"})
    if answer.status != HTTPStatus.OK:
        raise UpstreamUnavailable(f"answered {answer.status}")
    return answer.body


def visit(outbound: Outbound, url: str) -> int:
    """Fetch an address, once, for its status alone."""
    return outbound.get_once(url).status


def open_way_out(
    settings: Settings, resources: ExitStack, *, strangers: bool = False, limits: OutboundLimits = NOTICE_LIMITS
) -> Outbound:
    """A client for addresses that services registered: one for each use, so that none takes the other's places.

    `strangers`: for what clients name that registered themselves, and metadata from elsewhere; the networks of declared
    services are not theirs.
    """
    networks = settings.registration.reachable_networks if strangers else settings.reachable_networks
    try:
        outbound = open_guarded(networks, ca_file=settings.services_ca_file, limits=limits)
    except OSError as fault:
        raise SettingsError((f"services_ca_file: cannot be read ({type(fault).__name__})",)) from fault
    resources.callback(outbound.close)
    return outbound
