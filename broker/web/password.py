"""The page on which a person writes the password of a source that is asked by us (LDAP)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from flask import Response, request

from broker.accounts.known_devices import read_device
from broker.domain.errors import BadPageRequest, CredentialsRefused, GuessesSpent, MustWait, PageNotFound, PreauError
from broker.domain.sessions import Device
from broker.federation import Arrival, Attempt, Guesser, Interaction, local_path, password_path
from broker.web.cookies import LATER_COOKIE, known_cookie
from broker.web.faults import notice_redirect, record_fault
from broker.web.parts import PageParts
from broker.web.passkey_forms import SCRIPT, found_by_itself, with_passkeys
from broker.web.render import page, see_other, stands_at
from broker.web.sign_in import service_of, service_origins, welcome
from broker.web.visitor import NEW_KEY, current_visitor

FIELDS = ("login", "password")

Refusal = CredentialsRefused | MustWait | GuessesSpent


@dataclass(frozen=True, slots=True)
class PasswordPage:
    """The pages under /connexion/<source>. The password goes to the source and nowhere else; no page gives it back."""

    parts: PageParts

    def ask(self, source_id: str) -> Response:
        """GET: what to write, for a login in progress; to the choice of sources where there is none."""
        handle = request.args.get("i", "")
        if not handle:
            return see_other("/connexion")
        return self._show(source_id, handle, self._interaction(source_id, handle))

    def prove(self, source_id: str) -> Response:
        """POST: let the source check what was written. What is wrong with it is said on the same page.

        Whatever else goes wrong is told on a page of its own, so that no browser keeps the password to send it again.
        """
        if any(name in request.args for name in FIELDS):
            raise BadPageRequest("a password in an address")
        try:
            return self._prove(source_id, request.form.get("i", ""))
        except PreauError as fault:
            return notice_redirect(fault, key=self.parts.csrf_key)

    def _prove(self, source_id: str, handle: str) -> Response:
        interaction, login = self._interaction(source_id, handle), request.form.get("login", "")
        missing = [name for name in FIELDS if not request.form.get(name, "").strip()]
        if missing:
            return self._show(source_id, handle, interaction, login=login, missing=missing)
        try:
            return self._sign_in(source_id, handle, login)
        except (CredentialsRefused, MustWait, GuessesSpent) as fault:
            record_fault(fault)
            return self._show(source_id, handle, interaction, login=login, refusal=fault)

    def _sign_in(self, source_id: str, handle: str, login: str) -> Response:
        visitor = current_visitor()
        attempt = Attempt(
            interaction_handle=handle,
            source_id=source_id,
            login=login,
            password=request.form.get("password", ""),
            guesser=Guesser(visitor.address, read_device(visitor.known)),
            browser=visitor.browser,
            device=visitor.device,
            current=visitor.session_handle,
            trace=visitor.trace,
            software=visitor.software,
        )
        arrival, known = self.parts.passwords.sign_in(attempt)
        response = self._offer_passkey(arrival) or welcome(arrival, now=self.parts.clock())
        if visitor.device is Device.OWN:
            response.headers.add(*known_cookie(known.write()))
        elif visitor.known:
            response.headers.add(*known_cookie(""))
        return response

    def _offer_passkey(self, arrival: Arrival) -> Response | None:
        """Offer a passkey after the passphrase, on a device of the person's own and where there is none yet."""
        session = arrival.session
        own = self.parts.sources[session.authn.authority].own and self.parts.passkeys.are_possible
        if not own or session.is_half or session.device is not Device.OWN or LATER_COOKIE in request.cookies:
            return None
        if self.parts.factors.of_account(session.account_id):
            return None
        onward = f"{NEW_KEY}?{urlencode({'de': local_path(arrival.resume)})}"
        return welcome(replace(arrival, resume=onward), now=self.parts.clock())

    def _interaction(self, source_id: str, handle: str) -> Interaction:
        if source_id not in self.parts.sources:
            raise PageNotFound("the page of an unknown source")
        return self.parts.passwords.interaction(handle, source_id, browser=current_visitor().browser)

    def _show(
        self,
        source_id: str,
        handle: str,
        interaction: Interaction,
        *,
        login: str = "",
        missing: Collection[str] = (),
        refusal: Refusal | None = None,
    ) -> Response:
        wait = 0 if refusal is None or isinstance(refusal, CredentialsRefused) else refusal.retry_after
        service = service_of(self.parts, interaction.request.service_id)
        stands_at(password_path(source_id, handle))
        passkey = found_by_itself(self.parts, source_id)
        response = page(
            "password.html",
            status=refusal.status if refusal else 400 if missing else 200,
            return_origins=service_origins(service),
            source=self.parts.sources[source_id],
            interaction=handle,
            service=service,
            login=login[:256],
            missing=missing,
            refusal=refusal,
            wait_minutes=-(-wait // 60),
            longest_wait=max(self.parts.federation.upstreams.rules(source_id).throttle.of_account.waits),
            own_device=current_visitor().device is Device.OWN,
            choose_again=f"/connexion?{urlencode({'i': handle})}",
            passkey=passkey,
            script=SCRIPT if passkey else "",
        )
        response = with_passkeys(response) if passkey else response
        if wait:
            response.headers["Retry-After"] = str(wait)
        return response
