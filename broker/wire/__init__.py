"""Formats that both sides of the house share: plain HTTP values, OAuth names, JOSE, CAS XML.

Owns: how things look on the wire, and every check that needs nothing but the bytes and a key.
Must not know: who is signed in, what a service may have, any database, any web framework.
"""
