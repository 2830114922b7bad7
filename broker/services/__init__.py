"""The register of services: descriptors read from TOML, who may open a service, and what it may be told.

Owns: reading and refusing descriptors, turning a person's roles into the closed facts that policies decide on, and
building claims from what was decided.
Must not know: protocols (a claim is the same by OpenID Connect, SAML or CAS), sessions, the database, the network.
"""
