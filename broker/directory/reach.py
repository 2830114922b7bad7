"""Which children nobody who signs in may see, and the cheapest thing that may bring a guardian in. Pure."""

from __future__ import annotations

from collections import defaultdict

from broker.domain.quality import MOBILE, NextAction, SchoolFamilies, SchoolReach, Seer, UnreachedChild

_CHEAP_TO_DEAR = tuple(NextAction)


def reach_of(families: SchoolFamilies) -> SchoolReach:
    """Who of a school is not reached. Several records of one child are one; one guardian who signs in is enough."""
    beside: dict[str, list[Seer]] = defaultdict(list)
    for seer in families.seers:
        beside[seer.child_id].append(seer)
    children = {child.child_id: child for child in families.children}
    unreached = [
        UnreachedChild(child, _cheapest(beside[child_id]))
        for child_id, child in children.items()
        if not any(seer.signs_in for seer in beside[child_id])
    ]
    unreached.sort(key=lambda one: (_CHEAP_TO_DEAR.index(one.action), one.child.name.family, one.child.name.given))
    return SchoolReach(families.uai, families.school, len(children), tuple(unreached))


def _cheapest(seers: list[Seer]) -> NextAction:
    return min(map(_action, seers), key=_CHEAP_TO_DEAR.index, default=NextAction.MEND)


def _action(seer: Seer) -> NextAction:
    if seer.may_be_known:
        return NextAction.CONFIRM
    if seer.mail:
        return NextAction.MAIL
    if MOBILE.fullmatch(seer.mobile):
        return NextAction.TEXT
    return NextAction.POST if seer.address.strip("$ ") else NextAction.HAND
