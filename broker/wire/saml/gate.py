"""The XML signature gate: the only way a SAML message comes in, in the only order allowed (security §2.3).

Bytes are scanned, parsed once by a locked parser, validated against closed schemas, looked at for structure, and then
verified: the canonical form is made here, hashed here, and the very bytes that were hashed are parsed anew into a
`VerifiedElement`. Nothing is ever read from what was not verified, so a wrapped signature vouches for its own content
and for nothing else. No transform of XML Signature is ever run on a document: there is one shape of reference, and it
is compared, not obeyed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree
from lxml.etree import _Element as Element

from broker.wire.saml import names
from broker.wire.saml.keys import VerifyingKey
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.schema import check_schema
from broker.wire.saml.xml import canonical, parse_message, standalone

MOST_NAMESPACES = 64

SIGNATURE_ALGORITHMS: Mapping[str, tuple[type, hashes.HashAlgorithm]] = {
    names.RSA_SHA256: (rsa.RSAPublicKey, hashes.SHA256()),
    names.RSA_SHA384: (rsa.RSAPublicKey, hashes.SHA384()),
    names.RSA_SHA512: (rsa.RSAPublicKey, hashes.SHA512()),
    names.ECDSA_SHA256: (ec.EllipticCurvePublicKey, hashes.SHA256()),
    names.ECDSA_SHA384: (ec.EllipticCurvePublicKey, hashes.SHA384()),
    names.ECDSA_SHA512: (ec.EllipticCurvePublicKey, hashes.SHA512()),
}
"""Of which kind of key, over which digest."""
DIGESTS = {names.SHA256: hashlib.sha256, names.SHA384: hashlib.sha384, names.SHA512: hashlib.sha512}

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_XSI = f"{{{names.XSI}}}"
_INSTANCE_ATTRIBUTE_ELSEWHERE = etree.XPath(
    "boolean(//@xsi:*[not(parent::saml:AttributeValue)])", namespaces={"xsi": names.XSI, "saml": names.SAML}
)
_INCLUSIVE = f"{{{names.EXCLUSIVE}}}InclusiveNamespaces"

StructureCheck = Callable[[Element], None]


@dataclass(frozen=True, slots=True)
class VerifiedElement:
    """Proof type: made by `verify`, `verify_redirect` and `verify_response` alone, of what a key vouches for."""

    element: Element


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and what it stands in, taken apart to be looked at."""

    parent: Element
    signature: Element
    reference: Element
    method: str
    digest_method: str


SignatureCheck = Callable[[Signed], None]


def check_ids(root: Element) -> None:
    """No two elements answer to one name, however a parser spells "id"."""
    found = Counter(
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.rpartition("}")[2].lower() == "id"
    )
    if any(count > 1 for count in found.values()):
        raise SamlRefused(Refusal.IDS, "an ID that stands twice")


def check_assertions(root: Element) -> None:
    """One assertion in the whole document, plain or encrypted, also where the schema lets anything stand."""
    if len(list(root.iter(names.saml("Assertion"), names.saml("EncryptedAssertion")))) > 1:
        raise SamlRefused(Refusal.ASSERTIONS)


def check_values(root: Element) -> None:
    """A value of an attribute is a text, or one NameID (eduPersonTargetedID): the schema's one open place is closed."""
    for value in root.iter(names.saml("AttributeValue")):
        inside = list(value)
        named = len(inside) == 1 and inside[0].tag == names.saml("NameID") and not len(inside[0])
        if inside and not (named and not (value.text or "").strip() and not (inside[0].tail or "").strip()):
            raise SamlRefused(Refusal.VALUES, "elements inside a value")
        if not set(value.attrib) <= {f"{_XSI}type", f"{_XSI}nil"}:
            raise SamlRefused(Refusal.VALUES, "attributes of a value")


def check_instance_attributes(root: Element) -> None:
    """`xsi:type` and its like change what a schema means: they stand on values of attributes or nowhere."""
    if _INSTANCE_ATTRIBUTE_ELSEWHERE(root):
        raise SamlRefused(Refusal.VALUES, "xsi attribute outside a value")


def check_namespaces(root: Element) -> None:
    """Only absolute names: a relative one has no canonical form, and readers differ in what is signed then."""
    declared = {uri for _, (_prefix, uri) in etree.iterwalk(root, events=("start-ns",)) if uri}
    if len(declared) > MOST_NAMESPACES or not all(_ABSOLUTE.fullmatch(uri) for uri in declared):
        raise SamlRefused(Refusal.NAMESPACES)


STRUCTURE_CHECKS: tuple[StructureCheck, ...] = (
    check_ids,
    check_assertions,
    check_values,
    check_instance_attributes,
    check_namespaces,
    check_schema,
)


def check_reference(signed: Signed) -> None:
    """The reference names the element that the signature stands in, by its ID: not the document, not a neighbour."""
    if signed.reference.get("URI") != f"#{signed.parent.get('ID')}":
        raise SamlRefused(Refusal.REFERENCE)


def check_transforms(signed: Signed) -> None:
    """Enveloped, then exclusive canonical: exactly these two, in this order (SAML Core §5.4.4)."""
    stated = [transform.get("Algorithm") for transform in signed.reference.iter(names.ds("Transform"))]
    if stated != [names.ENVELOPED, names.EXCLUSIVE]:
        raise SamlRefused(Refusal.TRANSFORMS)


def check_canonicalization(signed: Signed) -> None:
    """What was signed is exclusive canonical XML without comments."""
    method = signed.signature.find(f"{names.ds('SignedInfo')}/{names.ds('CanonicalizationMethod')}")
    if method is None or method.get("Algorithm") != names.EXCLUSIVE:
        raise SamlRefused(Refusal.TRANSFORMS, "canonicalization")


def check_method(signed: Signed) -> None:
    """RSA or ECDSA over SHA-2: no SHA-1, no MD5, no HMAC whose secret would be a public key."""
    if signed.method not in SIGNATURE_ALGORITHMS:
        raise SamlRefused(Refusal.ALGORITHM, "signature")


def check_digest_method(signed: Signed) -> None:
    """SHA-2."""
    if signed.digest_method not in DIGESTS:
        raise SamlRefused(Refusal.ALGORITHM, "digest")


SIGNATURE_CHECKS: tuple[SignatureCheck, ...] = (
    check_reference,
    check_transforms,
    check_canonicalization,
    check_method,
    check_digest_method,
)


def read(body: bytes, *roots: str) -> Element:
    """Steps 2 to 5: a message of one of these kinds, well formed, believed in nothing yet. Raises `SamlRefused`."""
    root = parse_message(body)
    check_structure(root, *roots)
    return root


def check_structure(root: Element, *roots: str) -> None:
    """Steps 4 and 5 on what is parsed already. Raises `SamlRefused`."""
    if root.tag not in roots:
        raise SamlRefused(Refusal.ROOT)
    for check in STRUCTURE_CHECKS:
        check(root)


def is_signed(element: Element) -> bool:
    """Whether the element carries a signature of its own."""
    return element.find(names.ds("Signature")) is not None


def verify(element: Element, keys: Iterable[VerifyingKey]) -> VerifiedElement:
    """Steps 6 and 7: the element as one of these keys signed it, without its signature. Raises `SamlRefused`.

    Whatever `KeyInfo` says is not looked at. An element that is a document of its own is taken apart: read what was
    verified, not what was given.
    """
    signed = _take_apart(element if element.getparent() is None else standalone(element))
    prefixes = check_signature(signed, keys)
    octets = canonical(_without_signature(signed), prefixes)
    check_digest(signed, DIGESTS[signed.digest_method](octets).digest())
    return VerifiedElement(parse_message(octets))


def check_signature(signed: Signed, keys: Iterable[VerifyingKey]) -> tuple[str, ...]:
    """One of these keys signed what the reference says, in the one shape that is allowed. Raises `SamlRefused`.

    Returns the prefixes by which the canonical form is to be made; whether its digest is the signed one is
    `check_digest`'s.
    """
    for check in SIGNATURE_CHECKS:
        check(signed)
    _check_signature_value(signed, keys)
    return _prefixes(list(signed.reference.iter(names.ds("Transform")))[-1])


def check_digest(signed: Signed, digest: bytes) -> None:
    """The digest of the canonical form is the one that was signed. Raises `SamlRefused`."""
    stated = _decoded(signed.reference.findtext(names.ds("DigestValue")))
    if not hmac.compare_digest(digest, stated):
        raise SamlRefused(Refusal.DIGEST)


def signature_of(parent: Element, signature: Element) -> Signed:
    """A signature of `parent`, taken apart. Raises `SamlRefused` when there is not one reference in it."""
    info = signature.find(names.ds("SignedInfo"))
    references = [] if info is None else info.findall(names.ds("Reference"))
    if info is None or len(references) != 1:
        raise SamlRefused(Refusal.REFERENCE)
    return Signed(
        parent,
        signature,
        references[0],
        method=_algorithm(info, "SignatureMethod"),
        digest_method=_algorithm(references[0], "DigestMethod"),
    )


def verify_octets(octets: bytes, signature: bytes, algorithm: str, keys: Iterable[VerifyingKey]) -> None:
    """One of these keys signed these bytes. Raises `SamlRefused`."""
    if algorithm not in SIGNATURE_ALGORITHMS:
        raise SamlRefused(Refusal.ALGORITHM, "signature")
    kind, hashed = SIGNATURE_ALGORITHMS[algorithm]
    if not any(isinstance(each.key, kind) and _holds(each, octets, signature, hashed) for each in keys):
        raise SamlRefused(Refusal.SIGNATURE)


def _holds(key: VerifyingKey, octets: bytes, signature: bytes, hashed: hashes.HashAlgorithm) -> bool:
    try:
        if isinstance(key.key, rsa.RSAPublicKey):
            key.key.verify(signature, octets, padding.PKCS1v15(), hashed)
        else:
            key.key.verify(_as_der(signature, key.key), octets, ec.ECDSA(hashed))
    except (InvalidSignature, ValueError):
        return False
    return True


def _as_der(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """The two numbers of XML Signature (§6.4.3, each as long as the curve) as cryptography wants them."""
    size = (key.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise ValueError("of another length")
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def _take_apart(parent: Element) -> Signed:
    signatures = parent.findall(names.ds("Signature"))
    if len(signatures) != 1:
        raise SamlRefused(Refusal.UNSIGNED)
    return signature_of(parent, signatures[0])


def _check_signature_value(signed: Signed, keys: Iterable[VerifyingKey]) -> None:
    info = standalone(signed.signature.find(names.ds("SignedInfo")))
    octets = canonical(info, _prefixes(info.find(names.ds("CanonicalizationMethod"))))
    value = _decoded(signed.signature.findtext(names.ds("SignatureValue")))
    verify_octets(octets, value, signed.method, keys)


def _without_signature(signed: Signed) -> Element:
    """The enveloped transform: the signature goes, the text after it stays (XML Signature §6.6.4)."""
    before, tail = signed.signature.getprevious(), signed.signature.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        signed.parent.text = (signed.parent.text or "") + tail
    signed.parent.remove(signed.signature)
    return signed.parent


def _prefixes(method: Element) -> tuple[str, ...]:
    inclusive = method.find(_INCLUSIVE)
    return () if inclusive is None else tuple((inclusive.get("PrefixList") or "").split())


def _algorithm(parent: Element, name: str) -> str:
    found = parent.find(names.ds(name))
    return "" if found is None else found.get("Algorithm") or ""


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except ValueError:
        raise SamlRefused(Refusal.ENCODING, "base64") from None
