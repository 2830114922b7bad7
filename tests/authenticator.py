"""A device that keeps passkeys, as WebAuthn Level 3 §6 has it, so far as a site can see: keys, flags, a counter.

Written against the specification and not with the library under test: what it sends is what a browser would.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from secrets import token_bytes
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(slots=True)
class Authenticator:
    """One device with one key. `origin`: of the page that asks; `flags`: what its person did."""

    origin: str
    flags: int = PRESENT | VERIFIED
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    key_id: bytes = field(default_factory=lambda: token_bytes(32))

    def create(self, options: dict[str, Any]) -> str:
        """Answer `navigator.credentials.create`."""
        point = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
        kept = bytes(16) + len(self.key_id).to_bytes(2) + self.key_id + cose
        data = self._data(options["rp"]["id"], self.flags | HAS_KEY) + kept
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        return self._answer({"clientDataJSON": b64(client), "attestationObject": b64(attested)})

    def get(self, options: dict[str, Any]) -> str:
        """Answer `navigator.credentials.get`."""
        self.count += 1
        data = self._data(options["rpId"], self.flags)
        client = self._client("webauthn.get", options["challenge"])
        signed = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer({"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signed)})

    def _data(self, site: str, flags: int) -> bytes:
        return sha256(site.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        told = {"id": b64(self.key_id), "rawId": b64(self.key_id), "type": "public-key", "response": response}
        return json.dumps({**told, "clientExtensionResults": {}})


def options_of(body: str) -> dict[str, Any]:
    """What a page's form asks the device."""
    found = body.partition('data-options="')[2].partition('"')[0]
    options: dict[str, Any] = json.loads(unescape(found))
    return options


def challenge_bytes(options: dict[str, Any]) -> bytes:
    """The challenge of what is asked."""
    text = str(options["challenge"])
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
