"""The SAML 2.0 identity provider: requests of service providers in, signed answers out.

Owns the addresses under /saml, the checks of what arrives there, what an answer says. Knows no framework and no store;
XML is parsed, verified, written and signed by `broker.wire.saml` alone.
"""
