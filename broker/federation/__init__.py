"""The login journey, protocol-neutral: choose a source, go there, come back, link, open the session; undo; sign out.

Owns: logins in progress, the decision whose login it is (`linking`), the steps (`steps`), the walk (`journey`), what a
login changes (`opening_act`), the gate before a service (`service_gate`), which sources are down (`availability`).
Must not know: OAuth, CAS or SAML on either side (connectors are injected), SQL, cookies, pages.
"""

from broker.federation.interactions import CALLBACK, SIGN_IN, sign_in_path
from broker.federation.journey import Arrival, Federation, SignInChoices
from broker.federation.logins import Interaction, LoginRequest, local_path
from broker.federation.sources import Source, SourceDescription, Sources

__all__ = [
    "CALLBACK",
    "SIGN_IN",
    "Arrival",
    "Federation",
    "Interaction",
    "LoginRequest",
    "SignInChoices",
    "Source",
    "SourceDescription",
    "Sources",
    "local_path",
    "sign_in_path",
]
