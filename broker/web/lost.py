"""The pages of whoever lost something: what (F1), how to be reached (F2), the digits that came (F3); then a new secret.

No e-mail is needed for any of it, and nothing tells whether a number is anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request

from broker.domain.contacts import read_mobile
from broker.federation import WayIn, WaysIn, WayStage
from broker.web.faults import record_fault
from broker.web.parts import PageParts
from broker.web.render import page, see_other, stands_at
from broker.web.ways_in import (
    TOLD,
    Told,
    WaysInPages,
    caller,
    handle_of,
    read_birth_date,
    refuse_in_address,
    shown,
)


@dataclass(frozen=True, slots=True)
class LostPages:
    """The pages under /perdu."""

    parts: PageParts

    @property
    def ways(self) -> WaysIn:
        """From codes to sessions. Raises `PageNotFound`."""
        return WaysInPages(self.parts).ways

    def ask(self) -> Response:
        """GET /perdu (F1): what was lost."""
        interaction = self._interaction()
        return page("lost.html", interaction=interaction)

    def ask_mobile(self) -> Response:
        """GET /perdu/mobile (F2): the number that the school knows; the other ways beside it."""
        return self._mobile(self._interaction())

    def show_help(self) -> Response:
        """GET /perdu/aide (F2 without a telephone): a letter, the school, another access."""
        interaction = self._interaction()
        others = [offer for offer in self.parts.sources.values() if not offer.own]
        return page("lost_help.html", interaction=interaction, others=others)

    def send(self) -> Response:
        """POST /perdu/mobile: have a code sent; the answer is the same for every number."""
        interaction = request.form.get("i", "")
        resume = self.ways.resume_of(interaction, caller())
        number = read_mobile(request.form.get("mobile", ""))
        if not number:
            return self._mobile(interaction, missing=True)
        try:
            handle = self.ways.send(number, resume, caller())
        except TOLD as told:
            record_fault(told)
            return self._mobile(interaction, told=told)
        return see_other(f"/perdu/code?{urlencode({'c': handle})}")

    def ask_digits(self) -> Response:
        """GET /perdu/code (F3): the digits, and the birth date of one child."""
        handle = handle_of(request.args)
        return self._digits(handle, self.ways.at(handle, WayStage.SENT, caller()))

    def take_digits(self) -> Response:
        """POST /perdu/code."""
        refuse_in_address()
        handle = handle_of(request.form)
        way, born = self.ways.at(handle, WayStage.SENT, caller()), read_birth_date(request.form)
        if born is None or not request.form.get("chiffres", "").strip():
            return self._digits(handle, way, missing=True)
        try:
            self.ways.by_digits(handle, request.form.get("chiffres", ""), born, caller())
        except TOLD as told:
            record_fault(told)
            return self._digits(handle, way, told=told)
        return see_other(f"/code/passe?{urlencode({'c': handle})}")

    def _interaction(self) -> str:
        """The login in progress that this is for. Raises `LoginExpired`, `PageNotFound`."""
        interaction = request.args.get("i", "")
        self.ways.resume_of(interaction, caller())
        return interaction

    def _mobile(self, interaction: str, *, missing: bool = False, told: Told | None = None) -> Response:
        stands_at(f"/perdu/mobile?{urlencode({'i': interaction})}")
        return shown("lost_mobile.html", told, missing=missing, interaction=interaction)

    def _digits(self, handle: str, way: WayIn, *, missing: bool = False, told: Told | None = None) -> Response:
        stands_at(f"/perdu/code?{urlencode({'c': handle})}")
        return shown("lost_digits.html", told, missing=missing, handle=handle, end=way.told)
