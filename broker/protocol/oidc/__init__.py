"""OpenID Connect provider: discovery, keys, authorization, token, userinfo.

Owns: the code flow of OIDC Core under RFC 9700 (S256 PKCE and exact redirect URIs for every client; no implicit, no
password grant), as tuples of checks in `*_checks.py` run by one endpoint each.
Must not know: Flask, SQL, Redis, joserfc (it signs through `wire.jose`), how people log in.
"""
