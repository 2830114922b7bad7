"""How surely a login was proven, in the words of SAML (Core §3.3.2.2.1), weighed by the installation's own table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from broker.domain.assurance import Assurance
from broker.wire.saml.names import UNSPECIFIED_CLASS
from broker.wire.saml.requests import AuthnRequest

Meets = Callable[[Assurance, Assurance], bool]
"""Tells whether a login of the first level answers a request for the second."""

_COMPARISONS: Mapping[str, Meets] = {
    "exact": lambda proven, asked: proven.reaches(asked),
    "minimum": lambda proven, asked: proven.reaches(asked),
    "better": lambda proven, asked: proven.reaches(asked) and proven is not asked,
    "maximum": lambda proven, asked: asked.reaches(proven),
}
"""A login that proves more was proven in the lesser way too: a password and a code are also a password."""


def context_for(request: AuthnRequest, proven: Assurance, acr: str, table: Mapping[str, Assurance]) -> str:
    """The class to answer with; empty when the login does not do.

    Of what was asked, the first that this login answers; where nothing was, what the source said, if it said an URI.
    """
    if not request.contexts:
        return acr if ":" in acr else UNSPECIFIED_CLASS
    meets = _COMPARISONS[request.comparison]
    known = ((word, table[word]) for word in request.contexts if word in table)
    return next((word for word, level in known if meets(proven, level)), "")


def wanted_level(request: AuthnRequest, table: Mapping[str, Assurance]) -> Assurance:
    """The least that a login has to prove so that it may answer; none where nothing was asked."""
    levels = [table[word] for word in request.contexts if word in table]
    return next((level for level in Assurance if level in levels), Assurance.NONE)


def stronger(one: Assurance, other: Assurance) -> Assurance:
    """The stronger of two levels."""
    return one if one.reaches(other) else other
