"""The page where somebody lets a screen in: its code, then the service by name, then yes or no (RFC 8628 §3.3)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import Response, request

from broker.domain.errors import BadPageRequest, GuessesSpent, MustWait
from broker.protocol.oidc.device import DEVICE_PAGE, shown
from broker.protocol.oidc.device_desk import Decider, WaitingScreen
from broker.web.faults import record_fault
from broker.web.forms import seal_notice
from broker.web.parts import PageParts
from broker.web.render import page, see_other, stands_at
from broker.web.sign_in import prove_again
from broker.web.visitor import current_visitor, find_session

DECIDED = {"oui": True, "non": False}
"""Values of `reponse`, and of `fait` in the address of the last page."""
LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class DevicePage:
    """The pages under /device. The code stands in no address, so that none can be sent to somebody who only clicks."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /device: what to write; after a decision, what became of it."""
        if find_session(self.parts) is None:
            return see_other(prove_again("ecran"))
        done = DECIDED.get(request.args.get("fait", ""))
        return page("device.html", done=done, screen=None, typed="", wrong=False, wait_minutes=0)

    def find(self) -> Response:
        """POST /device: the service that the screen wants to open, to be answered with yes or no."""
        by = self._decider()
        if by is None:
            return see_other(prove_again("ecran"))
        typed = request.form.get("code", "")[:LONGEST_CODE]
        try:
            screen = self.parts.devices.find(typed, by)
        except (MustWait, GuessesSpent) as fault:
            record_fault(fault)
            return self._wrong(typed, wait=fault)
        return self._wrong(typed) if screen is None else self._confirm(screen)

    def decide(self) -> Response:
        """POST /device/reponse: yes or no, once, to the very screen that this session was asked about."""
        by, answer = self._decider(), DECIDED.get(request.form.get("reponse", ""))
        if by is None:
            return see_other(prove_again("ecran"))
        code = request.form.get("code", "")[:LONGEST_CODE]
        if answer is None or not hmac.compare_digest(self._seal(code), request.form.get("vu", "")[:LONGEST_CODE]):
            raise BadPageRequest("neither yes nor no, or to a code that this session was not asked about")
        desk, screen = self.parts.devices, self.parts.devices.again(code, by)
        if screen is None:
            return self._wrong(code)
        decided = desk.approve(screen, by) if answer else desk.deny(screen, by)
        return see_other(f"{DEVICE_PAGE}?fait={'oui' if answer else 'non'}") if decided else self._wrong(code)

    def _seal(self, code: str) -> str:
        """What the answer carries: to answer for a code that was never found would be a guess that nobody counts."""
        return seal_notice(self.parts.csrf_key, ("screen", code), browser=current_visitor().session_handle)

    def _decider(self) -> Decider | None:
        session, visitor = find_session(self.parts), current_visitor()
        return Decider(session, visitor.address, visitor.trace, self.parts.clock()) if session else None

    def _confirm(self, screen: WaitingScreen) -> Response:
        stands_at(f"{DEVICE_PAGE}?fait=")
        return page(
            "device.html",
            done=None,
            screen=screen,
            typed=shown(screen.user_code),
            seal=self._seal(screen.user_code),
            wrong=False,
            wait_minutes=0,
        )

    def _wrong(self, typed: str, *, wait: MustWait | GuessesSpent | None = None) -> Response:
        stands_at(f"{DEVICE_PAGE}?fait=")
        seconds = wait.retry_after if wait else 0
        response = page(
            "device.html",
            status=wait.status if wait else 400,
            done=None,
            screen=None,
            typed=typed,
            wrong=True,
            wait_minutes=-(-seconds // 60),
        )
        if wait:
            response.headers["Retry-After"] = str(seconds)
        return response
