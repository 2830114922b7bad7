"""The school that a service's address names (`…?UAI=0990002Y`): whose data alone it is then told."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from broker.domain.errors import ReleaseRefused
from broker.domain.release_rules import ReleaseRules
from broker.services.reading import UAI


def requested_school(rules: ReleaseRules | None, url: str) -> str:
    """The UAI in play; empty when the rules know none or the address names none.

    Raises `ReleaseRefused` for two schools, or for something that is no UAI: what the service reads and what we read
    must be one thing.
    """
    if rules is None or not rules.school_parameter:
        return ""
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        raise ReleaseRefused("an address that cannot be read") from None
    named = [value for name, value in pairs if name == rules.school_parameter]
    if not named:
        return ""
    if len(named) > 1 or not UAI.fullmatch(named[0]):
        raise ReleaseRefused("the address names two schools, or none that is one")
    return named[0]


def named_school(rules: ReleaseRules | None, url: str) -> str:
    """The same of an address that was good once: empty where the rules of today would refuse it."""
    try:
        return requested_school(rules, url)
    except ReleaseRefused:
        return ""
