"""The XML signature gate: what is let in is what a key of metadata vouches for, and nothing round it."""

from __future__ import annotations

import pytest
import xmlsec

from broker.wire.saml import (
    Refusal,
    SamlRefused,
    decode_post,
    decode_redirect,
    decryption_key,
    encode_post,
    encode_redirect,
    names,
    read,
    verify,
    verify_redirect,
    verify_response,
    verifying_key,
    with_signature,
)
from tests.saml_peer import Told, encrypt, octets, pair, parsed, response_xml, sign

IDP, OTHER, SP = pair("idp"), pair("other"), pair("sp")
KEYS = (verifying_key(IDP.der),)
DECRYPTING = (decryption_key(SP.pem),)


def made(kind: str, *, prefixes: str = "") -> bytes:
    """A response: `a` the assertion is signed, `e` encrypted, `r` the response signed."""
    root = parsed(response_xml(Told()))
    assertion = root.find(names.saml("Assertion"))
    if "a" in kind:
        sign(assertion, IDP, prefixes=prefixes)
    if "e" in kind:
        encrypt(assertion, SP)
    if "r" in kind:
        sign(root, IDP)
    return octets(root)


@pytest.mark.spec("SAML Core §5.4")
@pytest.mark.parametrize("kind", ["a", "r", "ar", "ae", "re", "are"])
def test_a_signed_response_comes_in_whatever_part_is_signed(kind: str) -> None:
    verified = verify_response(made(kind), keys=KEYS, decrypting=DECRYPTING)
    assert verified.assertion.element.findtext(f".//{names.saml('NameID')}") == "sujet-1"
    assert verified.sealed is ("r" in kind)


@pytest.mark.parametrize("kind", ["", "e"])
def test_an_unsigned_response_stays_out(kind: str) -> None:
    with pytest.raises(SamlRefused) as refused:
        verify_response(made(kind), keys=KEYS, decrypting=DECRYPTING)
    assert refused.value.reason is Refusal.UNSIGNED


def test_inclusive_prefixes_are_part_of_what_was_signed() -> None:
    assert verify_response(made("a", prefixes="xs saml samlp"), keys=KEYS).assertion.element.tag == names.saml(
        "Assertion"
    )


def test_a_key_in_the_message_vouches_for_nothing() -> None:
    root = parsed(response_xml(Told()))
    sign(root, OTHER)
    with pytest.raises(SamlRefused) as refused:
        verify_response(octets(root), keys=KEYS)
    assert refused.value.reason is Refusal.SIGNATURE


def test_elliptic_curves_verify_too() -> None:
    curved, root = pair("curved", "ec"), parsed(response_xml(Told()))
    sign(root, curved, method=xmlsec.constants.TransformEcdsaSha256)
    assert verify(root, (*KEYS, verifying_key(curved.der))).element.tag == names.samlp("Response")


def test_what_is_read_has_no_signature_and_no_stranger_in_it() -> None:
    verified = verify_response(made("ar"), keys=KEYS)
    assert not list(verified.assertion.element.iter(names.ds("Signature")))
    assert verified.assertion.element.getroottree().getroot() is verified.assertion.element


def request() -> bytes:
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{names.SAMLP}" xmlns:saml="{names.SAML}" ID="_r1" Version="2.0" '
        f'IssueInstant="2026-09-07T08:00:00Z"><saml:Issuer>https://sp.example</saml:Issuer></samlp:AuthnRequest>'
    ).encode()


def signed_query(*, relay_state: str = "ici") -> str:
    query = encode_redirect("SAMLRequest", request(), relay_state=relay_state, algorithm=names.RSA_SHA256)
    context = xmlsec.SignatureContext()
    context.key = IDP.key
    return with_signature(query, context.sign_binary(query.encode(), xmlsec.constants.TransformRsaSha256))


@pytest.mark.spec("SAML Bindings §3.4.4.1")
def test_a_signed_redirect_is_verified_over_its_octets() -> None:
    message = decode_redirect(signed_query(), "SAMLRequest")
    verified = verify_redirect(message, KEYS, names.samlp("AuthnRequest"))
    assert (verified.element.get("ID"), message.relay_state) == ("_r1", "ici")
    with pytest.raises(SamlRefused):
        verify_redirect(decode_redirect(signed_query().replace("=ici", "=la"), "SAMLRequest"), KEYS, "x")


def test_a_posted_message_is_read_as_it_was_written() -> None:
    body = f"SAMLResponse={encode_post(b'<a/>').replace('/', '%2F').replace('=', '%3D')}&RelayState=x".encode()
    assert decode_post(body, "SAMLResponse").xml == b"<a/>"


def test_a_message_of_another_kind_is_refused() -> None:
    assert read(request(), names.samlp("AuthnRequest")).get("ID") == "_r1"
    with pytest.raises(SamlRefused) as refused:
        read(request(), names.samlp("Response"))
    assert refused.value.reason is Refusal.ROOT
