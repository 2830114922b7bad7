"""The login journey, protocol-neutral: choose a source, go there, come back, link, open the session; undo; sign out.

Owns: logins in progress, the decision whose login it is (`linking`), the steps (`steps`), the walk (`journey`).
Must not know: OAuth, CAS or SAML on either side (connectors are injected), SQL, cookies, pages.
"""

from broker.federation.interactions import sign_in_path
from broker.federation.journey import Arrival, Federation, SignInChoices
from broker.federation.logins import Interaction, LoginRequest
from broker.federation.sources import Source, SourceDescription, SourceLabel, Sources

__all__ = [
    "Arrival",
    "Federation",
    "Interaction",
    "LoginRequest",
    "SignInChoices",
    "Source",
    "SourceDescription",
    "SourceLabel",
    "Sources",
    "sign_in_path",
]
