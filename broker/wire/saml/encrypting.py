"""Encrypting an assertion to a service provider: AES-256-GCM, its key by RSA-OAEP (SDP-ALG01; security S-42)."""

from __future__ import annotations

from functools import lru_cache

import xmlsec
from lxml import etree

from broker.wire.saml.names import SAML, saml

_HEAD, _FOOT = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_CONTENT_KEY_BITS = 256


def encrypt_assertion(assertion: etree._Element, certificate: str) -> None:
    """Put an `EncryptedAssertion` in the place of an assertion; `certificate`: the base64 of its reader's DER.

    The assertion declares every namespace it uses itself: it is read alone, once it was decrypted.
    """
    parent = assertion.getparent()
    if parent is None:
        raise ValueError("an assertion that stands nowhere")
    wrapped = etree.Element(saml("EncryptedAssertion"), nsmap={"saml": SAML})
    parent.replace(assertion, wrapped)
    wrapped.append(assertion)
    context = xmlsec.EncryptionContext(_readers(certificate))
    context.key = xmlsec.Key.generate(
        xmlsec.constants.KeyDataAes, _CONTENT_KEY_BITS, xmlsec.constants.KeyDataTypeSession
    )
    context.encrypt_xml(_template(wrapped), assertion)


@lru_cache(maxsize=4096)
def takes_assertions(certificate: str) -> bool:
    """Tell whether an assertion can be encrypted to a certificate: tried, for only then is it known.

    A key of an elliptic curve is none for RSA-OAEP, nor is every RSA key: those of RSASSA-PSS only sign.
    """
    root = etree.fromstring(f'<trial><saml:Assertion xmlns:saml="{SAML}"/></trial>')
    try:
        encrypt_assertion(root[0], certificate)
    except xmlsec.Error:
        return False
    return True


def _template(node: etree._Element) -> etree._Element:
    data = xmlsec.template.encrypted_data_create(
        node, xmlsec.constants.TransformAes256Gcm, type=xmlsec.constants.TypeEncElement, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    key = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    return data


@lru_cache(maxsize=4096)
def _readers(certificate: str) -> xmlsec.KeysManager:
    manager = xmlsec.KeysManager()
    pem = f"{_HEAD}\n{certificate}\n{_FOOT}\n".encode()
    manager.add_key(xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem))
    return manager
