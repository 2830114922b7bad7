"""Adapters of the domain's storage ports: SQLAlchemy Core on SQLite or PostgreSQL, Redis or memory for what may vanish.

Owns: every SQL statement, the schema and its migrations, transactions. Must not know: protocols, pages, policies.
SQL conditions that are rules (`may_see`) are the definition; their readable twins in `domain` are tested equal to them.
"""
