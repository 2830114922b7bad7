"""XML Encryption read strictly: RSA-OAEP for the key, AES-GCM for the data, and one failure for everything.

CBC and PKCS #1 v1.5 are refused by name before anything is decrypted: whoever can tell a bad padding from a bad
message reads the plaintext by asking often (Bleichenbacher; Jager and Somorovsky).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from broker.wire.saml import names
from broker.wire.saml.keys import DecryptionKey
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.xml import parse_message, scan, standalone

_KEY_BYTES = {names.AES128_GCM: 16, names.AES192_GCM: 24, names.AES256_GCM: 32}
_DIGESTS: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    names.SHA1: hashes.SHA1,
    names.SHA256: hashes.SHA256,
    names.SHA384: hashes.SHA384,
}
_MASKS: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    names.MGF1_SHA1: hashes.SHA1,
    names.MGF1_SHA256: hashes.SHA256,
}
_TRANSPORTS = frozenset({names.RSA_OAEP_MGF1P, names.RSA_OAEP})
_NONCE = 12
_TAG = 16


def decrypt(encrypted: etree._Element, keys: tuple[DecryptionKey, ...]) -> etree._Element:
    """The one element inside an `EncryptedAssertion`, parsed anew and validated by nobody yet. Raises `SamlRefused`."""
    data = encrypted.find(names.xenc("EncryptedData"))
    wrapped = list(encrypted.iter(names.xenc("EncryptedKey")))
    if data is None or len(wrapped) != 1:
        raise SamlRefused(Refusal.DECRYPTION)
    _check_algorithms(data, wrapped[0])
    return _element(_octets(data, wrapped[0], keys), encrypted)


def _check_algorithms(data: etree._Element, wrapped: etree._Element) -> None:
    if _method(data).get("Algorithm") not in _KEY_BYTES or data.get("Type") != names.ENCRYPTED_ELEMENT:
        raise SamlRefused(Refusal.ALGORITHM, "data must be an element under AES-GCM")
    transport = _method(wrapped)
    if transport.get("Algorithm") not in _TRANSPORTS:
        raise SamlRefused(Refusal.ALGORITHM, "keys travel by RSA-OAEP")
    digest, mask = _stated(transport, names.ds("DigestMethod")), _stated(transport, f"{{{names.XENC11}}}MGF")
    if (digest and digest not in _DIGESTS) or (mask and mask not in _MASKS):
        raise SamlRefused(Refusal.ALGORITHM, "unknown digest of RSA-OAEP")


def _octets(data: etree._Element, wrapped: etree._Element, keys: tuple[DecryptionKey, ...]) -> bytes:
    """What was encrypted; every key is tried, and no failure can be told from another."""
    sealed, secret = _value(data), _value(wrapped)
    scheme = _scheme(_method(wrapped))
    for key in keys:
        try:
            content_key = key.key.decrypt(secret, scheme)
            if len(content_key) == _KEY_BYTES[_method(data).get("Algorithm", "")] and len(sealed) > _NONCE + _TAG:
                return AESGCM(content_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except (ValueError, InvalidTag):
            continue
    raise SamlRefused(Refusal.DECRYPTION)


def _element(octets: bytes, place: etree._Element) -> etree._Element:
    """Parse what was decrypted, in the namespaces of the place it stands in (XML Encryption §4.2).

    Scanned before the wrapper is laid round it, and refused when it is more or less than one element.
    """
    try:
        scan(octets, harmless=())
        declared = "".join(
            f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}" for prefix, uri in place.nsmap.items()
        )
        wrapper = parse_message(f"<inside{declared}>".encode() + octets + b"</inside>")
    except SamlRefused:
        raise SamlRefused(Refusal.DECRYPTION) from None
    if len(wrapper) != 1 or (wrapper.text or "").strip() or (wrapper[0].tail or "").strip():
        raise SamlRefused(Refusal.DECRYPTION)
    return standalone(wrapper[0])


def _method(encrypted: etree._Element) -> etree._Element:
    method = encrypted.find(names.xenc("EncryptionMethod"))
    if method is None:
        raise SamlRefused(Refusal.ALGORITHM, "no method")
    return method


def _stated(method: etree._Element, tag: str) -> str:
    found = method.find(tag)
    return "" if found is None else found.get("Algorithm", "")


def _scheme(method: etree._Element) -> padding.OAEP:
    """SHA-1 is the default of both names, and harmless in OAEP, which rests on no collisions (RFC 8017 §7.1)."""
    digest = _DIGESTS[_stated(method, names.ds("DigestMethod")) or names.SHA1]
    mask = _MASKS[_stated(method, f"{{{names.XENC11}}}MGF") or names.MGF1_SHA1]
    return padding.OAEP(mgf=padding.MGF1(mask()), algorithm=digest(), label=None)


def _value(encrypted: etree._Element) -> bytes:
    text = encrypted.findtext(f"{names.xenc('CipherData')}/{names.xenc('CipherValue')}") or ""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SamlRefused(Refusal.DECRYPTION) from None
