"""The login journey, protocol-neutral: choose a source, go there, come back, link, open the session; undo; sign out.

Owns: logins in progress, the decision whose login it is (`linking`), the steps (`steps`), the walk (`journey`) and its
end (`entrance`), passwords that a source checks (`passwords`) behind the count of guesses (`guess_gate`), what a login
changes (`opening_act`), the gate before a service (`service_gate`), which sources are down (`availability`).
Must not know: OAuth, CAS or SAML on either side (connectors are injected), SQL, cookies, pages.
"""

from broker.federation.entrance import Arrival
from broker.federation.guess_gate import Guesser, GuessGate
from broker.federation.interactions import CALLBACK, SIGN_IN, password_path, sign_in_path
from broker.federation.journey import Federation, SignInChoices
from broker.federation.logins import Interaction, LoginRequest, WayOut, local_path
from broker.federation.passwords import Attempt, Passwords
from broker.federation.sources import PasswordSource, Source, SourceDescription, Sources
from broker.federation.upstreams import Upstreams
from broker.federation.ways_in import Caller, WayIn, WaysIn, WayStage

__all__ = [
    "CALLBACK",
    "SIGN_IN",
    "Arrival",
    "Attempt",
    "Caller",
    "Federation",
    "GuessGate",
    "Guesser",
    "Interaction",
    "LoginRequest",
    "PasswordSource",
    "Passwords",
    "SignInChoices",
    "Source",
    "SourceDescription",
    "Sources",
    "Upstreams",
    "WayIn",
    "WayOut",
    "WayStage",
    "WaysIn",
    "local_path",
    "password_path",
    "sign_in_path",
]
