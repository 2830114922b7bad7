"""The mass-change guard: a delivery that removes or re-rights too many waits for a human. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.domain.imports import ImportDifference, ImportRun, ImportState

CONFIRMED = "confirmed"
JOINED = "guardianships_joined"
CORRECTED = "joined_corrected"
CONTACTS = "contacts_changed"
"""Counts that a run keeps for the guard of later ones: a human looked at it; it opened children known before; it
corrected what had joined records; it told people that they are reached otherwise."""

FEW_CONTACTS = 100
"""So many people may be told, however few a feed knows: a school's families move in September."""

FEW = 10
"""So many corrections of joined records are a school's daily work, however few are joined."""

_APPLIED = frozenset({ImportState.APPLYING, ImportState.DONE})


@dataclass(frozen=True, slots=True)
class Recent:
    """What the feed's last runs did already, within the window and since the last one that a human confirmed.

    `removed` is by kind of record. `changed` counts guardianships; `ended` those of them that no longer stand;
    `corrected` records that came to contradict the one beside which they stood; `contacts` records of people told.
    """

    removed: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    ended: int = 0
    corrected: int = 0
    contacts: int = 0


def recent_changes(history: Sequence[ImportRun], *, now: datetime, window: timedelta) -> Recent:
    """Add up what runs of the last `window` did; `history` is newest first. Twenty small steps are one large one."""
    removed: Counter[str] = Counter()
    guardianships: Counter[str] = Counter()
    corrected = contacts = 0
    for run in history:
        if run.state not in _APPLIED or run.applied_at is None or run.applied_at <= now - window:
            continue
        if run.counts.get(CONFIRMED):
            break
        removed.update({_kind(name): count for name, count in run.counts.items() if name.endswith("_retired")})
        guardianships.update({name: run.counts.get(name, 0) for name in _GUARDIANSHIPS})
        corrected += run.counts.get(CORRECTED, 0)
        contacts += run.counts.get(CONTACTS, 0)
    return Recent(removed, guardianships.total(), guardianships["guardianships_ended"], corrected, contacts)


_GUARDIANSHIPS = ("guardianships_widened", JOINED, "guardianships_altered", "guardianships_ended")


def _kind(count: str) -> str:
    kind = count.removesuffix("_retired")
    return "school" if kind == "schools" else kind


def mass_changes(
    difference: ImportDifference, *, percent: float, recent: Recent | None = None, few: float = FEW
) -> tuple[str, ...]:
    """What exceeds `percent` of what is live, in words for the operator; empty when nothing does.

    Each kind is weighed by itself, or a hundred vanished schools would drown in a million people. A first import
    changes nothing that is live and never waits. What `recent` runs did is weighed together with it, against what was
    live before them; a delivery that itself changes nothing of the sort never waits for it. Corrections of what joined
    records part families: they are weighed against the feed's joined records, and up to `few` of them never wait.
    Numbers and addresses by the thousand are a column that slipped: each would be told, and held for days.
    """
    recent = recent or Recent()
    found = []
    for name, kind in sorted(difference.kinds.items()):
        removed, live = kind.removed + recent.removed[name], kind.live_before + recent.removed[name]
        if kind.removed and exceeds(removed, live, percent=percent):
            found.append(f"{removed} of {live} {name} records would be retired{_of_them(recent.removed[name])}")
    now_changed = (
        difference.guardianships_widened
        + difference.guardianships_joined
        + difference.guardianships_altered
        + difference.guardianships_ended
    )
    changed, before = now_changed + recent.changed, difference.guardianships_before + recent.ended
    # The same ones may have changed again and again: never more than all of them.
    if now_changed and exceeds(min(changed, before), before, percent=percent):
        found.append(f"{changed} of {before} guardianships would change{_of_them(recent.changed)}")
    corrected, joined = difference.joined_corrected + recent.corrected, difference.joined_before
    many = corrected > few and exceeds(min(corrected, joined), joined, percent=percent)
    if difference.joined_corrected and many:
        told = f"{corrected} of {joined} joined records would contradict what joined them"
        found.append(told + _of_them(recent.corrected))
    contacts, live = difference.contacts_changed + recent.contacts, difference.live_before
    if difference.contacts_changed and contacts > FEW_CONTACTS and exceeds(min(contacts, live), live, percent=percent):
        told = f"{contacts} people of {live} records would be told that their number or address changed"
        found.append(told + _of_them(recent.contacts))
    return tuple(found)


def _of_them(recently: int) -> str:
    return f" ({recently} of them by the last runs)" if recently else ""


def exceeds(part: int, whole: int, *, percent: float) -> bool:
    """Tell whether `part` is more than `percent` of `whole`; nothing exceeds an empty whole."""
    return whole > 0 and part * 100 > percent * whole
