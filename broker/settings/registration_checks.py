"""What must hold where clients may register themselves: who answers for them, who may open them, who may register."""

from __future__ import annotations

from collections.abc import Iterator

from broker.domain.people import Profil
from broker.settings.secret_files import read_secret, secret_fault
from broker.settings.values import Settings

SHORTEST_TOKEN = 43
"""256 random bits in base64url: what makes a SHA-256 in memory, and a comparison of it, enough."""
LONGEST_DAYS = 365
MOST = 1000
_STAFF = frozenset(Profil) - {Profil.ELEVE, Profil.TUTEUR}


def check_registration(settings: Settings) -> Iterator[str]:
    """Every fault of the table; nothing is looked at while it is off."""
    stated = settings.registration
    if not stated.enabled:
        return
    if stated.tenant not in {tenant.id for tenant in settings.tenants}:
        yield f"registration.tenant: {stated.tenant or 'nobody'} is not among the tenants"
    profils = set(stated.profils)
    if not profils or not (profils == {Profil.TUTEUR} or profils <= _STAFF):
        yield "registration.profils: TUT alone, or profiles of staff (ENS, DIR, EVS, ETA, ACA, DOC, COL)"
    if not 1 <= stated.days <= LONGEST_DAYS:
        yield f"registration.days: from 1 to {LONGEST_DAYS}"
    if not 1 <= stated.most <= MOST:
        yield f"registration.most: from 1 to {MOST}"
    yield from _token_faults(settings)


def _token_faults(settings: Settings) -> Iterator[str]:
    """One of the two is said: neither a forgotten file nor an empty one opens the door to everybody."""
    file = settings.registration.token_file
    if settings.registration.open is (file is not None):
        yield "registration: token_file is needed (openssl rand -base64 48 > FILE), or open = true, not both"
    if file is None:
        return
    if fault := secret_fault(file):
        yield f"registration.token_file: {file} {fault}"
    elif len(token := read_secret(file)) < SHORTEST_TOKEN or not token.isascii() or " " in token:
        yield f"registration.token_file: {file} must hold {SHORTEST_TOKEN} random characters or more"
