"""The services of these tests, registered as an administrator would: a descriptor and a secret in the data folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.demo.configuration import TENANT, SecretFolder
from tests.descriptors import REQUIRED

SERVICE = "interop"
APACHE, NODE = "interop-apache", "interop-node"
"""Client ids."""


@dataclass(frozen=True, slots=True)
class Party:
    """One client of the service `interop`. Only its first `registered` origins may receive answers."""

    client_id: str
    signing_alg: str
    origins: tuple[str, ...]
    registered: int
    secret: str

    @property
    def redirect_uris(self) -> list[str]:
        """Return the redirect URIs that the broker is told of."""
        return [redirect_uri(origin) for origin in self.origins[: self.registered]]


def redirect_uri(origin: str) -> str:
    """Return where a client at this origin takes its answers."""
    return f"{origin}/retour"


def draw_secret(data: Path, client_id: str) -> str:
    """Return the client's secret, made in the data folder's `secrets/` when it is not there."""
    return SecretFolder(data / "secrets").read(client_id)


def register(data: Path, parties: Sequence[Party]) -> None:
    """Write one descriptor for all of them: one service, so one sector, one subject for each person."""
    lines = [
        f'service_id = "{SERVICE}"', f'tenant = "{TENANT}"', 'names = { fr = "Essais" }', 'purpose = "Essais."',
        REQUIRED,
        'space = "family"', 'profils = ["TUT"]', 'claims = ["name", "given_name", "family_name", "profil", "children"]',
    ]  # fmt: skip
    for party in parties:
        lines += [
            "", "[[parties]]", f'client_id = "{party.client_id}"',
            f'client_secret_file = "../secrets/{party.client_id}"', 'scopes = ["openid", "profile", "children"]',
            f'signing_alg = "{party.signing_alg}"', f"redirect_uris = {party.redirect_uris}",
        ]  # fmt: skip
    lines += ["", "[[instances]]", f'url = "{parties[0].origins[0]}/"', ""]
    folder = data / "services"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{SERVICE}.toml").write_text("\n".join(lines), encoding="utf-8")
