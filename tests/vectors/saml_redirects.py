"""Redirects signed by a peer's real key whose parameters came twice, in another order, or in another spelling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from urllib.parse import quote

import xmlsec
from xmlsec import constants as c

from broker.wire.saml import encode_redirect, names, with_signature
from tests.saml_peer import pair

REQUEST = (
    f'<samlp:LogoutRequest xmlns:samlp="{names.SAMLP}" xmlns:saml="{names.SAML}" ID="_l1" Version="2.0" '
    'IssueInstant="2026-09-07T08:00:00Z"><saml:Issuer>https://idp.example/saml</saml:Issuer>'
    "<saml:NameID>{}</saml:NameID></samlp:LogoutRequest>"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query that must be taken for nobody's."""

    id: str
    text: str


@cache
def signed(name: str = "aline", *, relay_state: str = "ici", sha1: bool = False) -> str:
    """A query as an honest peer writes it."""
    algorithm = f"{names.DS}rsa-sha1" if sha1 else names.RSA_SHA256
    query = encode_redirect("SAMLRequest", REQUEST.format(name).encode(), relay_state=relay_state, algorithm=algorithm)
    context = xmlsec.SignatureContext()
    context.key = pair("idp").key
    return with_signature(
        query, context.sign_binary(query.encode(), c.TransformRsaSha1 if sha1 else c.TransformRsaSha256)
    )


def redirect_vectors() -> tuple[Query, ...]:
    """All of them, each query once."""
    every = (*_orders(), *_doubled(), *_spelt())
    return tuple({vector.text: vector for vector in every if vector.text != signed()}.values())


def _orders() -> Iterator[Query]:
    """But one: python3-saml writes the signature before its algorithm; what is verified has the standard's order."""
    fields = signed().split("&")
    for order in permutations(range(4)):
        if order == (0, 1, 3, 2):
            continue
        yield Query(f"order {order}", "&".join(fields[place] for place in order))


def _doubled() -> Iterator[Query]:
    """A second parameter of a name, another's or the same, at each place: which one is read, which one verified?"""
    fields, others = signed().split("&"), signed("direction", relay_state="ailleurs").split("&")
    for number in range(4):
        for place in range(5):
            for which, source in (("same", fields), ("other", others)):
                doubled = [*fields[:place], source[number], *fields[place:]]
                yield Query(f"{which} {number} at {place}", "&".join(doubled))
        yield Query(f"without {number}", "&".join(fields[:number] + fields[number + 1 :]))
        yield Query(f"of another {number}", "&".join([*fields[:number], others[number], *fields[number + 1 :]]))


def _spelt() -> Iterator[Query]:
    text = signed()
    message, state, algorithm, value = text.split("&")
    odd = {
        "foreign in front": f"x=1&{text}",
        "foreign behind": f"{text}&x=1",
        "encoding": f"{text}&SAMLEncoding=x",
        "name encoded": text.replace("SAMLRequest", "SAML%52equest"),
        "name in lower case": text.replace("SAMLRequest", "samlrequest"),
        "lower escapes": text.replace("%2F", "%2f").replace("%3D", "%3d").replace("%2B", "%2b").replace("%3A", "%3a"),
        "space as plus": text.replace("RelayState=ici", "RelayState=ici+"),
        "semicolons": text.replace("&", ";"),
        "sha1": signed(sha1=True),
        "algorithm changed": text.replace("rsa-sha256", "rsa-sha512"),
        "no algorithm": f"{message}&{state}&SigAlg=&{value}",
        "value cut": text[:-12],
        "value empty": f"{message}&{state}&{algorithm}&Signature=",
        "value of zeros": f"{message}&{state}&{algorithm}&Signature={quote('AAAA' * 80)}",
        "response": text.replace("SAMLRequest", "SAMLResponse"),
        "empty pair": f"{message}&&{state}&{algorithm}&{value}",
        "no equals": text + "&RelayState",
        "state empty": text.replace("RelayState=ici", "RelayState="),
        "unsigned": f"{message}&{state}",
        "fragment": text + "#",
    }
    yield from (Query(name, spelt) for name, spelt in odd.items())
