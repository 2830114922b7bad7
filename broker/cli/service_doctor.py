"""`preau service doctor`: a registered service and the running broker, looked at from the broker's machine."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from urllib.parse import urlsplit

from broker.cli.doctor_checks import CHECKS, NO_ANSWER, Finding, Patient, Verdict, Visited
from broker.cli.options import Commands, command, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, plain_text, print_json
from broker.declared import read_register
from broker.demo.scripted_browser import Lost
from broker.demo.visit import InventedVisit, visiting
from broker.domain.keys import KeyPurpose, KeyState
from broker.domain.services import Service
from broker.live import Fixed
from broker.protocol.oidc.key_care import KeyCare
from broker.protocol.oidc.provider import JWKS_PATH
from broker.services.addresses import is_loopback
from broker.settings import Settings, SourceKind
from broker.signing_keys import open_key_care
from broker.storage.sealing import load_master_secret
from broker.stores import Stores, opened_stores, utc_now
from connectors.guarded import open_guarded
from connectors.outbound import Answer, open_outbound
from policies import PolicyBook

USUAL_PERSON = "aline.quemeneur"
"""A mother of the demo town with a child in an école, one in a collège and one in a lycée."""
_LOOKED_BACK = timedelta(days=30)
_FOLLOWED = 10.0
"""Seconds that every serving process has to follow a rotation; they take five."""


def add_doctor(verbs: Commands) -> None:
    """Add `doctor` to the family of services."""
    text = "look at a registered service: descriptor, addresses, clocks, keys, login, logout, minimal claims"
    parser = with_json(command(verbs, "doctor", doctor, text))
    parser.add_argument("service_id", metavar="SERVICE")
    parser.add_argument("--as", dest="login", default=USUAL_PERSON, metavar="LOGIN", help="whom of the demo town")
    parser.add_argument(
        "--rollover", action="store_true", help="let the next signing key take over, then sign in again (a trial's act)"
    )


def doctor(args: argparse.Namespace) -> int:
    """Run every check; 1 when one fails."""
    settings = settings_of(args)
    declared = read_register(settings)
    with opened_stores(settings) as (stores, book):
        service = declared.standing(stores.standings.in_force()).by_id(args.service_id)
        if service is None:
            names = ", ".join(each.service_id for each in declared.all())
            complain([f"no service {args.service_id}; there are: {names or 'none'}"])
            return FAILED
        findings = _findings(args, settings, stores, book, service)
    _tell(findings, as_json=args.json)
    return FAILED if any(each.verdict is Verdict.FAIL for each in findings) else DONE


def _findings(
    args: argparse.Namespace, settings: Settings, stores: Stores, book: PolicyBook, service: Service
) -> list[Finding]:
    master = load_master_secret(settings.secrets.master_file)
    care = open_key_care(settings, stores.keys, master, Fixed(book), actor="cli:doctor")
    with (
        closing(open_outbound(ca_file=settings.services_ca_file)) as broker,
        closing(open_guarded(settings.reachable_networks, ca_file=settings.services_ca_file)) as outside,
    ):
        visit = _visited(settings, service, args.login)
        rollover = _rolled(args, settings, service, care, broker.get_once) if args.rollover else "keys were left alone"
        patient = Patient(
            service=service,
            issuer=settings.issuer,
            clock=utc_now,
            keys=stores.keys.published(),
            times=care.times(),
            releases=stores.ledger.of_service(service.service_id, since=(utc_now() - _LOOKED_BACK).date()),
            broker=broker.get_once,
            outside=outside.get_once,
            visit=visit,
            rollover=rollover,
        )
        return [finding for check in CHECKS for finding in check(patient)]


def _visited(settings: Settings, service: Service, login: str) -> Visited | str:
    """Let an invented person sign in, open the service, and sign out. Real people have passwords of their own."""
    if why := _no_town(settings):
        return why
    url = next((instance.url for instance in service.instances), "")
    try:
        with visiting(settings.issuer) as visit:
            return _walk(visit, service, login, url)
    except Lost as fault:
        return f"{login} got lost: {fault}"


def _walk(visit: InventedVisit, service: Service, login: str, url: str) -> Visited:
    visit.sign_in(login)
    try:
        page = visit.open(url)
    except Lost as fault:
        return Visited(login, str(fault), NO_ANSWER)
    receipt = visit.sign_out(service.names["fr"])
    after = visit.open(url).url if receipt == "confirmed" else ""
    return Visited(login, page.url, page.status, receipt, after)


def _no_town(settings: Settings) -> str:
    """Why nobody invented can sign in here; empty when somebody can."""
    elsewhere = (source for source in settings.sources if source.kind is not SourceKind.OWN)
    hosts = [urlsplit(source.issuer or source.url).hostname or "" for source in elsewhere]
    if settings.sandbox_file is None or not hosts or not all(map(is_loopback, hosts)):
        return "no demo town here: no invented person can sign in"
    return ""


def _rolled(
    args: argparse.Namespace, settings: Settings, service: Service, care: KeyCare, get: Callable[[str], Answer]
) -> Visited | str:
    """Rotate the keys that sign for this service, wait until the broker follows, and sign in once more."""
    algs = {party.signing_alg for party in service.parties}
    for group in care.groups():
        if group.purpose is not KeyPurpose.ID_TOKEN or group.alg not in algs:
            continue
        ready = care.ready_from(group)
        if ready is None or not care.rotate(group, now=utc_now()):
            return f"the next {group.alg} key may not sign before {plain_text(ready)} (announced, in keys.toml)"
    wanted = {key.kid for key in care.vault.keys.published() if key.state is KeyState.NEXT}
    limit = time.monotonic() + _FOLLOWED
    while not all(kid.encode() in get(f"{settings.issuer}{JWKS_PATH}").body for kid in wanted):
        if time.monotonic() > limit:
            return "the broker did not follow the rotation"
        time.sleep(0.5)
    return _visited(settings, service, args.login)


def _tell(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json([{"check": f.check, "verdict": f.verdict, "saw": f.saw, "to_do": f.to_do} for f in findings])
        return
    for finding in findings:
        print(plain_text(f"{finding.verdict:<11}{finding.check}: {finding.saw}"))
        if finding.to_do:
            print(plain_text(f"{'':<11}→ {finding.to_do}"))
    counts = {verdict: sum(each.verdict is verdict for each in findings) for verdict in Verdict}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
