"""How a client of a service can be told that a visit ended: from here, by the person's browser, or not at all."""

from __future__ import annotations

from enum import StrEnum

from broker.domain.cas import CAS_CLIENT, LogoutStyle
from broker.domain.service_clients import Binding
from broker.domain.services import Service


class LogoutWay(StrEnum):
    """`BACK` answers, so that its receipt says whether it did; of `FRONT` nothing comes back; `NONE`: no address."""

    BACK = "back"
    FRONT = "front"
    NONE = "none"


def logout_way(service: Service, client_id: str) -> LogoutWay:
    """The best way in which this client can be told."""
    party = service.party(client_id)
    if party is not None:
        if party.backchannel_logout_uri:
            return LogoutWay.BACK
        return LogoutWay.FRONT if party.frontchannel_logout_uri else LogoutWay.NONE
    if client_id.startswith(CAS_CLIENT):
        told = service.cas is not None and service.cas.logout is not LogoutStyle.NONE
        return LogoutWay.BACK if told else LogoutWay.NONE
    return _saml_way(service, client_id)


def _saml_way(service: Service, client_id: str) -> LogoutWay:
    if service.saml is None or client_id != service.saml_client:
        return LogoutWay.NONE
    if service.saml.slo_by(Binding.SOAP):
        return LogoutWay.BACK
    return LogoutWay.FRONT if service.saml.slo_by(Binding.REDIRECT) else LogoutWay.NONE
