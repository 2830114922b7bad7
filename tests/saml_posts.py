"""What a page that carries a SAML answer to a service has in it: read as the service would, believed unverified."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape

from lxml import etree

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_FIELD = re.compile(r'name="([^"]+)" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Assertion:
    """The name by which a service knows a person, the session that it is to be told the end of, what it is told."""

    name: str
    index: str
    told: Mapping[str, list[str]] = field(default_factory=dict, compare=False)


def fields_of(page: str) -> dict[str, str]:
    """The fields of the form of such a page."""
    return {name: unescape(value) for name, value in _FIELD.findall(page)}


def assertion_in(page: str) -> Assertion:
    """The one assertion, in clear, of the page."""
    response = etree.fromstring(base64.b64decode(fields_of(page)["SAMLResponse"]))
    found = response.find(f"{SAML}Assertion")
    assert found is not None, etree.tostring(response)
    statement = found.find(f"{SAML}AuthnStatement")
    assert statement is not None
    attributes = found.iter(f"{SAML}Attribute")
    told = {
        each.get("FriendlyName") or each.get("Name", ""): [value.text or "" for value in each] for each in attributes
    }
    return Assertion(found.findtext(f"{SAML}Subject/{SAML}NameID") or "", statement.get("SessionIndex", ""), told)
