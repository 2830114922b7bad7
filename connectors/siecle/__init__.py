"""The SIECLE feed: the XML exports that a collège or lycée makes itself, `BEE_ELEVES` and `BEE_RESPONSABLES`.

Owns: their element names, and both generations of their responsibility codes, told apart by the elements that a file
has and never by its digits.
Must not know: the database, persons, what is already stored, any other connector.
"""

from connectors.siecle.feed import SiecleFeed

__all__ = ["SiecleFeed"]
