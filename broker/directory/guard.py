"""The mass-change guard: a delivery that removes or re-rights too many waits for a human. Pure."""

from __future__ import annotations

from broker.domain.imports import ImportDifference


def mass_changes(difference: ImportDifference, *, percent: float) -> tuple[str, ...]:
    """What exceeds `percent` of what is live, in words for the operator; empty when nothing does.

    Each kind is weighed by itself, or a hundred vanished schools would drown in a million people. A first import
    changes nothing that is live and never waits.
    """
    found = [
        f"{kind.removed} of {kind.live_before} {name} records would be retired"
        for name, kind in sorted(difference.kinds.items())
        if exceeds(kind.removed, kind.live_before, percent=percent)
    ]
    changed = (
        difference.guardianships_widened
        + difference.guardianships_joined
        + difference.guardianships_altered
        + difference.guardianships_ended
    )
    if exceeds(changed, difference.guardianships_before, percent=percent):
        found.append(f"{changed} of {difference.guardianships_before} guardianships would change")
    return tuple(found)


def exceeds(part: int, whole: int, *, percent: float) -> bool:
    """Tell whether `part` is more than `percent` of `whole`; nothing exceeds an empty whole."""
    return whole > 0 and part * 100 > percent * whole
