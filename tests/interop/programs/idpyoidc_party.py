"""A relying party on idpyoidc, configured as its documentation shows it. Usage: -m … SETTINGS.json"""

from __future__ import annotations

from collections.abc import Mapping

from cryptojwt.key_jar import init_key_jar
from flask import Response, redirect, request
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.oauth2.stand_alone_client import backchannel_logout
from idpyoidc.client.rp_handler import RPHandler

from tests.interop.programs.site import Answer, serve, settings

_PKCE = {
    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}
_SERVICES = {
    **DEFAULT_OIDC_SERVICES,
    "refresh_access_token": {
        "class": "idpyoidc.client.oidc.refresh_access_token.RefreshAccessToken",
        "kwargs": {"default_authn_method": "client_secret_basic"},  # on its own it knows client_secret_post alone
    },
    "end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"},
}


class IdpyoidcClient:
    """Keeps the key of one session; idpyoidc keeps the tokens under it."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = told
        self._state = self._leaving = ""
        config = {
            "issuer": told["issuer"], "client_id": told["client_id"], "client_secret": told["client_secret"],
            "client_type": "oidc", "redirect_uris": [told["redirect_uri"]],
            "post_logout_redirect_uris": [told["farewell"]], "provider_info": {"issuer": told["issuer"]},
            "response_types": ["code"], "response_types_supported": ["code"],
            "token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": told["alg"],
            "add_ons": {"pkce": _PKCE},
        }  # fmt: skip
        self._handler = RPHandler(
            base_url=told["origin"],
            client_configs={told["issuer"]: config},
            services=_SERVICES,
            keyjar=init_key_jar(key_defs=[{"type": "EC", "crv": "P-256", "use": ["sig"]}]),
            httpc_params={"verify": told["authority"], "timeout": 10},
        )

    def begin(self) -> Response:
        asked = {"scope": self._told["scope"].split()}
        return redirect(self._handler.begin(issuer_id=self._told["issuer"], req_args=asked))

    def arrive(self) -> Answer:
        done = self._handler.finalize(self._told["issuer"], request.args.to_dict())
        if "error" in done:
            raise RuntimeError(done["error"])
        self._state = done["state"]
        held = self._handler.get_session_information(self._state)
        return {
            "claims": done["id_token"].to_dict(),
            "id_token": held["id_token"],
            "renewable": "refresh_token" in held,
        }

    def about(self) -> Answer:
        return self._handler.get_user_info(self._state).to_dict()

    def renew(self) -> Answer:
        fresh = self._handler.refresh_access_token(self._state)
        claims = fresh["__verified_id_token"].to_dict()
        return {"claims": claims, **{name: fresh[name] for name in ("id_token", "access_token")}}

    def leave(self) -> Response:
        self._leaving = self._state
        return redirect(self._handler.logout(self._state)["url"])

    def left(self) -> Answer:
        """The state it sent leads back to its session, which it forgets; it may have been told before."""
        client = self._handler.issuer2rp[self._told["issuer"]]
        known = client.get_context().cstate.get_base_key(request.args["state"])
        self._handler.clear_session(known)
        return {"bye": known == self._leaving}

    def told(self) -> None:
        """It verifies the token and finds the session by its `sub`."""
        client = self._handler.issuer2rp[self._told["issuer"]]
        if backchannel_logout(client, request_args=request.form.to_dict()) == self._state:
            self._state = ""

    def is_open(self) -> bool:
        return bool(self._state)


if __name__ == "__main__":
    serve(IdpyoidcClient(settings()), settings())
