"""The CAS server (CAS Protocol 3.0.3): logins, tickets and their one validation, proxies, logout.

Knows requests and answers as plain values; no Flask, no SQL. Who may enter and what is told is decided elsewhere, the
same for every protocol.
"""
