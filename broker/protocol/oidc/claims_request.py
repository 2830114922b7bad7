"""The `claims` parameter (OIDC Core §5.5): single claims asked for by name, and what the login itself must say.

It opens nothing that the client's scopes could not open, and policies decide of each claim as ever. ID tokens tell
nothing of a person's life: what is asked there is told at userinfo, where claims are computed at every call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from broker.domain.errors import InvalidRequest

LONGEST_CLAIMS = 4096
_MEMBERS = ("userinfo", "id_token")
_MOST_VALUES = 32


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """Names asked for; the one subject that is meant (empty: whoever); the `acr` values of which one must hold."""

    names: frozenset[str] = frozenset()
    subject: str = ""
    acr: tuple[str, ...] = ()


NO_CLAIMS = ClaimsRequest()


def parse_claims(text: str) -> ClaimsRequest:
    """Read the parameter. Members and claims not known here are ignored (§5.5). Raises `InvalidRequest`."""
    if not text:
        return NO_CLAIMS
    members = _object(text)
    asked = [_member(members.get(name)) for name in _MEMBERS]
    names = frozenset(name for member in asked for name in member)
    return ClaimsRequest(names, subject=_subject(asked), acr=_acr(asked[1].get("acr")))


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > LONGEST_CLAIMS:
        raise InvalidRequest("claims is too long")
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise InvalidRequest("claims is not JSON") from fault
    if not isinstance(content, dict):
        raise InvalidRequest("claims is no object")
    return content


def _member(content: object) -> Mapping[str, Mapping[str, Any]]:
    """One member: each claim with what is wanted of it; null asks for it plainly."""
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(each is None or isinstance(each, dict) for each in content.values()):
        raise InvalidRequest("a member of claims, or a claim in it, is no object")
    return {name: wanted or {} for name, wanted in content.items()}


def _subject(asked: list[Mapping[str, Mapping[str, Any]]]) -> str:
    """The subject that is meant (§5.5.1). Two different ones are nobody."""
    values = [member["sub"]["value"] for member in asked if "value" in member.get("sub", {})]
    if not values:
        return ""
    if not isinstance(values[0], str) or not values[0] or values[-1] != values[0]:
        raise InvalidRequest("the subject of claims is not one text")
    return values[0]


def _acr(wanted: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Values of which one must hold: only where the claim is essential; else it is a wish (§5.5.1.1)."""
    if not wanted or wanted.get("essential") is not True:
        return ()
    values = wanted.get("values", [wanted["value"]] if "value" in wanted else [])
    if not isinstance(values, list) or len(values) > _MOST_VALUES or not all(isinstance(one, str) for one in values):
        raise InvalidRequest("the values of acr are no list of texts")
    return tuple(values)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name comes twice")
    return content


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number")
