"""Validation by libxml2 against our own strict schemas (`xsd/`), compiled once a process.

A closed content model is what keeps a second assertion, a stray attribute or a foreign element from standing anywhere
at all; the standard's schemas have wildcards in exactly the places where wrapping attacks hide things.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree

from broker.wire.saml.refusals import Refusal, SamlRefused

_FOLDER = Path(__file__).parent / "xsd"


def check_schema(root: etree._Element) -> None:
    """Refuse what the profile does not know. Raises `SamlRefused`."""
    if not _schema().validate(root):
        raise SamlRefused(Refusal.SCHEMA)


@cache
def _schema() -> etree.XMLSchema:
    """`soap.xsd` imports all others; nothing is fetched from elsewhere."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    return etree.XMLSchema(etree.parse(str(_FOLDER / "soap.xsd"), parser))
