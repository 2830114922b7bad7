"""`/cas/logout` (CAS Protocol 3.0.3 §2.3): the session ends, for every service of every protocol."""

from __future__ import annotations

from dataclasses import dataclass

from broker.domain.errors import RepeatedParameter
from broker.domain.ports import Current, Services
from broker.federation.farewells import FAREWELL, FAREWELL_SECONDS, SIGN_OUT
from broker.protocol.endpoint import Call
from broker.protocol.oidc.end_session import SignOuts
from broker.services.cas_addresses import without_ticket
from broker.wire.http import (
    SESSION_COOKIE,
    Form,
    PlainResponse,
    is_walked_to,
    parse_form,
    parting_headers,
    redirect_response,
)


@dataclass(frozen=True, slots=True)
class SignOut:
    """The endpoint and what it works with."""

    services: Current[Services]
    sign_outs: SignOuts

    def get(self, call: Call) -> PlainResponse:
        """End the session, lead on to a registered service or stay on our page: an address of nobody is left out."""
        form = parse_form(call.request.query)
        if form.repeated:
            raise RepeatedParameter("repeated parameters")
        handle = call.request.cookies.get(SESSION_COOKIE, "")
        session = call.session or self.sign_outs.unended(handle)
        onward = self._onward(form)
        if session is None:
            return redirect_response(onward or FAREWELL)
        if not is_walked_to(call.request):
            return redirect_response(SIGN_OUT)
        farewell = self.sign_outs.sign_out(handle, trace=call.trace, onward=onward)
        gone = parting_headers(farewell, seconds=FAREWELL_SECONDS)
        return redirect_response(FAREWELL if farewell or not onward else onward, headers=gone)

    def _onward(self, form: Form) -> str:
        """`service` (CAS 3) or `url` (CAS 2), when a descriptor names it: never an open redirect (§2.3.1)."""
        url = without_ticket(form.values.get("service") or form.values.get("url", ""))
        at = self.services.current().by_address(url) if url else ()
        return url if any(not service.is_suspended for service in at) else ""
