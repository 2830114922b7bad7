"""Where everything answers: one loopback address for each site, one port for all of them.

Cookies cross ports but not addresses, so two sites on one address would hide cross-site faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from broker.demo.people import Site
from broker.demo.schools import SCHOOLS

SITE_HOSTS: Mapping[Site, str] = MappingProxyType(
    {Site.EDUCONNECT: "127.0.0.2", Site.PETITS_PRES: "127.0.0.3", Site.GRAND_LARGE: "127.0.0.4"}
)
VIE_SCOLAIRE_HOSTS: Mapping[str, str] = MappingProxyType(
    {school.uai: f"127.0.0.{11 + place}" for place, school in enumerate(SCHOOLS)}
)
"""By UAI: 127.0.0.11 and following, one address a school."""
EDUCONNECT_SAML_HOST = "127.0.0.5"
ACADEMIE_HOST = "127.0.0.6"
CANTINE_HOST = "127.0.0.21"
BOURSES_HOST = "127.0.0.22"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The town's addresses for one port and scheme; `issuer` is the broker's own address."""

    issuer: str
    scheme: str
    port: int

    def origin(self, host: str) -> str:
        """Return scheme, host and port of a site."""
        return f"{self.scheme}://{host}:{self.port}"

    def site(self, site: Site) -> str:
        """Return the origin of a source."""
        return self.origin(SITE_HOSTS[site])

    def callback(self, site: Site) -> str:
        """Return where the broker takes this source's answers."""
        return f"{self.issuer}/retour/{site.value}"
