"""What XML, its signatures and its encryption can carry against their reader."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from xmlsec import constants as c

from broker.wire.saml import names
from tests.saml_peer import encrypt, octets, pair, parsed, response_xml, sign
from tests.vectors.saml_documents import HONEST, VICTIM, Vector, form_of, honest, sealed, tried

LEAVES = ("Issuer", "NameID", "Audience", "AttributeValue", "AuthnContextClassRef")
ENTITY = "<!DOCTYPE r [{}]>"
INSIDES = {
    "comment": "<!---->",
    "comment with text": "<!--x-->",
    "instruction": "<?x y?>",
    "empty cdata": "<![CDATA[]]>",
    "entity": "&x;",
    "element": "<x/>",
    "signed element": f'<saml:NameID xmlns:saml="{names.SAML}">x</saml:NameID>',
}
NAMESPACES = {
    "relative": 'xmlns:v="1"',
    "relative path": 'xmlns:v="a/b"',
    "empty path": 'xmlns:v="../x"',
    "foreign id": f'xmlns:v="{names.DS}" v:Id="_response"',
    "xml id": 'xml:id="_evil"',
    "lower id": 'id="_evil"',
    "other id": 'Id="_evil"',
    "protocol id": f'xmlns:v="{names.SAMLP}" v:ID="_evil"',
    "xsi type": f'xmlns:v="{names.XSI}" v:type="x"',
    "xsi nil": f'xmlns:v="{names.XSI}" v:nil="true"',
    "schema location": f'xmlns:v="{names.XSI}" v:schemaLocation="urn:x http://evil.example/x.xsd"',
    "xml base": 'xml:base="http://evil.example/"',
    "xml space": 'xml:space="preserve"',
    "stray": 'stray="1"',
}


def inside_text() -> Iterator[Vector]:
    """Markup at each place of each text, after signing: canonical forms do not see half of it."""
    for parts in ("a", "r", "ar"):
        text = honest(parts).decode()
        for leaf in LEAVES:
            for number, found in enumerate(re.finditer(rf"<saml:{leaf}[^>]*>([^<]+)<", text)):
                for at, place in (("start", found.start(1)), ("middle", found.start(1) + 2), ("end", found.end(1))):
                    for name, markup in INSIDES.items():
                        spoilt = text[:place] + markup + text[place:]
                        yield Vector(f"{name} at {at} of {leaf} {number} in {parts}", form_of(spoilt.encode()))


def attributes() -> Iterator[Vector]:
    """Stray attributes and namespaces on each element that matters, before and after signing."""
    tags = ("samlp:Response", "saml:Assertion", "saml:Subject", "saml:NameID", "saml:Conditions", "saml:AttributeValue")
    for tag in tags:
        for name, stray in NAMESPACES.items():
            if tag == "saml:AttributeValue" and name == "xsi nil":
                continue  # the one place where it may stand
            text = response_xml(HONEST)
            yield Vector(
                f"{name} on {tag}", form_of(honest().decode().replace(f"<{tag}", f"<{tag} {stray}", 1).encode())
            )
            before = tried(lambda: sealed(text.replace(f"<{tag}", f"<{tag} {stray}", 1), "r"))  # noqa: B023
            if before:
                yield Vector(f"{name} on {tag}, signed", form_of(before))


def doctypes() -> Iterator[Vector]:
    """Document types of every kind, before the root and behind a declaration."""
    bombs = {
        "bare": "<!DOCTYPE r>",
        "external": '<!DOCTYPE r SYSTEM "http://evil.example/x.dtd">',
        "file": ENTITY.format('<!ENTITY x SYSTEM "file:///etc/hostname">'),
        "parameter": ENTITY.format('<!ENTITY % x "y">'),
        "laughs": ENTITY.format('<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">'),
        "default": ENTITY.format('<!ATTLIST samlp:Response ID CDATA "_evil">'),
        "id type": ENTITY.format("<!ATTLIST saml:Assertion AssertionID ID #IMPLIED>"),
        "public": '<!DOCTYPE r PUBLIC "-//X//Y" "x.dtd">',
        "lower": "<!doctype r>",
    }
    starts = ("", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8"?>', "\n", "<!-- x -->")
    for parts in ("a", "r"):
        for name, bomb in bombs.items():
            for number, start in enumerate(starts):
                yield Vector(f"doctype {name} {number} {parts}", form_of(f"{start}{bomb}".encode() + honest(parts)))


def encodings() -> Iterator[Vector]:
    """The honest answer in other encodings, and declared as what it is not."""
    text = honest().decode()
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037", "latin-1", "cp1252"):
        declared = f'<?xml version="1.0" encoding="{name}"?>'
        yield Vector(f"written in {name}", form_of((declared + text).encode(name)))
        yield Vector(f"declared as {name}", form_of((declared + text).encode()))
    spoilt: dict[str, bytes] = {
        "nul": text.encode().replace(b"aline", b"ali\0ne"),
        "not utf-8": text.encode().replace(b"aline", b"al\xffne"),
        "overlong": text.encode().replace(b"aline", b"al\xc0\xaene"),
        "two roots": text.encode() * 2,
        "text behind": text.encode() + b"x",
        "text before": b"x" + text.encode(),
        "empty": b"",
        "blank": b"   ",
        "no xml": b"{}",
        "cut": text.encode()[:-9],
        "xml 1.1": b'<?xml version="1.1"?>' + text.encode(),
        "element behind": text.encode() + b"<x/>",
        "comment behind": text.encode() + b"<!-- x -->",
        "instruction before": b"<?x?>" + text.encode(),
        "surrogate": text.encode().replace(b"aline", b"\xed\xa0\x80"),
        "control": text.encode().replace(b"aline", b"al\x01ine"),
        "reference": text.encode().replace(b"aline", b"&#0;"),
        "deep": text.replace("aline<", "<x>" * 300 + "</x>" * 300 + "<").encode(),
        "deeper than 64": _deep(70),
        "large": text.replace("parents", "p" * 300_000).encode(),
    }
    yield from (Vector(f"encoding: {name}", form_of(xml)) for name, xml in spoilt.items())


def algorithms() -> Iterator[Vector]:
    """What an old or careless provider signs with, by its real key; and what needs no key at all."""
    methods = {
        "sha1": c.TransformRsaSha1,
        "md5": c.TransformRsaMd5,
        "ripemd": c.TransformRsaRipemd160,
        "sha224": c.TransformRsaSha224,
        "sha256": c.TransformRsaSha256,
        "sha512": c.TransformRsaSha512,
    }
    digests = {
        "sha1": c.TransformSha1,
        "md5": c.TransformMd5,
        "ripemd": c.TransformRipemd160,
        "sha224": c.TransformSha224,
        "sha256": c.TransformSha256,
        "sha512": c.TransformSha512,
    }
    good = {"sha256", "sha512"}
    for parts in ("a", "r", "ar"):
        for method, signed_by in methods.items():
            for digest, hashed_by in digests.items():
                if {method, digest} <= good:
                    continue
                xml = tried(lambda: sealed(response_xml(HONEST), parts, method=signed_by, digest=hashed_by))  # noqa: B023
                if xml:
                    yield Vector(f"rsa {method} over {digest} {parts}", form_of(xml))
        for name, uri in (("hmac", "hmac-sha256"), ("hmac sha1", "hmac-sha1"), ("dsa", "dsa-sha256"), ("none", "none")):
            text = honest(parts).decode().replace("#rsa-sha256", f"#{uri}")
            yield Vector(f"stated {name} {parts}", form_of(text.encode()))


def transforms() -> Iterator[Vector]:
    """Chains of transforms other than the one there is, signed by the provider's real key where they can be."""
    e, x = c.TransformEnveloped, c.TransformExclC14N
    chains = {
        "enveloped alone": (e,),
        "exclusive alone": (x,),
        "swapped": (x, e),
        "twice": (e, x, x),
        "inclusive": (e, c.TransformInclC14N),
        "with comments": (e, c.TransformExclC14NWithComments),
        "inclusive 1.1": (e, c.TransformInclC14N11),
        "enveloped twice": (e, e),
        "enveloped twice, exclusive": (e, e, x),
        "inclusive with comments": (e, c.TransformInclC14NWithComments),
    }
    for parts in ("a", "r", "ar"):
        for name, chain in chains.items():
            for lone in (False, True):
                text = _exclusive(response_xml(HONEST)) if lone else response_xml(HONEST)
                xml = tried(lambda: sealed(text, parts, transforms=chain))  # noqa: B023
                if xml:
                    yield Vector(f"transforms {name} {parts} lone={lone}", form_of(xml))
        for name in ("InclC14N", "InclC14NWithComments", "ExclC14NWithComments", "InclC14N11"):
            xml = tried(lambda: sealed(response_xml(HONEST), parts, c14n=getattr(c, f"Transform{name}")))  # noqa: B023
            if xml:
                yield Vector(f"canonicalization {name} {parts}", form_of(xml))
        for name, uri in _STATED.items():
            text = (
                honest(parts)
                .decode()
                .replace(f'Transform Algorithm="{names.EXCLUSIVE}"', f'Transform Algorithm="{uri}"')
            )
            yield Vector(f"stated transform {name} {parts}", form_of(text.encode()))


_STATED = {
    "xslt": "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "xpath": "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "xpath filter": "http://www.w3.org/2002/06/xmldsig-filter2",
    "base64": "http://www.w3.org/2000/09/xmldsig#base64",
    "decrypt": "http://www.w3.org/2002/07/decrypt#XML",
    "empty": "",
    "unknown": "urn:x",
}


def references() -> Iterator[Vector]:
    """References that name something else than the element they stand in."""
    for parts in ("a", "r"):
        for uri in ("", "#_other", "#", "#xpointer(/)", "http://evil.example/", "file:///etc/hostname", "cid:x"):
            xml = tried(lambda: sealed(response_xml(HONEST), parts, uri=uri))  # noqa: B023
            if xml:
                yield Vector(f"reference signed {uri!r} {parts}", form_of(xml))
            text = re.sub(r'Reference URI="[^"]*"', f'Reference URI="{uri}"', honest(parts).decode())
            yield Vector(f"reference stated {uri!r} {parts}", form_of(text.encode()))
        for name, old, new in _DAMAGE:
            text = re.sub(old, new, honest(parts).decode(), count=1, flags=re.DOTALL)
            yield Vector(f"signature: {name} {parts}", form_of(text.encode()))


_DAMAGE = (
    ("no digest value", r"<ds:DigestValue>[^<]*<", "<ds:DigestValue><"),
    ("no value", r"<ds:SignatureValue>[^<]*<", "<ds:SignatureValue><"),
    ("two references", r"(<ds:Reference.*?</ds:Reference>)", r"\1\1"),
    ("no reference", r"<ds:Reference.*?</ds:Reference>", ""),
    ("two infos", r"(<ds:SignedInfo.*?</ds:SignedInfo>)", r"\1\1"),
    ("no info", r"<ds:SignedInfo.*?</ds:SignedInfo>", ""),
    ("manifest", r"(</ds:KeyInfo>)", r"\1<ds:Object><ds:Manifest/></ds:Object>"),
    ("empty info", r"<ds:SignedInfo.*?</ds:SignedInfo>", "<ds:SignedInfo/>"),
    ("two signatures", r"(<ds:Signature .*?</ds:Signature>)", r"\1\1"),
    ("value cut", r"(<ds:SignatureValue>[^<]{40})[^<]*<", r"\1<"),
    ("changed name", "aline", VICTIM),
    ("changed digest", r"<ds:DigestValue>.", "<ds:DigestValue>A"),
    ("comment in digest", r"<ds:DigestValue>", "<ds:DigestValue><!-- x -->"),
    ("no signature", r"<ds:Signature .*?</ds:Signature>", ""),
    ("not base64", r"<ds:SignatureValue>.", "<ds:SignatureValue>!"),
    ("void namespace", "<ds:SignedInfo>", '<ds:SignedInfo xmlns:v="1">'),
)


def keys() -> Iterator[Vector]:
    """Keys that the message brings along, and keys that are not the provider's."""
    strangers = {"other": pair("other"), "ours": pair("sp"), "curve": pair("curved", "ec")}
    for parts in ("a", "r", "ar", "ae", "are"):
        for name, stranger in strangers.items():
            method = c.TransformEcdsaSha256 if name == "curve" else c.TransformRsaSha256
            xml = sealed(response_xml(HONEST), parts, by=stranger, method=method)
            yield Vector(f"signed by {name} {parts}", form_of(xml))
            claims = xml.replace(stranger.certificate.encode(), pair("idp").certificate.encode())
            yield Vector(f"signed by {name}, says idp {parts}", form_of(claims))
            for told in ("<ds:KeyName>idp</ds:KeyName>", '<ds:RetrievalMethod URI="#k"/>', ""):
                named = re.sub(rb"<ds:X509Data>.*?</ds:X509Data>", told.encode(), xml, flags=re.DOTALL)
                yield Vector(f"signed by {name}, {told[:12] or 'no key'} {parts}", form_of(named))


def _deep(levels: int) -> bytes:
    root = parsed(response_xml(HONEST))
    place = root
    for _ in range(levels):
        place = etree.SubElement(place, names.samlp("Extensions"))
    sign(root, pair("idp"))
    return octets(root)


def _exclusive(text: str) -> str:
    """Namespaces declared only where they are used: then inclusive and exclusive canonical forms are one."""
    return bytes(etree.tostring(parsed(text), method="c14n", exclusive=True)).decode()


def sealings() -> Iterator[Vector]:
    """Encryption that lets its reader be asked, and what must not be inside."""
    ways = {
        "aes-cbc": (c.TransformAes256Cbc, c.KeyDataAes, 256, c.TransformRsaOaep),
        "3des": (c.TransformDes3Cbc, c.KeyDataDes, 192, c.TransformRsaOaep),
        "aes128-cbc": (c.TransformAes128Cbc, c.KeyDataAes, 128, c.TransformRsaOaep),
        "pkcs1": (c.TransformAes256Gcm, c.KeyDataAes, 256, c.TransformRsaPkcs1),
        "aes-cbc pkcs1": (c.TransformAes256Cbc, c.KeyDataAes, 256, c.TransformRsaPkcs1),
    }
    for signs in ("a", "r", "ar"):
        for name, (data, kind, bits, transport) in ways.items():
            root = parsed(response_xml(HONEST))
            if "a" in signs:
                sign(root.find(names.saml("Assertion")), pair("idp"))
            encrypt(
                root.find(names.saml("Assertion")), pair("sp"), data=data, key_data=kind, bits=bits, transport=transport
            )
            if "r" in signs:
                sign(root, pair("idp"))
            yield Vector(f"sealed {name} {signs}", form_of(octets(root)))
    sound = honest("ae").decode()
    for name, old, new in _UNSEALED:
        yield Vector(f"sealing: {name}", form_of(re.sub(old, new, sound, count=1, flags=re.DOTALL).encode()))
    root = parsed(response_xml(HONEST))
    encrypt(root.find(names.saml("Assertion")), pair("other"))
    sign(root, pair("idp"))
    yield Vector("sealed for somebody else", form_of(octets(root)))


def _another(found: re.Match[str]) -> str:
    """The value with another first letter: a letter written blindly is the right one once in 64."""
    return found[1] + ("B" if found[2] == "A" else "A")


_VALUE = r"(<xenc:CipherValue>)"
_UNSEALED = (
    ("key spoilt", _VALUE + "(.)", _another),
    ("data spoilt", r"(.*<xenc:CipherValue>)(.)", _another),
    ("key empty", _VALUE + "[^<]*", r"\1"),
    ("key not base64", _VALUE, r"\1!"),
    ("data cut", r"(.*<xenc:CipherValue>.{20})[^<]*", r"\1"),
    ("reference", r"<xenc:CipherValue>[^<]*</xenc:CipherValue>", '<xenc:CipherReference URI="http://evil.example/"/>'),
    ("two keys", r"(<xenc:EncryptedKey.*?</xenc:EncryptedKey>)", r"\1\1"),
    ("no key", r"<xenc:EncryptedKey.*?</xenc:EncryptedKey>", ""),
    ("content", "xmlenc#Element", "xmlenc#Content"),
    ("no type", r' Type="[^"]*"', ""),
    ("says cbc", "xmlenc11#aes256-gcm", "xmlenc#aes256-cbc"),
    ("says pkcs1", "rsa-oaep-mgf1p", "rsa-1_5"),
    ("says aes-128", "aes256-gcm", "aes128-gcm"),
    ("odd digest", r'(rsa-oaep-mgf1p")/>', r'\1><ds:DigestMethod Algorithm="urn:x"/></xenc:EncryptionMethod>'),
)


def markup_vectors() -> tuple[Vector, ...]:
    """All of them, each document once."""
    families = (inside_text, attributes, doctypes, encodings, algorithms, transforms, references, keys, sealings)
    return tuple({vector.body: vector for family in families for vector in family()}.values())
