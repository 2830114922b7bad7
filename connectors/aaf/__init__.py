"""The AAF feed: reads the exports of an académie's directory (annuaire académique fédérateur), 1D and 2D.

Owns: file names, archives, the XML grammar, attribute names and codes of AAF, and what they mean in the domain's words.
Must not know: the database, persons, what is already stored, any other connector.
"""

from connectors.aaf.feed import AafFeed
from connectors.delivery import Limits

__all__ = ["AafFeed", "Limits"]
