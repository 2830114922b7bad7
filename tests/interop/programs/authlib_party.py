"""A relying party on Authlib's client for Flask, as its documentation shows it. Usage: -m … SETTINGS.json"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, Response

from tests.interop.programs.site import Answer, serve, settings


class AuthlibClient:
    """Keeps the tokens; Authlib keeps state, nonce and verifier in the browser's signed cookie."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = told
        self._tokens: dict[str, Any] = {}
        self._app = OAuth(Flask(__name__)).register(
            "preau",
            client_id=told["client_id"],
            client_secret=told["client_secret"],
            server_metadata_url=f"{told['issuer']}/.well-known/openid-configuration",
            client_kwargs={"scope": told["scope"], "code_challenge_method": "S256"},
        )

    def begin(self) -> Response:
        return self._app.authorize_redirect(self._told["redirect_uri"])

    def arrive(self) -> Answer:
        self._tokens = self._app.authorize_access_token()
        renewable = "refresh_token" in self._tokens
        return {"claims": self._tokens["userinfo"], "id_token": self._tokens["id_token"], "renewable": renewable}

    def about(self) -> Answer:
        return self._app.userinfo(token=self._tokens)

    def renew(self) -> Answer:
        """It takes no new ID token for granted: it is verified as the first was, but for the nonce (Core §12.2)."""
        held = self._tokens["refresh_token"]
        self._tokens |= self._app.fetch_access_token(grant_type="refresh_token", refresh_token=held)
        claims = self._app.parse_id_token(self._tokens, nonce=None)
        return {"claims": claims, **{name: self._tokens[name] for name in ("id_token", "access_token")}}

    def leave(self) -> Response:
        return self._app.logout_redirect(self._told["farewell"], id_token_hint=self._tokens["id_token"])

    def left(self) -> Answer:
        """Authlib raises unless the state is the one it sent."""
        return {"bye": self._app.validate_logout_response()["post_logout_redirect_uri"] == self._told["farewell"]}

    def told(self) -> None:
        raise NotImplementedError("Authlib's client takes no logout token")

    def is_open(self) -> bool:
        return bool(self._tokens)


if __name__ == "__main__":
    serve(AuthlibClient(settings()), settings())
