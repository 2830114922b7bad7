"""The ONDE feed: the two CSV extractions that a school of the first degree makes itself, pupils and guardians.

Owns: their columns, their encodings, and how children are found for a guardian when no file holds an identifier.
Must not know: the database, persons, what is already stored, any other connector.
"""

from connectors.onde.feed import OndeFeed

__all__ = ["OndeFeed"]
