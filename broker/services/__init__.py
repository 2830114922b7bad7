"""The register of services: descriptors read from TOML, who may open a service, and what it may be told.

Owns: reading and refusing descriptors, turning a person's roles into the closed facts that policies decide on,
building claims from what was decided, naming and shaping them as the descriptor's `[release]` says for each protocol.
Must not know: the bytes of a protocol (`wire` writes them), sessions, the database, the network.
"""
