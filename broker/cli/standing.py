"""`preau service|source|school|person|link suspend|resume`, `preau service verify`: what an administrator closes.

Each act says why, is audited in its own transaction, and is in force in every process within 5 s.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from broker.cli.options import Commands, command, family, settings_of, with_json
from broker.cli.output import DONE, FAILED, complain, print_json, print_pairs
from broker.cli.whom import person_meant
from broker.declared import read_register
from broker.domain.acts import LiftStanding, SetStanding
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Id
from broker.domain.standings import Standing, StandingKind, StandingState
from broker.services.register import sound_services
from broker.settings import Settings
from broker.stores import Stores, opened_for_closing, utc_now

_WORDS = {
    StandingKind.SERVICE: ("SERVICE", "the service gets no code, no token, no claim; its cards say so"),
    StandingKind.SOURCE: ("SOURCE", "nobody signs in there; the sessions opened there end"),
    StandingKind.SCHOOL: ("UAI", "its enrolments open no service and are in no claim; the cards stay"),
    StandingKind.PERSON: ("PERSON", "the person's sessions end and none opens"),
    StandingKind.LINK: ("ACCOUNT", "the sessions of this login end and none opens by it"),
}


def add_to(commands: Commands) -> None:
    """Add the families that have no other verb."""
    for kind, text in (
        (StandingKind.SOURCE, "sources people sign in at"),
        (StandingKind.SCHOOL, "schools, by UAI"),
    ):
        add_verbs(family(commands, kind, text), kind)


def add_verbs(verbs: Commands, kind: StandingKind) -> None:
    """Add `suspend` and `resume` to a family."""
    _add(verbs, "suspend", kind, partial(_set, kind, StandingState.SUSPENDED), _WORDS[kind][1])
    _add(verbs, "resume", kind, partial(_lift, kind), "end what this tenant suspended")


def add_verify(verbs: Commands) -> None:
    """Add `verify` to the family of services."""
    _add(verbs, "verify", StandingKind.SERVICE, _verify, "say that somebody looked at it and found it as declared")


def _add(verbs: Commands, name: str, kind: StandingKind, run: Callable[[argparse.Namespace], int], text: str) -> None:
    parser = with_json(command(verbs, name, run, text))
    parser.add_argument("who", metavar=_WORDS[kind][0])
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept beside the act, never on a page")
    parser.add_argument("--tenant", metavar="ID", help="who decides (else the subject's tenant, or the only one)")


def _verify(args: argparse.Namespace) -> int:
    """Say so of a service whose descriptor can be read, beside sound ones: one can be closed unread, not verified."""
    if args.who.startswith(Id.CLIENT):
        complain([f"{args.who} registered itself and may change what it is: to trust it, write a descriptor for it"])
        return FAILED
    read_register(settings_of(args))
    return _set(StandingKind.SERVICE, StandingState.VERIFIED, args)


def _set(kind: StandingKind, state: StandingState, args: argparse.Namespace) -> int:
    settings = settings_of(args)
    with opened_for_closing(settings) as stores:
        try:
            reason = _reason(args.reason)
            subject, tenant = _subject(kind, args, settings=settings, stores=stores)
        except LookupError as fault:
            complain([str(fault)])
            return FAILED
        now = utc_now()
        event = _event(Action.STANDING_SET, kind, state, subject=subject, tenant=tenant, now=now)
        ended = stores.standings.set(
            SetStanding(kind, subject, state, tenant=tenant, reason=reason, now=now, audit=event)
        )
        standing = _standing(stores.standings.history(kind, subject))
    _tell(args, {"kind": kind, "subject": subject, "tenant": tenant, "said": state, "sessions_ended": ended}, standing)
    return DONE


def _lift(kind: StandingKind, args: argparse.Namespace) -> int:
    settings = settings_of(args)
    with opened_for_closing(settings) as stores:
        try:
            reason = _reason(args.reason)
            subject, tenant = _subject(kind, args, settings=settings, stores=stores)
        except LookupError as fault:
            complain([str(fault)])
            return FAILED
        now, lifted = utc_now(), 0
        for row in _standing(stores.standings.history(kind, subject)):
            if (row.tenant, row.state) == (tenant, StandingState.SUSPENDED):
                event = _event(Action.STANDING_LIFTED, kind, row.state, subject=row.subject, tenant=tenant, now=now)
                lifted += stores.standings.lift(
                    LiftStanding(kind, row.subject, row.state, tenant=tenant, reason=reason, now=now, audit=event)
                )
        standing = _standing(stores.standings.history(kind, subject))
    if not lifted:
        complain([f"{tenant} has not suspended {subject}"])
    _tell(args, {"kind": kind, "subject": subject, "tenant": tenant, "lifted": lifted}, standing)
    return DONE if lifted else FAILED


# ---- who is meant -------------------------------------------------------------------------------------------------


def _reason(text: str) -> str:
    if not text.strip():
        raise LookupError("--reason must say why")
    return text.strip()


def _subject(kind: StandingKind, args: argparse.Namespace, *, settings: Settings, stores: Stores) -> tuple[str, str]:
    """The id meant, and the tenant that decides. Raises `LookupError`."""
    subject, own = _FINDERS[kind](args.who, settings, stores)
    known = [tenant.id for tenant in settings.tenants]
    tenant = args.tenant or own or (known[0] if len(known) == 1 else "")
    if tenant not in known:
        raise LookupError(f"--tenant must be one of: {', '.join(known)}")
    return subject, tenant


def _find_service(who: str, settings: Settings, stores: Stores) -> tuple[str, str]:
    """A declared service, or one that registered itself, also while registration is off."""
    registered = stores.registrations.find(who, now=utc_now())
    if registered is not None:
        return who, registered.tenant
    sound, is_all = sound_services(settings.services_dir)
    services = {service.service_id: service.tenant for service in sound}
    if is_all or who in services:
        return who, _known(who, services, "service")
    complain([f"warning: descriptors are faulty (`preau check` tells them); service {who} is taken as written"])
    return who, ""


def _find_source(who: str, settings: Settings, _stores: Stores) -> tuple[str, str]:
    return who, _known(who, {source.id: source.tenant for source in settings.sources}, "source")


def _known(who: str, tenants: dict[str, str], word: str) -> str:
    if who not in tenants:
        raise LookupError(f"no {word} {who}; there are: {', '.join(tenants) or 'none'}")
    return tenants[who]


def _find_person(who: str, settings: Settings, stores: Stores) -> tuple[str, str]:
    feed = settings.feed(who.partition(":")[0])
    return person_meant(who, settings, stores), feed.tenant if feed else ""


def _as_written(who: str, _settings: Settings, _stores: Stores) -> tuple[str, str]:
    """A school or an account: the storage knows whether it is there."""
    return who, ""


_FINDERS: dict[StandingKind, Callable[[str, Settings, Stores], tuple[str, str]]] = {
    StandingKind.SERVICE: _find_service,
    StandingKind.SOURCE: _find_source,
    StandingKind.SCHOOL: _as_written,
    StandingKind.PERSON: _find_person,
    StandingKind.LINK: _as_written,
}


# ---- what is told -------------------------------------------------------------------------------------------------


def _event(
    action: Action, kind: StandingKind, state: StandingState, *, subject: str, tenant: str, now: datetime
) -> AuditEvent:
    """The audit event; the reason is free text that may name somebody, so it stays beside the standing."""
    return AuditEvent(
        tenant=tenant,
        at=now,
        action=action,
        actor=f"cli:{getpass.getuser()}",
        subject=subject,
        detail={"kind": kind, "state": state},
    )


def _standing(rows: Iterable[Standing]) -> tuple[Standing, ...]:
    return tuple(row for row in rows if row.until is None)


def _tell(args: argparse.Namespace, told: dict[str, object], standing: Iterable[Standing]) -> None:
    rows = [{"state": row.state, "tenant": row.tenant, "since": row.since, "reason": row.reason} for row in standing]
    if args.json:
        print_json({**told, "standing": rows})
        return
    print_pairs({name: str(value) for name, value in told.items()})
    for row in rows:
        print(f"stands: {row['state']} by {row['tenant']} since {row['since']}: {row['reason']}")
