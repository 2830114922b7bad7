"""The page that asks for a second factor, and the one where the first is enrolled or another added."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from flask import Response, request
from markupsafe import Markup

from broker.accounts.factor_keys import FactorKeys
from broker.accounts.second_factors import Doing, FactorProof, new_key, offer
from broker.accounts.session_life import is_fresh
from broker.domain.credentials import CredentialKind
from broker.domain.errors import FactorRefused, GuessesSpent, MustWait, PasskeyRefused, StepUpNeeded
from broker.domain.sessions import Session
from broker.federation.strengthening import Strengthening, Stronger
from broker.web.faults import record_fault
from broker.web.idle import back_to
from broker.web.parts import PageParts
from broker.web.passkey_forms import SCRIPT, asking, with_passkeys
from broker.web.render import page, see_other, stands_at
from broker.web.sign_in import prove_again, welcome
from broker.web.visitor import SECOND, NotSignedIn, current_visitor, find_half, find_session, second_path

NEW = f"{SECOND}/nouveau"
AGAIN = "moyens"
"""Value of `but`: the login is asked again to add a factor."""
_KEY = "totp key"
_ISSUER = "Préau"

Refusal = FactorRefused | PasskeyRefused | MustWait | GuessesSpent


@dataclass(frozen=True, slots=True)
class Second:
    """The pages under /second: for a session, also one that is only half a login."""

    parts: PageParts

    def ask(self) -> Response:
        """GET /second: the code; the factors there are, once one was shown; enrolment where there is none."""
        session, onward = self.session(), back_to(request.args.get("de", ""))
        factors = self.parts.factors.of_account(session.account_id)
        if session.has_second:
            done = request.args.get("fait") == "retire"
            return page("factors.html", factors=factors, done=done, passkeys=self.parts.passkeys.are_possible)
        if not factors:
            return see_other(f"{NEW}?{urlencode({'de': onward})}")
        return self.show(session, onward)

    def prove(self) -> Response:
        """POST /second: check the code, once; then go on in a session under a new id."""
        session, onward = self.session(), back_to(request.form.get("de", ""))
        typed = request.form.get("code", "")
        if not typed.strip():
            return self.show(session, onward, missing=True)
        table = self.parts.federation.upstreams.rules(session.authn.authority).throttle
        now, address = self.parts.clock(), current_visitor().address
        try:
            turn = self.parts.passwords.gate.enter_factor(session.account_id, address, table=table, now=now)
            proof = self.parts.factors.prove(session.account_id, typed, now=now)
        except (FactorRefused, MustWait, GuessesSpent) as fault:
            record_fault(fault)
            return self.show(session, onward, refusal=fault)
        turn.was_right()
        return self.go_on(session, proof, onward)

    def offer(self) -> Response:
        """GET /second/nouveau: a key for a telephone, to a session that may add one."""
        session, onward = self.session(), back_to(request.args.get("de", ""))
        asked = self.check(session)
        return asked or self._offer(session, onward, *self._draw(session))

    def confirm(self) -> Response:
        """POST /second/nouveau: keep the key, once the telephone shows the right code; then go on as proven."""
        session, onward = self.session(), back_to(request.form.get("de", ""))
        asked = self.check(session)
        if asked is not None:
            return asked
        handle, typed = request.form.get("cle", ""), request.form.get("code", "")
        key = self._keys.find(handle, _KEY, owner=session.sid)
        if not typed.strip():
            return self._offer(session, onward, handle, key, missing=True)
        try:
            proof = self.parts.factors.add(key, typed, self.doing(session))
        except FactorRefused as fault:
            record_fault(fault)
            return self._offer(session, onward, handle, key, refusal=fault)
        return self.go_on(session, proof, onward)

    def remove(self) -> Response:
        """POST /second/retirer: end one of several factors. Asks for a fresh login and for one of them."""
        session = self.session()
        if not self._is_fresh(session):
            raise StepUpNeeded("login too old to remove a factor", restart=prove_again(AGAIN))
        self.parts.factors.end(request.form.get("moyen", ""), self.doing(session))
        return see_other(f"{SECOND}?fait=retire")

    def session(self) -> Session:
        """The session of this browser, whole or half. Raises `NotSignedIn`."""
        session = find_session(self.parts) or find_half(self.parts)
        if session is None:
            raise NotSignedIn
        return session

    def go_on(self, session: Session, proof: FactorProof, onward: str) -> Response:
        """Lead on in the session that replaces this one."""
        visitor = current_visitor()
        stronger = Stronger(session, onward, visitor.trace, visitor.software)
        arrival = Strengthening(self.parts.federation).strengthen(stronger, proof)
        return welcome(arrival, now=self.parts.clock())

    def doing(self, session: Session) -> Doing:
        """Who changes factors, and when."""
        tenant = self.parts.federation.upstreams.tenant_of(session.authn.authority)
        return Doing(session, tenant, current_visitor().trace, self.parts.clock())

    def check(self, session: Session) -> Response | None:
        """Let a session add a factor, or lead it to what it has to show first. Raises `StepUpNeeded`."""
        fresh = self._is_fresh(session)
        if self.parts.factors.may_add(session, is_fresh=fresh):
            return None
        if not fresh:
            raise StepUpNeeded("login too old to add a factor", restart=prove_again(AGAIN))
        return see_other(second_path(NEW))

    def _is_fresh(self, session: Session) -> bool:
        rules = self.parts.federation.upstreams.rules(session.authn.authority)
        return is_fresh(session, within=rules.sessions.step_up, now=self.parts.clock())

    def _draw(self, session: Session) -> tuple[str, str]:
        key = new_key()
        return self._keys.keep(_KEY, key, owner=session.sid), key

    @property
    def _keys(self) -> FactorKeys:
        return FactorKeys(self.parts.federation.store)

    def show(self, session: Session, onward: str, *, missing: bool = False, refusal: Refusal | None = None) -> Response:
        """The page that asks for a code, and for a passkey where the account has one."""
        stands_at(second_path(onward))
        factors = self.parts.factors.of_account(session.account_id)
        passkey = asking(self.parts, session, factors)
        response = page(
            "second.html",
            status=_status(missing, refusal),
            script=SCRIPT if passkey else "",
            onward=onward,
            missing=missing,
            refusal=refusal,
            wait_minutes=_minutes(refusal),
            passkey=passkey,
            by_code=any(each.kind is CredentialKind.TOTP for each in factors),
        )
        return _answer(with_passkeys(response) if passkey else response, refusal)

    def name_of(self, session: Session) -> str:
        """What an application or device calls the account: its person's name."""
        person = self.parts.people.person(session.person_id, now=self.parts.clock())
        named = f"{person.name.given} {person.name.family}".strip() if person else ""
        return named or urlsplit(self.parts.issuer).netloc

    def _offer(
        self,
        session: Session,
        onward: str,
        handle: str,
        key: str,
        *,
        missing: bool = False,
        refusal: FactorRefused | PasskeyRefused | None = None,
    ) -> Response:
        stands_at(f"{NEW}?{urlencode({'de': onward})}")
        offered = offer(key, name=self.name_of(session), issuer=_ISSUER)
        return page(
            "second_new.html",
            status=_status(missing, refusal),
            onward=onward,
            handle=handle,
            picture=Markup(offered.picture),  # noqa: S704 - drawn by us; it holds no text
            letters=offered.letters,
            passkeys=self.parts.passkeys.are_possible,
            missing=missing,
            refusal=refusal,
        )


def _status(missing: bool, refusal: Refusal | None) -> int:
    return refusal.status if refusal else 400 if missing else 200


def _minutes(refusal: Refusal | None) -> int:
    return (
        0 if refusal is None or isinstance(refusal, FactorRefused | PasskeyRefused) else -(-refusal.retry_after // 60)
    )


def _answer(response: Response, refusal: Refusal | None) -> Response:
    if refusal is not None and not isinstance(refusal, FactorRefused | PasskeyRefused):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response
