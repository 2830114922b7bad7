"""How SAML messages travel in a browser: HTTP-POST and HTTP-Redirect, read strictly (SAML Bindings §3.4, §3.5).

A redirect's signature covers the octets as they came, not what they decode to; so they are kept, and every parameter
stands once, in the order in which it was signed: the second of two would be verified while the first is read.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from broker.wire.saml.gate import VerifiedElement, is_signed, read, verify_octets
from broker.wire.saml.keys import VerifyingKey
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.xml import MOST_BYTES, MOST_ENCODED

REQUEST = "SAMLRequest"
RESPONSE = "SAMLResponse"
RELAY_STATE = "RelayState"

MOST_RELAY_STATE = 2048
"""The standard says 80 bytes; real services put the page to come back to in it."""

_SIGNED = ("SigAlg", "Signature")


@dataclass(frozen=True, slots=True)
class PostMessage:
    """What a form brought: XML as bytes, not looked at yet."""

    xml: bytes
    relay_state: str


@dataclass(frozen=True, slots=True)
class RedirectMessage:
    """What a query brought: XML as bytes, not looked at yet; and the octets that its signature covers."""

    xml: bytes
    relay_state: str
    octets: bytes
    algorithm: str
    signature: bytes

    @property
    def is_signed(self) -> bool:
        """Whether a signature came along; whether it holds is another matter."""
        return bool(self.signature)


def decode_post(body: bytes, parameter: str) -> PostMessage:
    """Read a form of exactly this message and perhaps a RelayState. Raises `SamlRefused`."""
    if len(body) > MOST_ENCODED:
        raise SamlRefused(Refusal.SIZE)
    values = _once(body, allowed=(parameter, RELAY_STATE))
    if parameter not in values:
        raise SamlRefused(Refusal.PARAMETERS)
    return PostMessage(_base64("".join(_text(values[parameter]).split())), _relay_state(values))


def decode_redirect(query: str, parameter: str) -> RedirectMessage:
    """Read a query of this message, perhaps a RelayState, perhaps a signature, in that order. Raises `SamlRefused`."""
    if len(query) > MOST_ENCODED or not query.isascii():
        raise SamlRefused(Refusal.SIZE)
    raw = query.encode()
    values = _once(raw, allowed=(parameter, RELAY_STATE, *_SIGNED))
    order = [name for name in (parameter, RELAY_STATE, *_SIGNED) if name in values]
    if _in_either_order(values) != order or parameter not in values or ("SigAlg" in values) != ("Signature" in values):
        raise SamlRefused(Refusal.PARAMETERS)
    return RedirectMessage(
        xml=_inflate(_base64(_text(values[parameter]))),
        relay_state=_relay_state(values),
        octets=b"&".join(name.encode() + b"=" + values[name] for name in order if name != "Signature"),
        algorithm=_text(values.get("SigAlg", b"")),
        signature=_base64("".join(_text(values.get("Signature", b"")).split())),
    )


def verify_redirect(message: RedirectMessage, keys: Iterable[VerifyingKey], *roots: str) -> VerifiedElement:
    """The message of a redirect as one of these keys signed it (SAML Bindings §3.4.4.1). Raises `SamlRefused`."""
    if not message.is_signed:
        raise SamlRefused(Refusal.UNSIGNED)
    verify_octets(message.octets, message.signature, message.algorithm, keys)
    element = read(message.xml, *roots)
    if is_signed(element):
        raise SamlRefused(Refusal.SIGNATURE, "a redirect is signed in its query alone")
    return VerifiedElement(element)


def encode_post(xml: bytes) -> str:
    """The value of the form's field."""
    return base64.b64encode(xml).decode()


def encode_redirect(parameter: str, xml: bytes, *, relay_state: str = "", algorithm: str = "") -> str:
    """The query up to what a signature covers; `algorithm` names the one that is about to follow as `&Signature=`."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(xml) + packer.flush()
    fields = {parameter: base64.b64encode(packed).decode(), RELAY_STATE: relay_state, "SigAlg": algorithm}
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items() if value)


def with_signature(query: str, signature: bytes) -> str:
    """The query with its signature behind it."""
    return f"{query}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"


def _once(encoded: bytes, *, allowed: tuple[str, ...]) -> dict[str, bytes]:
    """Each parameter once, still encoded. Names count as written: an encoded letter in one makes it another name."""
    values: dict[str, bytes] = {}
    for pair in encoded.split(b"&"):
        name, equals, value = pair.partition(b"=")
        known = name.decode("ascii", errors="replace")
        if not equals or known not in allowed or known in values:
            raise SamlRefused(Refusal.PARAMETERS)
        values[known] = value
    return values


def _in_either_order(values: dict[str, bytes]) -> list[str]:
    """The names as they came, but for python3-saml, which writes the last two the other way round.

    What is verified is put together from the one value of each, as it came, in the order of the standard.
    """
    names = list(values)
    return [*names[:-2], *_SIGNED] if tuple(names[-2:]) == _SIGNED[::-1] else names


def _text(value: bytes) -> str:
    try:
        return unquote_plus(value.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise SamlRefused(Refusal.ENCODING, "parameter") from None


def _relay_state(values: dict[str, bytes]) -> str:
    text = _text(values.get(RELAY_STATE, b""))
    if len(text.encode()) > MOST_RELAY_STATE or not text.isprintable():
        raise SamlRefused(Refusal.PARAMETERS, "RelayState")
    return text


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SamlRefused(Refusal.ENCODING, "base64") from None


def _inflate(packed: bytes) -> bytes:
    """One whole deflate stream of at most a mebibyte: a small bomb must not become a large message."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        xml = unpacker.decompress(packed, MOST_BYTES + 1)
    except zlib.error:
        raise SamlRefused(Refusal.ENCODING, "deflate") from None
    if len(xml) > MOST_BYTES:
        raise SamlRefused(Refusal.SIZE)
    if not unpacker.eof or unpacker.unused_data:
        raise SamlRefused(Refusal.ENCODING, "deflate")
    return xml
