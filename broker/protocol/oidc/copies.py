"""Where earlier versions kept short copies of access tokens: every use of one asks the database now.

A process of such a version may serve beside this one while an installation is upgraded, and a revocation still drops
what it keeps.
"""

from __future__ import annotations


def copy_key(token_digest: str) -> str:
    """Where the copy of a token was kept."""
    return f"token:{token_digest}"
