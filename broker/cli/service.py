"""`preau service list|show|new|doctor|suspend|resume|verify`: the register, as declared and as it stands."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs, print_table
from broker.cli.rapprochement import add_rapprochement
from broker.cli.service_doctor import add_doctor
from broker.cli.service_new import add_new
from broker.cli.standing import add_verbs, add_verify
from broker.declared import read_register
from broker.domain.service_clients import ServiceProvider
from broker.domain.services import RelyingParty, SelfRegistered, Service
from broker.domain.standings import StandingKind
from broker.following import arrivals_of
from broker.metadata import metadata_alarms
from broker.services.register import Register
from broker.settings import Settings
from broker.stores import opened_stores, utc_now


def add_to(commands: Commands) -> None:
    """Add the family to the command line."""
    verbs = family(commands, "service", "services that people open")
    with_json(command(verbs, "list", list_services, "list the services of the register"))
    show = with_json(command(verbs, "show", show_service, "show one service as it is declared"))
    show.add_argument("service_id", metavar="SERVICE")
    add_new(verbs)
    add_doctor(verbs)
    add_rapprochement(verbs)
    add_verbs(verbs, StandingKind.SERVICE)
    add_verify(verbs)


def list_services(args: argparse.Namespace) -> int:
    """Print every service."""
    settings = settings_of(args)
    register = _register(settings)
    services = register.all()
    if args.json:
        print_json([_told(service) for service in services])
        return DONE
    complain(str(alarm) for alarm in metadata_alarms(settings, register, now=utc_now()))
    head = ("SERVICE", "STATE", "NAME", "TENANT", "SPACE", "PROFILS", "PARTIES")
    print_table(head, ((*_line(service), ", ".join(p.client_id for p in service.parties)) for service in services))
    return DONE


def show_service(args: argparse.Namespace) -> int:
    """Print one service."""
    services = {service.service_id: service for service in _register(settings_of(args)).all()}
    service = services.get(args.service_id)
    if service is None:
        complain([f"no service {args.service_id}; there are: {', '.join(services) or 'none'}"])
        return FAILED
    told = _told(service)
    if args.json:
        print_json(told)
    else:
        print_pairs({name: _flat(value) for name, value in told.items()})
    return DONE


def _register(settings: Settings) -> Register:
    """The register under the standings of this moment, with what registered itself."""
    declared = read_register(settings)
    with opened_stores(settings) as (stores, _):
        arrivals = arrivals_of(settings, stores.registrations, utc_now)
        registered = arrivals.services() if arrivals else ()
        return Register(
            (*declared.all(), *registered), in_force=stores.standings.in_force(), elsewhere=declared.elsewhere
        )


def _line(service: Service) -> tuple[str, ...]:
    return (
        service.service_id,
        service.state,
        service.names["fr"],
        service.tenant,
        service.space,
        " ".join(sorted(service.profils)),
    )


def _told(service: Service) -> dict[str, object]:
    """The service without any digest of a secret."""
    return {
        "service": service.service_id,
        "state": service.state,
        "tenant": service.tenant,
        "names": service.names,
        "operator": asdict(service.operator) if service.operator else {},
        "purpose": service.purpose,
        "data": service.data,
        "legal_basis": service.legal_basis,
        "retention": service.retention,
        "rights_url": service.rights_url,
        "accessibility": asdict(service.accessibility) if service.accessibility else {},
        "space": service.space,
        "profils": sorted(service.profils),
        "levels": sorted(service.levels),
        "schools": sorted(service.schools),
        "classes": sorted(service.classes),
        "closed_schools": sorted(service.closed_schools),
        "claims": list(service.claims),
        "registered": _registered(service.registered),
        "requires": service.requires,
        "mandates": service.mandates,
        "outage": service.outage,
        "protocols": list(service.protocols),
        "saml": _saml(service.saml) if service.saml else {},
        "parties": [_client(party) for party in service.parties],
        "instances": {instance.uai or "*": instance.url for instance in service.instances},
    }


def _registered(told: SelfRegistered | None) -> dict[str, object]:
    """What a service that registered itself says of itself; empty for a declared one."""
    return {**asdict(told), "until": told.until.isoformat()} if told else {}


def _saml(provider: ServiceProvider) -> dict[str, object]:
    """Its name, where assertions may go, and until when its metadata are good."""
    return {
        "entity_id": provider.entity_id,
        "acs": [endpoint.location for endpoint in provider.acs],
        "until": provider.until.isoformat() if provider.until else "",
    }


def _client(party: RelyingParty) -> dict[str, object]:
    return {
        "client_id": party.client_id,
        "kind": party.kind,
        "origins": list(party.origins),
        "auth_method": party.auth_method,
        "scopes": list(party.scopes),
        "redirect_uris": list(party.redirect_uris),
        **({"pkce": False, "pkce_reason": party.pkce_waiver} if party.pkce_waiver else {}),
    }


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}: {_flat(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "  ".join(_flat(part) for part in value)
    return str(value)
