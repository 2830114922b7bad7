"""The pages from a code to a secret: the letter's code, a child's birth date, the passphrase, done (A1 to A4).

Also for whom the school opens a window, and for whoever finds their letter used. None of them needs an e-mail, a
telephone or JavaScript; no page gives back a code, a date or a passphrase that was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from broker.accounts.freeze import NotMe, freeze
from broker.accounts.passphrase import Weakness, draw_words
from broker.domain.errors import (
    BadPageRequest,
    CodeExpired,
    CodeRefused,
    GuessesSpent,
    MustWait,
    PageNotFound,
    PreauError,
    WindowNotOpen,
)
from broker.domain.sessions import Device
from broker.federation import Caller, WaysIn, WayStage
from broker.web.faults import notice_redirect, record_fault
from broker.web.parts import PageParts
from broker.web.render import page, see_other, stands_at
from broker.web.sign_in import welcome
from broker.web.visitor import current_visitor

PREFILL = (
    '(function(){var c=location.hash.slice(1),f=document.getElementById("code");if(c&&f){f.value=decodeURIComponent(c);'
    "history.replaceState(null,'',location.pathname+location.search)}})()"
)
"""What follows # in a letter's address is sent to nobody: only a script puts it into the field, and sends nothing."""
SHOW = (
    '(function(){var p=document.getElementById("passe"),a=document.getElementById("encore"),'
    'b=document.getElementById("montrer");a.remove();b.hidden=false;b.onclick=function(){var s=p.type=="password";'
    'p.type=s?"text":"password";b.textContent=b.getAttribute(s?"data-hide":"data-show");'
    'b.setAttribute("aria-pressed",String(s))}})()'
)
"""With a script the passphrase can be shown, and need not be written twice."""
SECRETS = ("code", "passe", "passe2", "jour", "mois", "annee", "chiffres")
WINDOW = "/code/ouvert"
_LONGEST = 256

Told = CodeRefused | CodeExpired | WindowNotOpen | MustWait | GuessesSpent
TOLD = (CodeRefused, CodeExpired, WindowNotOpen, MustWait, GuessesSpent)
"""What is said beside the field that it is about; anything else has a page of its own."""


@dataclass(frozen=True, slots=True)
class WaysInPages:
    """The pages under /code."""

    parts: PageParts

    @property
    def ways(self) -> WaysIn:
        """From codes to sessions. Raises `PageNotFound` where no source keeps its secrets here."""
        if self.parts.ways_in is None:
            raise PageNotFound("no accounts of our own")
        return self.parts.ways_in

    def ask_code(self) -> Response:
        """GET /code (A1): the code of the letter."""
        return self._code(request.args.get("i", ""))

    def take_code(self) -> Response:
        """POST /code."""
        refuse_in_address()
        interaction = request.form.get("i", "")
        resume = self.ways.resume_of(interaction, caller())
        if not request.form.get("code", "").strip():
            return self._code(interaction, missing=True)
        try:
            handle = self.ways.by_letter(request.form.get("code", "")[:_LONGEST], resume, caller())
        except TOLD as told:
            record_fault(told)
            return self._code(interaction, told=told)
        used = self.ways.stage(handle, caller()) is WayStage.USED
        return see_other(f"/code/{'deja' if used else 'naissance'}?{urlencode({'c': handle})}")

    def ask_birth_date(self) -> Response:
        """GET /code/naissance (A2): the birth date of one child."""
        self.ways.at(handle_of(request.args), WayStage.CODE, caller())
        return self._birth_date(handle_of(request.args))

    def take_birth_date(self) -> Response:
        """POST /code/naissance."""
        refuse_in_address()
        handle = handle_of(request.form)
        self.ways.at(handle, WayStage.CODE, caller())
        born = read_birth_date(request.form)
        if born is None:
            return self._birth_date(handle, missing=True)
        try:
            self.ways.by_birth_date(handle, born, caller())
        except TOLD as told:
            record_fault(told)
            return self._birth_date(handle, told=told)
        return see_other(f"/code/passe?{urlencode({'c': handle})}")

    def ask_window(self) -> Response:
        """GET /code/ouvert: the number by which whoever helps opens ten minutes for this browser."""
        return self._window(request.args.get("i", ""))

    def take_window(self) -> Response:
        """POST /code/ouvert: what only the family knows; or another number, for the next person at this browser."""
        refuse_in_address()
        interaction, born = request.form.get("i", ""), read_birth_date(request.form)
        resume = self.ways.resume_of(interaction, caller())
        if "autre" in request.form:
            self.ways.screens.forget(caller().browser)
            return see_other(f"{WINDOW}?{urlencode({'i': interaction})}")
        if born is None:
            return self._window(interaction, missing=True)
        try:
            handle = self.ways.by_window(born, resume, caller())
        except TOLD as told:
            record_fault(told)
            return self._window(interaction, told=told)
        return see_other(f"/code/passe?{urlencode({'c': handle})}")

    def ask_secret(self) -> Response:
        """GET /code/passe (A3): a passphrase of one's own, with four drawn words for whoever wants."""
        handle = handle_of(request.args)
        if self.ways.is_young(handle, caller()):
            return see_other(f"/code/images?{urlencode({'c': handle})}")
        return self._secret(handle)

    def take_secret(self) -> Response:
        """POST /code/passe: set it, and in. What goes wrong is told apart: no browser keeps a passphrase to resend."""
        refuse_in_address()
        try:
            return self._take_secret(handle_of(request.form))
        except PreauError as fault:
            return notice_redirect(fault, key=self.parts.csrf_key)

    def show_done(self) -> Response:
        """GET /code/pret (A4): it is ready; the identifier, to be printed."""
        way = self.ways.at(handle_of(request.args), WayStage.DONE, caller())
        return page("way_done.html", identifier=way.told, resume=way.resume, issuer=self.parts.issuer)

    def show_used(self) -> Response:
        """GET /code/deja: this letter was used before; on which day, and what to do if it was not oneself."""
        way = self.ways.at(handle_of(request.args), WayStage.USED, caller())
        return page("way_used.html", handle=handle_of(request.args), at=datetime.fromisoformat(way.told), done=False)

    def not_me(self) -> Response:
        """POST /code/deja: it was not oneself; close the access at once (LR-18)."""
        handle = handle_of(request.form)
        way = self.ways.at(handle, WayStage.USED, caller())
        source, trace = self.ways.activation.source, current_visitor().trace
        said = NotMe(way.person_id, f"code:{source.source_id}", "", source.tenant, trace, self.parts.clock())
        freeze(self.parts.places, said)
        stands_at(f"/code/deja?{urlencode({'c': handle})}")
        return page("way_used.html", handle=handle, at=datetime.fromisoformat(way.told), done=True)

    def _take_secret(self, handle: str) -> Response:
        self.ways.at(handle, WayStage.PROVEN, caller())
        passphrase, again = request.form.get("passe", ""), request.form.get("passe2")
        if again is not None and again != passphrase:
            return self._secret(handle, differ=True)
        chosen = self.ways.choose(handle, passphrase, caller())
        if isinstance(chosen, Weakness):
            return self._secret(handle, weakness=chosen)
        done = replace(chosen, resume=f"/code/pret?{urlencode({'c': handle})}")
        return welcome(done, now=self.parts.clock())

    def _code(self, interaction: str, *, missing: bool = False, told: Told | None = None) -> Response:
        self.ways.resume_of(interaction, caller())
        stands_at(f"/code?{urlencode({'i': interaction})}")
        return shown(
            "way_code.html", told, missing=missing, interaction=interaction, script=PREFILL, own=self.ways.source_id
        )

    def _birth_date(self, handle: str, *, missing: bool = False, told: Told | None = None) -> Response:
        stands_at(f"/code/naissance?{urlencode({'c': handle})}")
        return shown("way_birth.html", told, missing=missing, handle=handle)

    def _window(self, interaction: str, *, missing: bool = False, told: Told | None = None) -> Response:
        self.ways.resume_of(interaction, caller())
        stands_at(f"{WINDOW}?{urlencode({'i': interaction})}")
        number = grouped(self.ways.number(caller()))
        return shown("way_window.html", told, missing=missing, interaction=interaction, number=number)

    def _secret(self, handle: str, *, weakness: Weakness | None = None, differ: bool = False) -> Response:
        stands_at(f"/code/passe?{urlencode({'c': handle})}")
        return page(
            "way_secret.html",
            status=400 if weakness or differ else 200,
            handle=handle,
            weakness=weakness,
            differ=differ,
            drawn=draw_words(),
            script=SHOW,
            again=f"/code/passe?{urlencode({'c': handle})}",
            own_device=current_visitor().device is Device.OWN,
        )


def shown(template: str, told: Told | None, *, missing: bool, script: str = "", **values: Any) -> Response:
    """A page of the walk, with what was wrong with the answer before."""
    wait = told.retry_after if isinstance(told, MustWait | GuessesSpent) else 0
    status = told.status if told else 400 if missing else 200
    response = page(
        template, status=status, script=script, told=told, missing=missing, wait_minutes=-(-wait // 60), **values
    )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def caller() -> Caller:
    """The request's browser, as the journey wants it."""
    visitor = current_visitor()
    return Caller(
        browser=visitor.browser,
        device=visitor.device,
        current=visitor.session_handle,
        address=visitor.address,
        language=visitor.language.code,
        trace=visitor.trace,
        software=visitor.software,
    )


def grouped(number: str) -> str:
    """A number as it is read aloud, three and three; the space breaks no line."""
    return f"{number[:3]}\u00a0{number[3:]}"


def handle_of(values: Mapping[str, str]) -> str:
    """The handle of the walk, from an address or a form."""
    return values.get("c", "")


def refuse_in_address() -> None:
    """Refuse a secret in an address: it would stand in histories and logs. Raises `BadPageRequest`."""
    if any(name in request.args for name in SECRETS):
        raise BadPageRequest("a secret in an address")


def read_birth_date(form: Mapping[str, str]) -> date | None:
    """The day that was written in three fields; None when there is no such day."""
    parts = [form.get(name, "").strip() for name in ("annee", "mois", "jour")]
    if not all(part.isascii() and part.isdecimal() and len(part) <= 4 for part in parts):  # noqa: PLR2004 - a year
        return None
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None
