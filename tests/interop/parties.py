"""The services of these tests, registered as an administrator would: a descriptor and a secret in the data folder."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.demo.configuration import TENANT
from tests.descriptors import REQUIRED

SERVICE = "interop"
APACHE, NODE, AUTHLIB, IDPYOIDC, BROWSER, DPOP_BROWSER = (
    "interop-apache",
    "interop-openid-client",
    "interop-authlib",
    "interop-idpyoidc",
    "interop-oidc-client-ts",
    "interop-oidc-client-ts-dpop",
)
"""Client ids."""
MOD_AUTH_CAS, PHP_CAS, PYTHON_CAS = "mod_auth_cas", "phpCAS", "python-cas"
SCOPES = ("openid", "profile", "children", "offline_access")
SCOPE = " ".join(SCOPES)


@dataclass(frozen=True, slots=True)
class Party:
    """One client of the service `interop`. Only its first `registered` origins may receive answers.

    Without a secret it is a page in a browser, of which the first origin alone may read answers. `told_at`: what
    follows the first origin where it is told of a logout; empty when it cannot be told. `dpop`: its tokens are bound.
    """

    client_id: str
    signing_alg: str
    origins: tuple[str, ...]
    registered: int = 1
    told_at: str = ""
    secret: str = ""
    dpop: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        """Return the origins that the broker is told of."""
        return self.origins[: self.registered]


def redirect_uri(origin: str) -> str:
    """Return where a client at this origin takes its answers."""
    return f"{origin}/retour"


def farewell(origin: str) -> str:
    """Return where a logout that this client began ends."""
    return f"{origin}/au-revoir"


def draw_secret() -> str:
    """Return a client secret."""
    return secrets.token_urlsafe(48)


def register(data: Path, parties: Sequence[Party], by_cas: Sequence[str] = ()) -> None:
    """Write one descriptor for all of them: one service, so one sector, one subject for each person.

    `by_cas`: origins of the clients that speak CAS.
    """
    lines = [
        f'service_id = "{SERVICE}"', f'tenant = "{TENANT}"', 'names = { fr = "Essais" }', 'purpose = "Essais."',
        REQUIRED,
        'space = "family"', 'profils = ["TUT"]', 'claims = ["name", "given_name", "family_name", "profil", "children"]',
    ]  # fmt: skip
    for party in parties:
        lines += ["", *_party(party, data / "secrets")]
    if by_cas:
        lines.insert(0, 'protocols = ["oidc", "cas"]')
        lines += ["", "[cas]", f"services = {[origin + '/' for origin in by_cas]}"]
    lines += ["", "[[instances]]", f'url = "{parties[0].origins[0]}/"', ""]
    (data / "services" / f"{SERVICE}.toml").write_text("\n".join(lines), encoding="utf-8")


def _party(party: Party, folder: Path) -> list[str]:
    lines = [
        "[[parties]]", f'client_id = "{party.client_id}"', f"scopes = {list(SCOPES)}",
        f'signing_alg = "{party.signing_alg}"',
        f"redirect_uris = {[redirect_uri(origin) for origin in party.known]}",
        f"post_logout_redirect_uris = {[farewell(origin) for origin in party.known]}",
    ]  # fmt: skip
    if party.dpop:
        lines.append("dpop = true")
    if party.told_at:
        lines.append(f'backchannel_logout_uri = "{party.origins[0]}{party.told_at}"')
    if not party.secret:
        return [*lines, 'kind = "browser"', f"origins = {[party.origins[0]]}"]
    secret = folder / party.client_id
    secret.touch(mode=0o600)
    secret.write_text(party.secret, encoding="ascii")
    return [*lines, f'client_secret_file = "../secrets/{party.client_id}"']
