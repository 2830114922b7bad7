"""The two shapes in which the town's ENTs answer a ticket validation (CAS Protocol §2.5.2 and what is met in schools).

Apereo: `cas:attributes/cas:<name>`, repeated for several values, at `/p3/serviceValidate` only. The other ENT wraps
un-namespaced names in `cas:userAttributes`, at both addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from broker.demo.people import Account, Site

_NAMESPACE = 'xmlns:cas="http://www.yale.edu/tp/cas"'
AUTHORITY = "AC-TEST"
"""Who numbers the keys of `ENTPersonJointure`."""

Attributes = Mapping[str, tuple[str, ...]]


def failure(code: str, sentence: str) -> str:
    """Return a refusal with its CAS error code."""
    inner = f'<cas:authenticationFailure code="{code}">{escape(sentence)}</cas:authenticationFailure>'
    return f"<cas:serviceResponse {_NAMESPACE}>{inner}</cas:serviceResponse>"


def success(account: Account, *, at: float, version: int) -> str:
    """Return who a ticket is for. `version` is 3 at `/p3/`, else 2; `at` is when the person signed in."""
    return _SHAPES[account.site](account, at, version)


def attributes_of(account: Account) -> Attributes:
    """Return what an ENT releases: its own key of the person, and what its services need."""
    return {
        "ENTPersonJointure": tuple(f"{AUTHORITY}${key}" for key in account.keys),
        "ENTPersonProfils": account.affiliations,
        "sn": (account.family,),
        "givenName": (account.given,),
        "displayName": (f"{account.given} {account.family}",),
    }


def _apereo(account: Account, at: float, version: int) -> str:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    told = {"authenticationDate": (moment,), "isFromNewLogin": ("true",), **attributes_of(account)}
    inner = "".join(f"<cas:{name}>{escape(value)}</cas:{name}>" for name, values in told.items() for value in values)
    return _envelope(account, f"<cas:attributes>{inner}</cas:attributes>" if version == _THREE else "")


def _user_attributes(account: Account, _at: float, _version: int) -> str:
    released = attributes_of(account)
    told = {
        "nom": released["sn"], "prenom": released["givenName"], "codePostal": (account.postcode,),
        "categories": released["ENTPersonProfils"], "ENTPersonJointure": released["ENTPersonJointure"],
    }  # fmt: skip
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, values in told.items() for value in values)
    return _envelope(account, f"<cas:attributes><cas:userAttributes>{inner}</cas:userAttributes></cas:attributes>")


def _envelope(account: Account, attributes: str) -> str:
    inner = f"<cas:user>{escape(account.login)}</cas:user>{attributes}"
    passed = f"<cas:authenticationSuccess>{inner}</cas:authenticationSuccess>"
    return f"<cas:serviceResponse {_NAMESPACE}>{passed}</cas:serviceResponse>"


_THREE = 3
_SHAPES: Mapping[Site, Callable[[Account, float, int], str]] = {
    Site.PETITS_PRES: _apereo,
    Site.GRAND_LARGE: _user_attributes,
}
