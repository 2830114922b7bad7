"""The edge: Flask for every page, the plain-WSGI door for protocol endpoints; cookies, headers, error pages, languages.

Owns: what a browser sends and gets - cookie names, the CSRF gate, security headers, the choice of language, the
words of every page. Must not know: SQL, a store, a connector, or how a decision is made; it asks `federation`,
`portal` and the ports it is given in `PageParts`.
"""
