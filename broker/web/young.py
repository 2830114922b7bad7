"""The pages of the youngest: their class by its code, their first name, four pictures (E1); choosing them (E2)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request

from broker.domain.errors import CredentialsRefused, GuessesSpent, MustWait, PageNotFound, PreauError
from broker.domain.handles import read_code_of_class
from broker.domain.young import CHOSEN, YoungClass, YoungPupil, is_weak, read_pictures
from broker.federation.picture_logins import ByPictures, PictureLogins
from broker.web.faults import notice_redirect, record_fault
from broker.web.parts import PageParts
from broker.web.pictures import PICTURES
from broker.web.render import page, see_other, stands_at
from broker.web.sign_in import welcome
from broker.web.ways_in import WaysInPages, caller, handle_of

CLASS = "/classe"
CHOOSE = "/code/images"
ROWS = tuple("pqrs"[:CHOSEN])
"""Names of the four rows, short for the page's weight: the order of the pictures is that of the rows."""

Refusal = CredentialsRefused | MustWait | GuessesSpent
REFUSALS = (CredentialsRefused, MustWait, GuessesSpent)


@dataclass(frozen=True, slots=True)
class Young:
    """The pages under /classe, and /code/images."""

    parts: PageParts
    codes: WaysInPages

    def ask_class(self) -> Response:
        """GET /classe: the code that the teacher wrote on the board."""
        return self._ask_class(request.args.get("i", ""))

    def take_class(self) -> Response:
        """POST /classe."""
        interaction, code = request.form.get("i", ""), read_code_of_class(request.form.get("classe", ""))
        self._resume(interaction)
        try:
            found = self._logins.find(code, caller()) if code else None
        except (MustWait, GuessesSpent) as fault:
            record_fault(fault)
            return self._ask_class(interaction, refusal=fault)
        if found is None:
            return self._ask_class(interaction, missing=True)
        return see_other(f"{CLASS}/{found[0].code}?{urlencode({'i': interaction})}")

    def ask_name(self, code: str) -> Response:
        """GET /classe/<code>: the first names of one class, and nothing else of anybody."""
        interaction = request.args.get("i", "")
        self._resume(interaction)
        found, pupils = self._find(code)
        return page("young_names.html", found=found, names=self._names(pupils), interaction=interaction)

    def ask_pictures(self, code: str, ref: str) -> Response:
        """GET /classe/<code>/<pupil> (E1): four rows of pictures."""
        self._resume(request.args.get("i", ""))
        found, pupils = self._find(code)
        return self._pictures(found, self._pupil(pupils, ref), ref, request.args.get("i", ""))

    def prove(self, code: str, ref: str) -> Response:
        """POST /classe/<code>/<pupil>: compare, and in."""
        interaction = request.form.get("i", "")
        try:
            resume = self._resume(interaction)
            found, pupils = self._find(code)
            pupil, chosen = self._pupil(pupils, ref), _chosen(request.form)
            if chosen is None:
                return self._pictures(found, pupil, ref, interaction, missing=True)
            try:
                arrival = self._logins.sign_in(ByPictures(pupil, chosen, resume, caller()))
            except REFUSALS as fault:
                record_fault(fault)
                return self._pictures(found, pupil, ref, interaction, refusal=fault)
        except PreauError as fault:
            return notice_redirect(fault, key=self.parts.csrf_key)
        return welcome(arrival, now=self.parts.clock())

    def ask_new(self) -> Response:
        """GET /code/images (E2): choose four pictures, in a window that was opened for this pupil."""
        handle = handle_of(request.args)
        if not self.codes.ways.is_young(handle, caller()):
            raise PageNotFound("pictures are for the youngest")
        return self._choose(handle)

    def take_new(self) -> Response:
        """POST /code/images."""
        handle, chosen = handle_of(request.form), _chosen(request.form)
        if not self.codes.ways.is_young(handle, caller()):
            raise PageNotFound("pictures are for the youngest")
        if chosen is None:
            return self._choose(handle, missing=True)
        if is_weak(chosen):
            return self._choose(handle, weak=True)
        try:
            arrival = self.codes.ways.choose_pictures(handle, chosen, caller())
        except PreauError as fault:
            return notice_redirect(fault, key=self.parts.csrf_key)
        return welcome(arrival, now=self.parts.clock())

    def _ask_class(self, interaction: str, *, missing: bool = False, refusal: Refusal | None = None) -> Response:
        self._resume(interaction)
        stands_at(f"{CLASS}?{urlencode({'i': interaction})}")
        status = refusal.status if refusal else 400 if missing else 200
        return _told(
            page("young_class.html", status=status, interaction=interaction, missing=missing, refusal=refusal,
                 wait_minutes=_minutes(refusal)), refusal,
        )  # fmt: skip

    def _pictures(
        self,
        found: YoungClass,
        pupil: YoungPupil,
        ref: str,
        interaction: str,
        *,
        missing: bool = False,
        refusal: Refusal | None = None,
    ) -> Response:
        here = f"{CLASS}/{found.code}/{ref}"
        stands_at(f"{here}?{urlencode({'i': interaction})}")
        status = refusal.status if refusal else 400 if missing else 200
        return _told(
            page("young_pictures.html", status=status, action=here, pupil=pupil, interaction=interaction, handle="",
                 rows=ROWS, pictures=PICTURES, missing=missing, weak=False, refusal=refusal,
                 back=f"{CLASS}/{found.code}?{urlencode({'i': interaction})}", wait_minutes=_minutes(refusal)), refusal,
        )  # fmt: skip

    def _choose(self, handle: str, *, missing: bool = False, weak: bool = False) -> Response:
        stands_at(f"{CHOOSE}?{urlencode({'c': handle})}")
        return page(
            "young_pictures.html", status=400 if missing or weak else 200, action=CHOOSE, pupil=None, interaction="",
            handle=handle, rows=ROWS, pictures=PICTURES, missing=missing, weak=weak, refusal=None, back="",
            wait_minutes=0,
        )  # fmt: skip

    def _find(self, code: str) -> tuple[YoungClass, tuple[YoungPupil, ...]]:
        found = self._logins.find(code, caller()) if read_code_of_class(code) == code else None
        if found is None:
            raise PageNotFound("no such class")
        return found

    def _names(self, pupils: tuple[YoungPupil, ...]) -> tuple[tuple[str, str], ...]:
        """What each is called, with the first letter of the name where two are called alike; and their address."""
        given = [pupil.given for pupil in pupils]
        return tuple(
            (pupil.given if given.count(pupil.given) == 1 else f"{pupil.given} {pupil.family[:1]}.", self._ref(pupil))
            for pupil in pupils
        )

    def _pupil(self, pupils: tuple[YoungPupil, ...], ref: str) -> YoungPupil:
        for pupil in pupils:
            if hmac.compare_digest(self._ref(pupil).encode(), ref.encode()):
                return pupil
        raise PageNotFound("not a pupil of this class")

    def _ref(self, pupil: YoungPupil) -> str:
        """A pupil's part of the address: it names nobody anywhere else."""
        told = f"pupil|{pupil.person_id}".encode()
        return hmac.new(self.parts.csrf_key, told, hashlib.sha256).hexdigest()[:20]

    def _resume(self, interaction: str) -> str:
        return self.codes.ways.resume_of(interaction, caller())

    @property
    def _logins(self) -> PictureLogins:
        return PictureLogins(self.codes.ways, self.parts.young_classes, self.parts.factors.credentials)


def _chosen(form: Mapping[str, str]) -> tuple[int, ...] | None:
    return read_pictures([form.get(name, "") for name in ROWS])


def _minutes(refusal: Refusal | None) -> int:
    return 0 if refusal is None or isinstance(refusal, CredentialsRefused) else -(-refusal.retry_after // 60)


def _told(response: Response, refusal: Refusal | None) -> Response:
    if refusal is not None and not isinstance(refusal, CredentialsRefused):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response
