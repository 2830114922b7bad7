"""Agents of the academies (FIM, RSA), by SAML or OpenID Connect: who heads which school, what was delegated to whom.

The values are parsed strictly and kept plain; whoever gives helpdesk roles reads them. A value that is not exactly of
the known form says nothing: a right is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from broker.domain.desk import DeskProfile, SaidPost

FUNCTION = "FrEduFonctAdm"
HEAD = "DIR"
HEADED = "FrEduRneResp"
DELEGATED = "FrEduResDel"
APPLICATION = "preau"
"""Our name in a head's list of what can be delegated, unless the settings say another."""

Values = Callable[[str], tuple[str, ...]]
"""The values of an attribute or claim, by its name."""

_UAI = re.compile(r"[0-9]{7}[A-Z]")
_HEADED_PARTS = 7
_DELEGATED_PARTS = 8
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%Y%m%d")


@dataclass(frozen=True, slots=True)
class HeadOf:
    """A school that the agent heads. `kind`: `CLG`, `LYC`, `LP`, `EREA` …; empty where the directory has none."""

    uai: str
    kind: str
    is_public: bool


@dataclass(frozen=True, slots=True)
class Delegated:
    """What a head handed on: for one application, at these schools, from the first day through the last."""

    application: str
    begins: date
    ends: date
    delegator: str
    uais: tuple[str, ...]

    def holds(self, day: date) -> bool:
        """Whether the delegation is in force on this day."""
        return self.begins <= day <= self.ends


def headed_by(values: Values) -> tuple[HeadOf, ...]:
    """Schools that the agent heads. `FrEduRneResp` counts only beside the function of a head: others carry it too."""
    if HEAD not in values(FUNCTION):
        return ()
    return tuple(found for value in values(HEADED) if (found := parse_headed(value)) is not None)


def delegated_to(values: Values, application: str) -> tuple[Delegated, ...]:
    """Delegations for one application; those for others are none of our business."""
    found = (parse_delegated(value) for value in values(DELEGATED))
    return tuple(each for each in found if each is not None and each.application == application)


def posts_of(values: Values, application: str, *, now: datetime) -> tuple[SaidPost, ...]:
    """What the agent may do at our desk: at the schools they head, and where a head lets them, to the end of that day.

    Days are the source's, in mainland France; a delegation ends with the day in UTC, an hour or two late at most.
    """
    heads = tuple(SaidPost(DeskProfile.CHEF, each.uai) for each in headed_by(values))
    day = now.date()
    return heads + tuple(
        SaidPost(DeskProfile.ACCUEIL, uai, until=datetime.combine(each.ends + timedelta(days=1), time(), UTC))
        for each in delegated_to(values, application)
        if each.holds(day)
        for uai in each.uais
    )


def parse_headed(value: str) -> HeadOf | None:
    """Read `uai$type$category$activity$tna_sym$tty_code$tna_code`; `X` stands for nothing. None for another form."""
    parts = value.split("$")
    if len(parts) != _HEADED_PARTS or not _UAI.fullmatch(parts[0]) or parts[2] not in {"PU", "PR"}:
        return None
    kind = "" if parts[5] == "X" else parts[5]
    return HeadOf(parts[0], kind, is_public=parts[2] == "PU")


def parse_delegated(value: str) -> Delegated | None:
    """Read `name|url|begin|end|delegator|FrEduRneResp=…;…|server_id|module`. None for any other form.

    The application is what `applicationname=` says in the address or the module; a line that names none is no right.
    """
    parts = value.split("|")
    if len(parts) != _DELEGATED_PARTS:
        return None
    begins, ends, application = _day(parts[2]), _day(parts[3]), _application(parts)
    schools = _schools(parts[5])
    if begins is None or ends is None or begins > ends or not application or not schools:
        return None
    return Delegated(application, begins, ends, parts[4], schools)


def _schools(part: str) -> tuple[str, ...]:
    name, equals, listed = part.partition("=")
    if name != HEADED or not equals:
        return ()
    headed = [parse_headed(each) for each in listed.split(";") if each]
    return tuple(each.uai for each in headed if each is not None) if all(headed) else ()


def _application(parts: Iterable[str]) -> str:
    stated = {found[1] for part in parts for found in re.finditer(r"(?:^|[?&;|])applicationname=([\w.-]{1,64})", part)}
    return stated.pop() if len(stated) == 1 else ""


def _day(text: str) -> date | None:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None
