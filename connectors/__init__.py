"""Adapters to the outside: sources that people log in with, and feeds that deliver the directory.

Owns: other people's protocols and file formats, turned into plain values and checked to the last field.
Must not know: a web request, a database, a session, another connector. `sdet` holds the national names, once.
"""
