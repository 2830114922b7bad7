"""SAML 2.0 client: an identity provider as a source of logins (EduConnect, the academies' agents, any from metadata).

Owns: the question, the checks of the answer beyond its signature, and what families of providers say in attributes.
Must not know: XML (`broker.wire.saml` alone parses it), browsers, cookies, who is linked to what.
"""

from connectors.saml.agents import AgentsProfile
from connectors.saml.educonnect import EduConnectSamlProfile
from connectors.saml.profiles import PlainSamlProfile, SamlProfile
from connectors.saml.source import Known, SamlConnector, SamlSource

__all__ = [
    "AgentsProfile",
    "EduConnectSamlProfile",
    "Known",
    "PlainSamlProfile",
    "SamlConnector",
    "SamlProfile",
    "SamlSource",
]
