"""Assertions that the provider signed, but not for us, this browser or now; and forms that are read in two ways."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from urllib.parse import quote

from broker.wire.saml import names
from tests.saml_peer import assertion_xml, response_xml
from tests.vectors.saml_documents import (
    ACS,
    ENTITY,
    HONEST,
    PARTS,
    PROVIDER,
    REQUEST,
    STATE,
    VICTIM,
    Vector,
    form_of,
    honest,
    sealed,
    tried,
)

EARLY, LATE = "2026-09-07T07:40:00Z", "2026-09-07T08:20:00Z"
CONDITIONS, DATA = "<saml:Conditions ", "<saml:SubjectConfirmationData "
STATEMENT = r"<saml:AuthnStatement.*?</saml:AuthnStatement>"
CONFIRMATION = r"<saml:SubjectConfirmation .*?</saml:SubjectConfirmation>"
NAME = r"<saml:NameID [^>]*>aline</saml:NameID>"
VALUE = r"(<saml:AttributeValue>aline</saml:AttributeValue>)"

EVIL = assertion_xml(replace(HONEST, name_id=VICTIM, assertion_id="_evil"))

FAULTS: Mapping[str, tuple[str, str]] = {
    "no audience restriction": (r"<saml:AudienceRestriction>.*?</saml:AudienceRestriction>", ""),
    "no conditions": (r"<saml:Conditions.*?</saml:Conditions>", ""),
    "a second restriction": (
        r"(<saml:AudienceRestriction>)",
        r"<saml:AudienceRestriction><saml:Audience>autre</saml:Audience></saml:AudienceRestriction>\1",
    ),
    "begins later": (r'Conditions NotBefore="[^"]*"', f'Conditions NotBefore="{LATE}"'),
    "is over": (r'(Conditions [^>]*)NotOnOrAfter="[^"]*"', rf'\1NotOnOrAfter="{EARLY}"'),
    "confirmation is over": (r'Data NotOnOrAfter="[^"]*"', f'Data NotOnOrAfter="{EARLY}"'),
    "confirmation without end": (r'Data NotOnOrAfter="[^"]*"', "Data"),
    "confirmation with a beginning": ("ConfirmationData ", f'ConfirmationData NotBefore="{EARLY}" '),
    "no confirmation": (CONFIRMATION, ""),
    "confirmation without data": (r"<saml:SubjectConfirmationData [^>]*/>", ""),
    "holder of key": ("cm:bearer", "cm:holder-of-key"),
    "sender vouches": ("cm:bearer", "cm:sender-vouches"),
    "two confirmations": (f"({CONFIRMATION})", r"\1\1"),
    "a second confirmation for another": (
        f"({CONFIRMATION})",
        lambda m: m[1] + m[1].replace(ACS, "https://x.example/"),
    ),
    "no recipient": (r' Recipient="[^"]*"', ""),
    "no reply in the assertion": (r'(Recipient="[^"]*") InResponseTo="[^"]*"', r"\1"),
    "no reply in the response": (r'(Destination="[^"]*") InResponseTo="[^"]*"', r"\1"),
    "no destination": (r' Destination="[^"]*"', ""),
    "no proof": (STATEMENT, ""),
    "two proofs": (f"({STATEMENT})", r"\1\1"),
    "a proof to come": (r'AuthnInstant="[^"]*"', f'AuthnInstant="{LATE}"'),
    "a session that is over": (r"(<saml:AuthnStatement )", rf'\1SessionNotOnOrAfter="{EARLY}" '),
    "issued later": (r'(Assertion [^>]*IssueInstant=)"[^"]*"', rf'\1"{LATE}"'),
    "issued long ago": (r'(Assertion [^>]*IssueInstant=)"[^"]*"', rf'\1"{EARLY}"'),
    "answered later": (r'(Response [^>]*IssueInstant=)"[^"]*"', rf'\1"{LATE}"'),
    "answered long ago": (r'(Response [^>]*IssueInstant=)"[^"]*"', rf'\1"{EARLY}"'),
    "a time with a zone": (r'(Assertion [^>]*IssueInstant=)"[^"]*"', r'\1"2026-09-07T08:00:00+00:00"'),
    "a time without a zone": (r'(Assertion [^>]*IssueInstant=)"[^"]*"', r'\1"2026-09-07T08:00:00"'),
    "a day that is none": (r'(Assertion [^>]*IssueInstant=)"[^"]*"', r'\1"2026-02-30T08:00:00Z"'),
    "no name": (NAME, ""),
    "an empty name": (NAME, f'<saml:NameID Format="{names.PERSISTENT}"></saml:NameID>'),
    "a blank name": (NAME, f'<saml:NameID Format="{names.PERSISTENT}"> </saml:NameID>'),
    "a name with a blank": (NAME, f'<saml:NameID Format="{names.PERSISTENT}">aline </saml:NameID>'),
    "a name with a line": (NAME, f'<saml:NameID Format="{names.PERSISTENT}">a&#10;line</saml:NameID>'),
    "a long name": (NAME, f'<saml:NameID Format="{names.PERSISTENT}">{"a" * 300}</saml:NameID>'),
    "a transient name": (names.PERSISTENT, names.TRANSIENT),
    "a mail address": (names.PERSISTENT, names.EMAIL_NAME),
    "a name of no kind": (f' Format="{names.PERSISTENT}"', ""),
    "two names": (f"({NAME})", r"\1\1"),
    "a base id": (NAME, "<saml:BaseID/>"),
    "an encrypted name": (NAME, "<saml:EncryptedID/>"),
    "another version": ('Version="2.0"', 'Version="1.1"'),
    "an unknown condition": ("<saml:AudienceRestriction>", "<saml:Condition/><saml:AudienceRestriction>"),
    "advice": (r"(</saml:Conditions>)", r"\1<saml:Advice/>"),
    "an authorization": (r"(<saml:AuthnStatement)", r'<saml:AuthzDecisionStatement Resource="x"/>\1'),
    "an assertion in a value": (VALUE, f"<saml:AttributeValue>{EVIL}</saml:AttributeValue>"),
    "elements in a value": (VALUE, "<saml:AttributeValue><x>aline</x></saml:AttributeValue>"),
    "a large value": (VALUE, f"<saml:AttributeValue>{'a' * 200_000}</saml:AttributeValue>"),
    "mixed value": (VALUE, f"<saml:AttributeValue>x<saml:NameID>{'y'}</saml:NameID></saml:AttributeValue>"),
    "an attribute on a value": ("<saml:AttributeValue>aline", '<saml:AttributeValue stray="x">aline'),
    "one id twice": ('ID="_assertion"', 'ID="_response"'),
    "no id": (' ID="_assertion"', ""),
    "an id that is none": ('ID="_assertion"', 'ID="1 x"'),
    "a type on the name": ("<saml:NameID ", f'<saml:NameID xmlns:xsi="{names.XSI}" xsi:type="saml:NameType" '),
    "a stray attribute": ("<samlp:Response ", '<samlp:Response stray="x" '),
    "a relative namespace": ("<samlp:Response ", '<samlp:Response xmlns:v="1" '),
    "too many namespaces": (
        "<samlp:Response ",
        "<samlp:Response " + "".join(f'xmlns:n{n}="urn:n{n}" ' for n in range(70)),
    ),
    "extensions": ("<samlp:Status>", "<samlp:Extensions/><samlp:Status>"),
    "two statuses": (r"(<samlp:Status>.*?</samlp:Status>)", r"\1\1"),
}

MUTATIONS = {
    "none": "",
    "upper": str.upper,
    "slash": lambda s: s + "/",
    "query": lambda s: s + "?x",
    "fragment": lambda s: s + "#x",
    "blank": lambda s: s + " ",
    "cut": lambda s: s[:-1],
    "prefix": lambda s: "x" + s,
    "port": lambda s: s.replace(".example", ".example:443"),
    "scheme": lambda s: s.replace("https", "http"),
    "host": lambda s: s.replace("preau", "evil").replace("idp", "evil").replace("_q", "_z"),
    "dot": lambda s: s.replace(".example", ".example."),
    "user": lambda s: s.replace("://", "://x@"),
    "wide": lambda s: s.replace("e", "\uff45", 1),
    "path": lambda s: s.replace("/saml", "/./saml"),
    "encoded": lambda s: s.replace("s", "%73", 1),
    "joiner": lambda s: s + "\u200d",
    "accent": lambda s: s.replace("e", "\u00e9", 1),
}
NAMED = {
    "audience": (f"<saml:Audience>{ENTITY}<", ENTITY),
    "recipient": (f'Recipient="{ACS}"', ACS),
    "destination": (f'Destination="{ACS}"', ACS),
    "issuer": (f"<saml:Issuer>{PROVIDER}<", PROVIDER),
    "reply in the response": (f'Destination="{ACS}" InResponseTo="{REQUEST}"', REQUEST),
    "reply in the assertion": (f'Recipient="{ACS}" InResponseTo="{REQUEST}"', REQUEST),
}
STATUSES = (
    names.REQUESTER,
    names.RESPONDER,
    names.VERSION_MISMATCH,
    names.AUTHN_FAILED,
    names.NO_PASSIVE,
    names.REQUEST_DENIED,
    names.NO_AUTHN_CONTEXT,
    names.PARTIAL_LOGOUT,
    "",
    "urn:x",
    names.SUCCESS + " ",
    names.SUCCESS.lower(),
)


def stated() -> Iterator[Vector]:
    """Each fault, signed by the provider in each way."""
    for name, (old, new) in FAULTS.items():
        text = re.sub(old, new, response_xml(HONEST), count=1, flags=re.DOTALL)
        for parts in PARTS:
            xml = tried(lambda: sealed(text, parts))  # noqa: B023 - called at once
            if xml:
                yield Vector(f"{name} {parts}", form_of(xml))


def named() -> Iterator[Vector]:
    """Every address and name that is almost ours, signed by the provider."""
    for what, (place, value) in NAMED.items():
        for name, change in MUTATIONS.items():
            other = change if isinstance(change, str) else change(value)
            if other == value:
                continue
            new = place[: place.rindex(value)] + other + place[place.rindex(value) + len(value) :]
            text = response_xml(HONEST).replace(place, new, 1)
            for parts in ("a", "r", "are"):
                yield Vector(f"{what} {name} {parts}", form_of(sealed(text, parts)))
    for status in STATUSES:
        for parts in ("a", "r"):
            yield Vector(f"status {status!r} {parts}", form_of(sealed(response_xml(HONEST, status=status), parts)))


def forms() -> Iterator[Vector]:
    """Forms that are read in two ways: doubled, foreign and oddly spelt parameters, base64 that is none."""
    value = quote(base64.b64encode(honest()).decode(), safe="")
    evil = quote(base64.b64encode(honest("")).decode(), safe="")
    state = f"RelayState={STATE}"
    good = f"SAMLResponse={value}"
    doubled = [f"SAMLResponse={evil}", good, state, "RelayState=x", "SAMLResponse="]
    for count in (3, 4):
        for chosen in permutations(range(5), count):
            fields = [doubled[place] for place in chosen]
            names_of = [each.partition("=")[0] for each in fields]
            if len(set(names_of)) < len(names_of):
                yield Vector(f"form of {chosen}", "&".join(fields).encode())
    plain = base64.b64encode(honest()).decode()
    odd = {
        "foreign": f"{good}&{state}&x=1",
        "encoded name": f"SAML%52esponse={value}&{state}",
        "other case": f"samlresponse={value}&{state}",
        "semicolon": f"{good};{state}",
        "request": f"SAMLRequest={value}&{state}",
        "no value": f"SAMLResponse&{state}",
        "no state": good,
        "other state": f"{good}&RelayState=autre",
        "empty state": f"{good}&RelayState=",
        "artifact": f"SAMLart=x&{state}",
        "bare plus": f"SAMLResponse={plain}&{state}" if "+" in plain else f"SAMLResponse=+{value}+x&{state}",
        "url alphabet": f"SAMLResponse={quote(plain.replace('+', '-').replace('/', '_'))}&{state}"
        if set("+/") & set(plain)
        else f"SAMLResponse=-{value}&{state}",
        "base64 twice": f"SAMLResponse={quote(base64.b64encode(plain.encode()).decode())}&{state}",
        "no padding": f"SAMLResponse={value}A&{state}",
        "padding inside": f"SAMLResponse=%3D{value}&{state}",
        "percent cut": f"SAMLResponse={value}%&{state}",
        "not ascii": f"SAMLResponse={value}&RelayState=%FF",
        "control": f"{good}&RelayState=etat%0A",
        "long state": f"{good}&RelayState={'x' * 3000}",
        "raw xml": f"SAMLResponse={quote(honest().decode())}&{state}",
        "sig alg": f"{good}&{state}&SigAlg=x&Signature=y",
        "signature": f"{good}&{state}&Signature=y",
        "encoding": f"{good}&{state}&SAMLEncoding=x",
        "huge": f"SAMLResponse={'A' * 300_000}&{state}",
        "hash": f"{good}&{state}#x",
        "empty pair": f"{good}&&{state}",
        "ending": f"{good}&{state}&",
    }
    yield from (Vector(f"form: {name}", body.encode()) for name, body in odd.items())


def statement_vectors() -> tuple[Vector, ...]:
    """All of them, each document once."""
    return tuple({vector.body: vector for family in (stated, named, forms) for vector in family()}.values())
