"""The pages on which a passkey is shown, or added."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from broker.accounts.factor_keys import FactorKeys
from broker.accounts.passkeys import Passkeys
from broker.domain.errors import FactorRefused, GuessesSpent, MustWait, PageNotFound, PasskeyRefused
from broker.domain.sessions import Session
from broker.federation.passkey_logins import ByPasskey, PasskeyLogins
from broker.web.cookies import later_cookie
from broker.web.faults import record_fault
from broker.web.idle import back_to
from broker.web.parts import PageParts
from broker.web.passkey_forms import ADD, SCRIPT, SHOW, SIGN_IN, keep, with_passkeys
from broker.web.render import page, see_other, stands_at
from broker.web.second import Second
from broker.web.sign_in import welcome
from broker.web.visitor import NEW_KEY, current_visitor
from broker.web.ways_in import caller


@dataclass(frozen=True, slots=True)
class PasskeyPages:
    """The pages under /second/cle: show a passkey, add one."""

    parts: PageParts
    second: Second

    def show(self) -> Response:
        """POST /second/cle: what the device signed for this session."""
        session, onward = self.second.session(), back_to(request.form.get("de", ""))
        now, address = self.parts.clock(), current_visitor().address
        table = self.parts.federation.upstreams.rules(session.authn.authority).throttle
        try:
            turn = self.parts.passwords.gate.enter_factor(session.account_id, address, table=table, now=now)
            challenge = self._challenge(SHOW, session.sid)
            proof = self._passkeys.prove(request.form.get("reponse", ""), challenge, now=now)
        except (FactorRefused, PasskeyRefused, MustWait, GuessesSpent) as fault:
            record_fault(fault)
            return self.second.show(session, onward, refusal=fault)
        turn.was_right()
        return self.second.go_on(session, proof, onward)

    def offer(self) -> Response:
        """GET /second/cle/nouvelle: what a new passkey is, and « Plus tard »."""
        session, onward = self.second.session(), back_to(request.args.get("de", ""))
        asked = self.second.check(session)
        return asked or self._offer(session, onward)

    def add(self) -> Response:
        """POST /second/cle/nouvelle: keep it, and go on as proven."""
        session, onward = self.second.session(), back_to(request.form.get("de", ""))
        asked = self.second.check(session)
        if asked is not None:
            return asked
        try:
            proof = self._passkeys.add(
                request.form.get("reponse", ""),
                self._challenge(ADD, session.sid),
                self.second.doing(session),
                label=current_visitor().software,
            )
        except (FactorRefused, PasskeyRefused) as fault:
            record_fault(fault)
            return self._offer(session, onward, refusal=fault)
        return self.second.go_on(session, proof, onward)

    def sign_in(self, source_id: str) -> Response:
        """POST /connexion/<source>/cle: sign in by the passkey that the device found, at the source of own accounts."""
        offered = self.parts.sources.get(source_id)
        if offered is None or not offered.own:
            raise PageNotFound("passkeys sign in at the source of own accounts alone")
        asked = ByPasskey(
            interaction_handle=request.form.get("i", ""),
            source_id=source_id,
            answer=request.form.get("reponse", ""),
            challenge=self._challenge(SIGN_IN, current_visitor().browser),
            caller=caller(),
        )
        arrival = PasskeyLogins(self.parts.passwords, self._passkeys).sign_in(asked)
        return welcome(arrival, now=self.parts.clock())

    def later(self) -> Response:
        """GET /second/cle/plus-tard: do not offer a passkey on this device for some months."""
        response = see_other(back_to(request.args.get("de", "")))
        response.headers.add(*later_cookie())
        return response

    def _offer(self, session: Session, onward: str, refusal: FactorRefused | PasskeyRefused | None = None) -> Response:
        stands_at(f"{NEW_KEY}?de={onward}")
        asked = self._passkeys.begin_adding(session.account_id, name=self.second.name_of(session))
        form = keep(self.parts, asked, ADD, owner=session.sid)
        status = refusal.status if refusal else 200
        return with_passkeys(page("passkey_new.html", status=status, script=SCRIPT, passkey=form, onward=onward,
                                  refusal=refusal, half=session.is_half))  # fmt: skip

    def _challenge(self, what: str, owner: str) -> str:
        return FactorKeys(self.parts.federation.store).take(request.form.get("cle", ""), what, owner=owner)

    @property
    def _passkeys(self) -> Passkeys:
        if not self.parts.passkeys.are_possible:
            raise PageNotFound("no passkeys at an address of numbers")
        return self.parts.passkeys
